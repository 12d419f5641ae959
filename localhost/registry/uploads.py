"""Uploads to the local registry: they grow by what arrives, whole or broken off, and end as blobs."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from starlette.requests import ClientDisconnect

from localhost.registry.errors import RegistryError
from localhost.registry.files import PIECE
from localhost.registry.store import Store
from shared.domain.images import DIGEST

_RANGE: Final = re.compile(r"(?:bytes )?(\d{1,18})-(\d{1,18})(?:/.*)?")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Which bytes of a blob a request says it has: the last included."""

    first: int
    last: int

    @classmethod
    def of(cls, header: str | None) -> "Chunk | None":
        """The chunk of a ``Content-Range``; None: there is no such header.

        Raises:
            RegistryError: it says nothing.
        """
        if header is None:
            return None
        found = _RANGE.fullmatch(header)
        if found is None or int(found[1]) > int(found[2]):
            raise RegistryError(
                "BLOB_UPLOAD_INVALID", "Content-Range has the form <first>-<last>", status=416
            )
        return cls(int(found[1]), int(found[2]))


class Uploads:
    """The uploads of one registry. Of an upload, one request is served at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def standing(self, repository: str, upload: str) -> int:
        """How many bytes an upload has.

        Raises:
            RegistryError: there is no such upload.
        """
        async with self._lock(upload):  # one whose connection has just broken may still be writing
            self._store.require_upload(repository, upload)
            return await asyncio.to_thread(self._store.files.size, upload)

    async def append(
        self, repository: str, upload: str, pieces: AsyncIterator[bytes], chunk: Chunk | None
    ) -> int:
        """Put what arrives at the end of an upload; how many bytes it has then, all of them on disk.

        What arrived before a connection broke stays, and the upload can go on behind it.

        Raises:
            RegistryError: it belongs elsewhere, is not as long as it says, or there is no room.
        """
        async with self._lock(upload):
            self._store.require_upload(repository, upload)
            files = self._store.files
            before = await asyncio.to_thread(files.size, upload)
            if chunk is not None and chunk.first != before:
                message = f"the upload has {before} bytes, so the next chunk begins there"
                headers = progress(repository, upload, before)
                raise RegistryError("BLOB_UPLOAD_INVALID", message, status=416, headers=headers)
            try:
                await self._take(upload, pieces)
            finally:
                await asyncio.to_thread(files.sync, upload)
                await self._store.touch_upload(upload)
            now = await asyncio.to_thread(files.size, upload)
            if chunk is not None and now != chunk.last + 1:
                await asyncio.to_thread(files.cut, upload, before)
                message = f"Content-Range and the body differ: {now - before} bytes came"
                raise RegistryError("SIZE_INVALID", message)
            return now

    async def finish(self, repository: str, upload: str, digest: str) -> None:
        """Make a blob of an upload.

        Raises:
            RegistryError: its bytes have another digest, with which it ends.
        """
        require_digest(digest)
        async with self._lock(upload):
            self._store.require_upload(repository, upload)
            files = self._store.files
            size = await asyncio.to_thread(files.size, upload)
            found = await asyncio.to_thread(files.digest, upload, digest.partition(":")[0])
            if found != digest:
                await self._store.cancel_upload(upload)
                raise RegistryError("DIGEST_INVALID", f"what was sent has the digest {found}")
            await self._store.finish_upload(repository, upload, digest, size)

    async def cancel(self, repository: str, upload: str) -> None:
        """End an upload.

        Raises:
            RegistryError: there is no such upload.
        """
        async with self._lock(upload):
            self._store.require_upload(repository, upload)
            await self._store.cancel_upload(upload)

    async def _take(self, upload: str, pieces: AsyncIterator[bytes]) -> None:
        batch: list[bytes] = []
        waiting = 0
        try:
            async for piece in pieces:
                batch.append(piece)
                waiting += len(piece)
                if waiting >= PIECE:
                    await asyncio.to_thread(self._store.files.append, upload, batch)
                    batch, waiting = [], 0
        except ClientDisconnect:
            await asyncio.to_thread(self._store.files.append, upload, batch)
            raise
        await asyncio.to_thread(self._store.files.append, upload, batch)

    def _lock(self, upload: str) -> asyncio.Lock:
        return self._locks.setdefault(upload, asyncio.Lock())


def progress(repository: str, upload: str, size: int) -> dict[str, str]:
    """The headers that say where an upload goes on, and from which byte."""
    return {
        "location": f"/v2/{repository}/blobs/uploads/{upload}",
        "range": f"0-{max(size - 1, 0)}",
        "docker-upload-uuid": upload,
    }


def require_digest(digest: str) -> None:
    """Go on if that is a digest.

    Raises:
        RegistryError: it is none, or of an algorithm that is not known here.
    """
    if not DIGEST.fullmatch(digest):
        message = "a digest is sha256: or sha512: and so many bytes as lower-case hexadecimal digits"
        raise RegistryError("DIGEST_INVALID", message)
