"""The body of an answer, of no more bytes than there may be: as it comes, and after every decompression.

A few kilobytes can stand for gigabytes, and what comes out of one decompression can be such a few kilobytes
for the next. So each gives back small pieces, and the first that has given too much ends it all.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import httpx

ACCEPTED: Final = "gzip, deflate"
"""The codings that are asked for (RFC 9110, 12.5.3)."""
MAX_CODINGS: Final = 2
"""How many may be applied one after the other."""
PIECE: Final = 64 * 1024
"""The most bytes that come out of a decompression at a time."""

type Stage = Callable[[bytes], Iterator[bytes]]
"""What becomes of some bytes on their way."""


class BodyTooLargeError(Exception):
    """The body has more bytes than there may be, before or after a decompression."""


class BodyEncodingError(Exception):
    """The body cannot be decompressed; the message says why."""


async def read_body(response: "httpx.Response", *, limit: int) -> bytes:
    """The body, decompressed.

    Raises:
        BodyTooLargeError: it has more than ``limit`` bytes.
        BodyEncodingError: it is in no coding that was asked for, or damaged.
    """
    stages: list[Stage] = [_Bound(limit)]
    for coding in _codings(response):
        stages += [_decompression(coding), _Bound(limit)]
    body = bytearray()
    try:
        async for chunk in response.aiter_raw():
            for piece in _through(stages, chunk):
                body += piece
    except zlib.error as error:
        raise BodyEncodingError("is not compressed as it says") from error
    return bytes(body)


def _codings(response: "httpx.Response") -> Sequence[str]:
    """The codings to undo, in that order: the header has them as they were applied."""
    named = [name.strip().lower() for name in response.headers.get("content-encoding", "").split(",")]
    codings = [name for name in reversed(named) if name not in {"", "identity"}]
    if len(codings) > MAX_CODINGS:
        raise BodyEncodingError(f"is compressed {len(codings)} times; {MAX_CODINGS} are taken")
    return codings


def _decompression(coding: str) -> Stage:
    match coding:
        case "gzip" | "x-gzip":
            return _Inflation(zlib.MAX_WBITS | 16)
        case "deflate":
            return _Inflation(zlib.MAX_WBITS, instead=-zlib.MAX_WBITS)
        case _:
            return _Unknown(coding)


def _through(stages: Sequence[Stage], data: bytes) -> Iterator[bytes]:
    if not stages:
        yield data
        return
    for piece in stages[0](data):
        yield from _through(stages[1:], piece)


class _Bound:
    """Lets bytes pass until there are too many."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def __call__(self, data: bytes) -> Iterator[bytes]:
        self._left -= len(data)
        if self._left < 0:
            raise BodyTooLargeError
        yield data


class _Inflation:
    """Decompresses; ``instead``: the form of those who leave out zlib's header, as many servers do."""

    def __init__(self, form: int, *, instead: int | None = None) -> None:
        self._zlib = zlib.decompressobj(form)
        self._instead = instead

    def __call__(self, data: bytes) -> Iterator[bytes]:
        full = False
        while data or full:
            piece = self._piece(data)
            data, full = self._zlib.unconsumed_tail, len(piece) == PIECE  # full: there may be more inside
            if piece:
                yield piece

    def _piece(self, data: bytes) -> bytes:
        other, self._instead = self._instead, None  # the first bytes tell which form it is
        try:
            return self._zlib.decompress(data, PIECE)
        except zlib.error:
            if other is None:
                raise
            self._zlib = zlib.decompressobj(other)
            return self._zlib.decompress(data, PIECE)


class _Unknown:
    """Fails at the first byte: without any, it does not matter how they would be compressed."""

    def __init__(self, coding: str) -> None:
        self._coding = coding

    def __call__(self, _data: bytes) -> Iterator[bytes]:
        raise BodyEncodingError(f"is encoded as {self._coding[:40]!r}, which was not asked for")
