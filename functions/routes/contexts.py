"""The HTTP routes of build contexts; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.contexts import BuildContext

UPLOAD_CONTEXT = Route(
    name="upload_context",
    method="POST",
    path="v1/contexts",
    summary="Keep an archive for a while, to build container images from",
    operation="contexts.upload",
    uploads=("application/gzip", "application/x-tar", "application/octet-stream"),
    response=BuildContext,
    status=201,
    problems=(409, 413, 415, 422),
)
