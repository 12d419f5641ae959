"""Server-sent events (WHATWG HTML, section 9.2): a tail of events as one long response."""

from collections.abc import AsyncIterator, Sequence

import orjson
from azurefunctions.extensions.http.fastapi import StreamingResponse

from functions.routes.route import EVENT_STREAM
from functions.wire import executions as wire
from shared.domain.errors import BadRequestError
from shared.domain.events import Event

JSON = "application/json"
RETRY = b"retry: 1000\n\n"
"""The client comes back after this long (milliseconds) when the connection breaks."""
HEARTBEAT = b": still here\n\n"


def wanted(accept: str | None, media: str = EVENT_STREAM) -> bool:
    """Whether ``Accept`` prefers a stream of that media type to a page of JSON; a page if it does not say.

    Raises:
        BadRequestError: it allows neither.
    """
    if not accept:
        return False
    stream, page = _quality(accept, media), _quality(accept, JSON)
    if stream == page == 0:
        raise BadRequestError(f"Accept must allow {media} or {JSON}")
    return stream > page


def respond(tail: AsyncIterator[Sequence[Event]]) -> StreamingResponse:
    """The events of ``tail`` as they come, one chunk for each batch; an empty batch is a heartbeat."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_chunks(tail), headers=headers, media_type=EVENT_STREAM)


async def _chunks(tail: AsyncIterator[Sequence[Event]]) -> AsyncIterator[bytes]:
    opening = RETRY
    async for events in tail:
        yield opening + (b"".join(map(_part, events)) or HEARTBEAT)
        opening = b""


def _part(event: Event) -> bytes:
    data = orjson.dumps(wire.event(event), default=dict)
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event.cursor.encode(), event.type.encode(), data)


def _quality(accept: str, media: str) -> float:
    """How much ``Accept`` likes a media type; the most specific range decides (RFC 9110, section 12.5.1)."""
    ranges: dict[str, float] = {}
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            ranges[name] = float(quality)
        except ValueError as error:
            raise BadRequestError("Accept has a quality that is no number") from error
    for name in (media, media.partition("/")[0] + "/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
