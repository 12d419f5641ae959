"""The bytes of the local registry: blobs under their digests, and uploads that grow.

Everything here blocks, and is called on threads. A blob's file is complete and on disk before it has its
name.
"""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from localhost.registry.errors import RegistryError

PIECE: Final = 1024 * 1024
MAX_BLOB: Final = 16 * 1024**3
"""Bytes of the largest blob that is taken."""


class Files:
    """The files of one registry, in its folder."""

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / "blobs"
        self._uploads = folder / "uploads"
        for path in (self._blobs, self._uploads):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def blob(self, digest: str) -> Path:
        algorithm, _, hexadecimal = digest.partition(":")
        return self._blobs / algorithm / hexadecimal[:2] / hexadecimal

    def begin(self, upload: str) -> None:
        self._upload(upload).touch(mode=0o600)

    def size(self, upload: str) -> int:
        """How far an upload has come; 0 if its file is gone, so that it begins anew."""
        try:
            return self._upload(upload).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, upload: str, pieces: Iterable[bytes]) -> None:
        """Put ``pieces`` at the end of an upload.

        Raises:
            RegistryError: there is no room, or it would be too large.
        """
        path = self._upload(upload)
        try:
            with path.open("ab", buffering=0) as file:
                for piece in pieces:
                    if file.tell() + len(piece) > MAX_BLOB:
                        raise RegistryError(
                            "SIZE_INVALID", f"a blob has at most {MAX_BLOB} bytes", status=413
                        )
                    _write(file.fileno(), piece)
        except OSError as error:
            raise _no_room(error) from error

    def cut(self, upload: str, size: int) -> None:
        """Take away what is behind ``size`` bytes."""
        with self._upload(upload).open("ab") as file:
            file.truncate(size)

    def sync(self, upload: str) -> None:
        """Return when what an upload has is on disk."""
        with self._upload(upload).open("rb") as file:
            os.fsync(file.fileno())

    def digest(self, upload: str, algorithm: str) -> str:
        with self._upload(upload).open("rb") as file:
            return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"

    def keep(self, upload: str, digest: str) -> None:
        """Give an upload, which is on disk, the name of the blob that it is; from now on it is that."""
        path = self.blob(digest)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._upload(upload).replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self, upload: str) -> None:
        self._upload(upload).unlink(missing_ok=True)

    def remove(self, digest: str) -> None:
        self.blob(digest).unlink(missing_ok=True)

    def blobs(self) -> Iterator[str]:
        """The digests of all blobs that have a file."""
        for path in self._blobs.glob("*/??/*"):
            yield f"{path.parent.parent.name}:{path.name}"

    def uploads(self) -> Iterator[str]:
        for path in self._uploads.iterdir():
            yield path.name

    def _upload(self, upload: str) -> Path:
        return self._uploads / upload


def read(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The bytes of a file from ``start`` up to ``end``, which is not among them."""
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while start < end and (piece := file.read(min(PIECE, end - start))):
            start += len(piece)
            yield piece


def _write(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _no_room(error: OSError) -> Exception:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return RegistryError("DENIED", "there is no room on the registry's disk", status=507)
    return error
