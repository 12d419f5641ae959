"""Bringing an image from one repository to another: all of its platforms, and only what is missing."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.modules.containers.registry.manifests import Descriptor, Manifest
from shared.modules.containers.registry.repositories import Repository
from shared.ports.actions import ActionError

AT_A_TIME: Final = 3
"""Blobs that are brought at a time, each with a chunk in memory."""
MAX_MANIFESTS: Final = 512
"""Images in an index, and in the indexes in it."""


@dataclass(frozen=True, slots=True)
class Transferred:
    """``size`` is of all that the image is made of; ``sent`` of what was not there yet; in bytes.

    ``is_new``: whether the repository had no such manifest before.
    """

    size: int
    sent: int
    is_new: bool


async def transfer(source: Repository, manifest: Manifest, target: Repository) -> Transferred:
    """Have ``target`` have what ``manifest`` names in ``source``, and it itself, by its digest.

    Nothing that a tag stands for changes. Doing it again sends nothing again.

    Raises:
        ActionError: a registry refuses, or has not what the manifest names.
    """
    return await _Transfer(source, target).bring(manifest)


class _Transfer:
    def __init__(self, source: Repository, target: Repository) -> None:
        self._source = source
        self._target = target
        self._same = source.path == target.path
        """Then all of it is there."""
        self._mount = source.name if source.host == target.host else None
        self._brought: dict[str, int] = {}
        """What is dealt with, and its size."""
        self._sent = 0
        self._manifests = 0

    async def bring(self, manifest: Manifest) -> Transferred:
        known = await self._target.registry.digest(self._target.name, manifest.digest)
        await self._bring(manifest, manifest.digest)
        return Transferred(sum(self._brought.values()), self._sent, known is None)

    async def _bring(self, manifest: Manifest, digest: str) -> None:
        """Bring what ``manifest`` names, then it by its digest: a registry wants the parts first."""
        self._manifests += 1
        if self._manifests > MAX_MANIFESTS:
            message = f"{self._source.path} names more than {MAX_MANIFESTS} images in one index"
            raise ActionError("MANIFEST_INVALID", message, retryable=False)
        for child in manifest.manifests:
            if child.digest not in self._brought:
                await self._bring(await self._child(child), child.digest)
        wanted = {one.digest: one for one in manifest.blobs if one.digest not in self._brought}
        await _all([self._blob(one) for one in wanted.values() if not one.is_elsewhere])
        self._brought[digest] = len(manifest.content)
        if not self._same:
            await self._target.registry.put_manifest(self._target.name, manifest, digest)

    async def _child(self, child: Descriptor) -> Manifest:
        found = await self._source.registry.manifest(self._source.name, child.digest)
        if found is None:
            message = f"{self._source.path} has an index that names {child.digest}, which is not there"
            raise ActionError("IMAGE_NOT_FOUND", message, retryable=False)
        return found

    async def _blob(self, blob: Descriptor) -> None:
        self._brought[blob.digest] = blob.size
        if self._same:
            return

        def read(offset: int) -> AsyncIterator[bytes]:
            return self._source.registry.blob(self._source.name, blob, offset)

        target = self._target
        sent = await target.registry.put_blob(target.name, blob, read, mount_from=self._mount)
        self._sent += sent  # not in one: what others add meanwhile would be lost


async def _all(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do it all, some at a time; the first failure ends the rest and is the failure."""
    limit = asyncio.Semaphore(AT_A_TIME)

    async def one(part: Coroutine[Any, Any, None]) -> None:
        async with limit:
            await part

    tasks = [asyncio.ensure_future(one(part)) for part in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for part in work:
            part.close()  # of those that were never begun
