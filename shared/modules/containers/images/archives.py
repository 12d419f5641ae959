"""Archives that somebody else has made: decompressed, within bounds, before anything looks into them."""

import bz2
import hashlib
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from shared.modules.containers.images.trees import Content, Readable

PIECE: Final = 256 * 1024
GZIP: Final = zlib.MAX_WBITS | 16
MAX_XZ_MEMORY: Final = 128 * 1024 * 1024
"""What xz may need to decompress: as much as its highest preset, and some."""
_GZIP, _BZIP2, _XZ, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
_TAR_MAGIC: Final = slice(257, 262)

type Check = Callable[[], None]
"""Called now and then; raises when the work is to be given up."""


class ArchiveError(ValueError):
    """A layer or archive that cannot be read; the message says why."""


def is_archive(content: Content) -> bool:
    """Whether it is a tar, plain or compressed, as ``ADD`` unpacks it: told by what it begins with."""
    with content.open() as file:
        start = file.read(512)
        if start[_TAR_MAGIC] == b"ustar":
            return True
    if not start.startswith((_GZIP, _BZIP2, _XZ)):
        return False
    with content.open() as file:
        try:
            first = next(_decompressed(file), b"")
        except ArchiveError:
            return False
    return first[_TAR_MAGIC] == b"ustar"


def decompressed(content: Content, target: Path, *, limit: int, check: Check) -> str:
    """Write the archive into the new file ``target``, decompressed; the digest of what came out.

    Raises:
        ArchiveError: it is damaged, in a compression that is not known, or larger than ``limit`` bytes.
        OSError: it cannot be read or written.
    """
    digest = hashlib.sha256()
    with content.open() as file, target.open("xb") as plain:
        for piece in _decompressed(file):
            check()
            limit -= len(piece)
            if limit < 0:
                raise ArchiveError("it is too large when it is decompressed")
            digest.update(piece)
            plain.write(piece)
    return f"sha256:{digest.hexdigest()}"


def _decompressed(file: Readable) -> Iterator[bytes]:
    """What is in it, in pieces of ``PIECE`` bytes at most."""
    first = file.read(PIECE)
    pieces = _pieces(first, file)
    try:
        if first.startswith(_GZIP):
            yield from _gunzipped(pieces)
        elif first.startswith(_BZIP2):
            yield from _stages(pieces, bz2.BZ2Decompressor)
        elif first.startswith(_XZ):
            yield from _stages(pieces, lambda: lzma.LZMADecompressor(memlimit=MAX_XZ_MEMORY))
        elif first.startswith(_ZSTD):
            raise ArchiveError("it is compressed with zstd, which this builder does not read")
        else:
            yield from pieces
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise ArchiveError(f"it cannot be decompressed: {error}") from error


def _pieces(first: bytes, file: Readable) -> Iterator[bytes]:
    while first:
        yield first
        first = file.read(PIECE)


def _gunzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    inflation, begun = zlib.decompressobj(GZIP), False
    for piece in pieces:
        left = piece
        while left:
            begun = True
            if plain := inflation.decompress(left, PIECE):
                yield plain
            left = inflation.unconsumed_tail
            if inflation.eof:  # another member may follow, or zeros
                left = inflation.unused_data.lstrip(b"\0")
                inflation, begun = zlib.decompressobj(GZIP), False
    if begun:
        raise EOFError("it ends too early")


def _stages(
    pieces: Iterator[bytes], make: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]
) -> Iterator[bytes]:
    one = make()
    for piece in pieces:
        left = piece
        while left or not (one.needs_input or one.eof):
            if one.eof:
                one = make()
            if plain := one.decompress(left, PIECE):
                yield plain
            left = one.unused_data if one.eof else b""
    if not one.eof:
        raise EOFError("it ends too early")
