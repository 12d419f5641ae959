"""Bodies that are files: received into a temporary file, with their digest, however large they may be."""

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from azurefunctions.extensions.http.fastapi import Request
from starlette.requests import ClientDisconnect

from functions.routes.route import Route
from shared.domain.errors import BadRequestError, TooLargeError, UnsupportedMediaTypeError

RECEIVE_SECONDS: Final = 200.0
"""How long an upload may take to arrive; Azure's front end waits for an answer for 230."""
PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A body in a file, which somebody has to :meth:`discard`."""

    path: Path
    digest: str
    size: int

    async def discard(self) -> None:
        await asyncio.to_thread(self.path.unlink, missing_ok=True)


def check_media(route: Route, content_type: str | None) -> None:
    """Hold the body's type against those that the route takes.

    Raises:
        UnsupportedMediaTypeError: it is none of them.
    """
    media = (content_type or "").partition(";")[0].strip().lower()
    if media not in route.uploads:
        raise UnsupportedMediaTypeError(f"Send the body as {' or '.join(route.uploads)}")


async def receive(request: Request, *, limit: int, seconds: float = RECEIVE_SECONDS) -> Upload:
    """The body, of at most ``limit`` bytes; what is larger is not read to its end.

    Raises:
        TooLargeError: it is larger, by its Content-Length or by what came.
        BadRequestError: it did not arrive whole in that time.
    """
    announced = request.headers.get("content-length", "")
    too_large = f"The request body may have at most {limit} bytes"
    if announced.isdecimal() and int(announced) > limit:
        raise TooLargeError(too_large)
    path = Path(await asyncio.to_thread(_new_file))
    received = Upload(path, "", 0)
    try:
        async with asyncio.timeout(seconds):
            received = await _written(request, path, limit, too_large)
    except (ClientDisconnect, TimeoutError) as error:
        await received.discard()
        raise BadRequestError("The request body did not arrive whole") from error
    except BaseException:
        await asyncio.shield(received.discard())
        raise
    return received


async def _written(request: Request, path: Path, limit: int, too_large: str) -> Upload:
    digest, size, buffer = hashlib.sha256(), 0, bytearray()
    with await asyncio.to_thread(path.open, "wb") as file:

        def write(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise TooLargeError(too_large)
            buffer += chunk
            if len(buffer) >= PIECE:
                await asyncio.to_thread(write, bytes(buffer))
                buffer.clear()
        await asyncio.to_thread(write, bytes(buffer))
    return Upload(path, f"sha256:{digest.hexdigest()}", size)


def _new_file() -> str:
    with tempfile.NamedTemporaryFile(prefix="quantum-upload-", delete=False) as file:
        return file.name
