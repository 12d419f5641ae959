"""The head of the host's own answers. An app's functions say themselves what is in theirs."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UNLESS_SAID: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


def hardened(endpoint: ASGIApp) -> ASGIApp:
    """``endpoint``, whose answers nobody keeps, frames, takes for something else or is led away from."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                said = {name.lower() for name, _ in headers}
                headers += [header for header in _UNLESS_SAID if header[0] not in said]
                message = {**message, "headers": headers}
            await send(message)

        await endpoint(scope, receive, send_on)

    return serve
