"""Small responses sent straight to the ASGI server, without a response object."""

from collections.abc import Iterable, Sequence

from starlette.types import Send

type RawHeaders = Sequence[tuple[bytes, bytes]]


async def send_reply(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
    """Send one complete response; ``content-length`` is added, except to a 204, which may not have one."""
    length = () if status == 204 else ((b"content-length", b"%d" % len(body)),)
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})


async def send_empty(send: Send, status: int, headers: RawHeaders = ()) -> None:
    """Send a response without a body, as the Functions host does for its own refusals."""
    await send_reply(send, status, headers, b"")
