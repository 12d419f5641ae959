"""The HTTP routes of callbacks; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.callbacks import CallBack, CallbackReceived

CALL_BACK = Route(
    name="call_back",
    method="POST",
    path="v1/callbacks/{token}",
    summary="Say what a step that waits for a callback has come to, at the address that it gave",
    operation=None,
    sealed=True,
    body=CallBack,
    max_body=256 * 1024,
    response=CallbackReceived,
    status=202,
    problems=(400, 404, 409, 422, 503),
    durable=True,
)
