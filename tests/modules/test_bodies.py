"""Bodies of answers: whole where they fit, and never more than there may be, however they are packed."""

import gzip
import random
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from shared.modules.bodies import PIECE, BodyEncodingError, BodyTooLargeError, read_body

LIMIT = 1024 * 1024


def bare(data: bytes) -> bytes:
    """Deflated without zlib's header."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


async def read(data: bytes, coding: str = "", *, chunk: int = 65_536, limit: int = LIMIT) -> bytes:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(data), chunk):
            yield data[at : at + chunk]

    headers = {"content-encoding": coding} if coding else {}
    return await read_body(httpx.Response(200, headers=headers, content=chunks()), limit=limit)


@pytest.mark.parametrize("size", [0, 1, 257, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7, LIMIT])
@pytest.mark.parametrize("same", [True, False], ids=["one byte over and over", "random"])
@pytest.mark.parametrize("chunk", [997, 65_536])
async def test_a_body_comes_out_as_it_went_in(size: int, chunk: int, *, same: bool) -> None:
    data = b"x" * size if same else random.Random(size).randbytes(size)
    limit = LIMIT + 1024  # what cannot be compressed grows a little
    assert await read(data, chunk=chunk) == data
    for coding, packed in {
        "gzip": gzip.compress(data),
        "X-Gzip": gzip.compress(data),
        "deflate": zlib.compress(data),
        " deflate , identity": bare(data),
        "gzip, deflate": zlib.compress(gzip.compress(data)),
    }.items():
        assert await read(packed, coding, chunk=chunk, limit=limit) == data, coding


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("", b"x" * (LIMIT + 1)),
        ("gzip", gzip.compress(b"x" * (LIMIT + 1))),
        ("deflate", zlib.compress(b"x" * (LIMIT + 1))),
        ("deflate", bare(b"x" * (LIMIT + 1))),
        ("gzip, gzip", gzip.compress(gzip.compress(b"x" * 64 * LIMIT))),
        ("deflate, gzip", gzip.compress(zlib.compress(b"x" * 64 * LIMIT))),
        ("gzip", gzip.compress(b"") * 60_000),
    ],
    ids=["plain", "gzip", "deflate", "bare", "gzip twice", "deflate in gzip", "much that is nothing"],
)
async def test_what_is_too_much_is_never_held_in_memory(coding: str, data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            await read(data, coding)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * LIMIT


@pytest.mark.parametrize(
    ("coding", "data", "why"),
    [
        ("gzip", b"not compressed", "not compressed as it says"),
        ("deflate", b"\xff\xff", "not compressed as it says"),
        ("br", b"x", "'br', which was not asked for"),
        ("gzip, gzip, gzip", b"", "compressed 3 times"),
        (", ".join(["gzip"] * 1000), b"", "compressed 1000 times"),
    ],
)
async def test_what_cannot_be_read_says_why(coding: str, data: bytes, why: str) -> None:
    with pytest.raises(BodyEncodingError, match=why):
        await read(data, coding)


async def test_an_empty_body_is_empty_in_any_coding() -> None:
    assert await read(b"", "br") == await read(b"", "gzip") == b""
