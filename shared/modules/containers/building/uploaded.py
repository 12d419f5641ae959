"""Contexts that were uploaded: archives, checked before they are kept, in the build registry.

Each is an OCI artifact with one layer in the tenant's repository of contexts; its reference is the digest of
the archive, so the same archive is kept once.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.domain.contexts import PREFIX
from shared.domain.errors import UnavailableError
from shared.domain.images import DIGEST
from shared.modules.containers.building.benches import Bench, bench
from shared.modules.containers.building.sources import Bounds, ContextError, inside, link_target
from shared.modules.containers.images.archives import ArchiveError, Check, decompressed
from shared.modules.containers.images.ignoring import Ignored
from shared.modules.containers.images.layers import entries_of
from shared.modules.containers.images.trees import Beneath, Tree
from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.manifests import EMPTY, OCI_MANIFEST, Descriptor, Manifest
from shared.modules.containers.registry.repositories import Repositories
from shared.modules.containers.registry.uploads import Source as Pieces
from shared.ports.actions import ActionError
from shared.ports.contexts import ContextRefusedError, NoContextsError
from shared.security.scope import TenantScope

ARTIFACT: Final = "application/vnd.quantum.build-context.v1"
ARCHIVE: Final = "application/vnd.quantum.build-context.layer.v1.tar"
PIECE: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Archive:
    """A context in an archive, whose entries are in ``whole``."""

    whole: Tree
    hidden: frozenset[str] = frozenset()

    def text(self, path: str, *, limit: int) -> bytes | None:
        path = inside(path)
        node = self.whole.get(path)
        if node is None:
            return None
        if node.content is None:
            raise ContextError(f"{path!r} is no file")
        if node.size > limit:
            raise ContextError(f"{path!r} has more than {limit} bytes")
        with node.content.open() as file:
            return file.read()

    def tree(self, ignored: Ignored, bounds: Bounds, *, check: Check) -> Tree:
        tree = Tree()
        files = size = 0
        for path, node in self.whole.walk():
            check()
            if not ignored(path):
                files, size = files + 1, size + node.size
                bounds.check(files, size)
                tree.put(path, node)
        return tree


def read_archive(packed: Path, folder: Path, bounds: Bounds, *, check: Check) -> Archive:
    """The archive in the file ``packed`` (tar, or one that is compressed), decompressed into ``folder``.

    Raises:
        ArchiveError: it is none, or damaged.
        ContextError: it has what no context has: what leads out of it, devices, or too much.
    """
    plain = folder / "context.tar"
    content = Beneath(packed.parent, packed.name)
    # Behind the contents of a file stand up to 511 zeros, and before them its header.
    decompressed(content, plain, limit=bounds.bytes + 2048 * bounds.files, check=check)
    tree = Tree()
    for path, node in entries_of(plain, Tree(), most=bounds.files):
        check()
        if node.kind == "other":
            raise ContextError(f"{path!r} is a device, a pipe or sparse, which no context has")
        if node.kind == "link":
            link_target(path, node.target)
        tree.put(path, node)
    return Archive(tree)


class UploadedContexts:
    """The archives that tenants have uploaded: the contexts port over the build registry."""

    def __init__(self, repositories: Repositories, bounds: Bounds | None = None) -> None:
        self._repositories = repositories
        self._bounds = bounds or Bounds()

    async def keep(self, scope: TenantScope, archive: Path, *, digest: str, size: int) -> None:
        try:
            build = self._repositories.build
        except ActionError as error:
            raise NoContextsError(error.message) from error
        async with bench() as place:
            try:
                await place.run(lambda: read_archive(archive, place.folder, self._bounds, check=place.check))
            except (ArchiveError, ContextError) as error:
                raise ContextRefusedError(f"nothing can be built from this archive: {error}") from error
        try:
            await self._stored(build, scope, archive, Descriptor(ARCHIVE, digest, size))
        except ActionError as error:
            raise UnavailableError(f"The archive cannot be kept now: {error.message}") from error

    async def _stored(
        self, build: BuildRegistry, scope: TenantScope, archive: Path, layer: Descriptor
    ) -> None:
        repository, registry = build.contexts(scope), build.registry
        nothing = Descriptor.of(b"{}", EMPTY)
        await registry.put_blob(repository, layer, file_pieces(archive))
        await registry.put_blob(repository, nothing, b"{}")
        manifest = Manifest.made(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": ARTIFACT,
                "config": nothing.to_json(),
                "layers": [layer.to_json()],
            }
        )
        await registry.put_manifest(repository, manifest, _tag(layer.digest))

    async def fetched(self, scope: TenantScope, reference: str, place: Bench) -> Archive:
        """The archive that ``reference`` names (``upload:sha256:…``).

        Raises:
            ActionError: there is none, or it cannot be had.
            ContextError, ArchiveError: it is damaged.
        """
        build, digest = self._repositories.build, reference.removeprefix(PREFIX)
        if not DIGEST.fullmatch(digest):
            message = f"{reference!r} is no uploaded context: POST /contexts names it, {PREFIX}sha256:…"
            raise ActionError("BUILD_CONTEXT", message, retryable=False)
        repository, registry = build.contexts(scope), build.registry
        manifest = await registry.manifest(repository, _tag(digest))
        layers = [] if manifest is None else [one for one in manifest.blobs if one.digest == digest]
        if not layers:
            message = f"there is no uploaded context {reference}: it was never there, or its time is over"
            raise ActionError("BUILD_CONTEXT", message, retryable=False)
        packed = place.folder / "context"
        with await asyncio.to_thread(packed.open, "xb") as file:
            async for piece in registry.blob(repository, layers[0]):
                file.write(piece)
        return await place.run(lambda: read_archive(packed, place.folder, self._bounds, check=place.check))

    async def forget(self, scope: TenantScope, digest: str) -> None:
        try:
            build = self._repositories.build
        except ActionError as error:
            raise NoContextsError(error.message) from error
        try:
            # By its digest: there are registries that remove no tags.
            known = await build.registry.digest(build.contexts(scope), _tag(digest))
            if known is not None:
                await build.registry.delete(build.contexts(scope), known)
        except ActionError as error:
            raise UnavailableError(error.message) from error


def _tag(digest: str) -> str:
    return digest.replace(":", "-")


def file_pieces(path: Path) -> Pieces:
    """The bytes of a file from an offset on, as registries are sent them; it stays open for none of them."""

    async def pieces(offset: int) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(_piece, path, offset):
            yield piece
            offset += len(piece)

    return pieces


def _piece(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PIECE)
