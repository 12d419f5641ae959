"""The images that a build begins with: pulled by digest, for one platform, and read into trees."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from shared.domain.images import ImageReference, parse_image, refusal_of_origin
from shared.modules.containers.building.benches import Bench
from shared.modules.containers.building.orders import Order
from shared.modules.containers.images.archives import ArchiveError, decompressed
from shared.modules.containers.images.assembly import MAX_BYTES, BaseImage
from shared.modules.containers.images.dockerfiles import Instruction
from shared.modules.containers.images.layers import LAYER, TAR, Layer, apply_layer
from shared.modules.containers.images.recipes import Origin
from shared.modules.containers.images.trees import Beneath, Tree
from shared.modules.containers.registry.manifests import Descriptor, Manifest
from shared.modules.containers.registry.repositories import Found, Repositories
from shared.ports.actions import ActionError
from shared.security.redaction import has_mark
from shared.security.scope import TenantScope

MAX_CONFIG: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 2
"""Indexes within indexes that are looked through."""


type Allowed = Callable[[TenantScope], Awaitable[Sequence[str] | None]]
"""The registries that a tenant takes images from; None: all."""


async def everything(scope: TenantScope) -> None:
    """Where nobody restricts anything."""
    del scope


class Bases:
    """Fetches them, through the client of registries."""

    def __init__(self, repositories: Repositories, allowed: Allowed = everything) -> None:
        self._repositories = repositories
        self._allowed = allowed

    async def found(self, order: Order, origin: Origin, named_by: Instruction) -> Sequence[Found]:
        """What the image's name stands for, and what that leads to for the platform: the last is the image.

        Raises:
            ActionError: there is none, and which line wants it.
        """
        with _told_of(named_by):
            image = await self._allowed_image(order, origin)
            found = await self._repositories.find(
                order.scope,
                image,
                execution_id=order.execution_id,
                login=order.logins.get(image.registry or ""),
            )
            return await _for_platform(found, origin)

    async def foreseen(self, order: Order, origin: Origin, named_by: Instruction) -> str | None:
        """The image's digest; None: in a dry run, which is given no secrets, nobody signs in where it is.

        Raises:
            ActionError: there is none, or it is not allowed, and which line wants it.
        """
        with _told_of(named_by):
            image = await self._allowed_image(order, origin)
        login = order.logins.get(image.registry or "")
        if login is not None and (has_mark(login.username) or has_mark(login.password)):
            return None
        return (await self.found(order, origin, named_by))[-1].manifest.digest

    async def _allowed_image(self, order: Order, origin: Origin) -> ImageReference:
        """The image, held against what the tenant's administrators allow, if it is one of elsewhere."""
        # In a Dockerfile a name without a registry is Docker Hub's, as everywhere else.
        image = parse_image(origin.image).at_docker()
        if image.registry == self._repositories.build.place.host:
            return image
        allowed = await self._allowed(order.scope)
        if (why := refusal_of_origin(f"{image.registry}/{image.repository}", allowed)) is not None:
            raise ActionError("FORBIDDEN_REGISTRY", why, retryable=False)
        return image

    async def fetched(
        self,
        order: Order,
        origin: Origin,
        named_by: Instruction,
        bench: Bench,
        known: MutableMapping[str, BaseImage],
    ) -> BaseImage:
        """The image, all of it; ``known`` are those that were fetched before, by digest.

        Raises:
            ActionError: it cannot be had, or not be read.
        """
        *_, found = await self.found(order, origin, named_by)
        digest = found.manifest.digest
        layout = Layout(bench.folder / digest.replace(":", "-"))
        try:
            if digest not in known:
                configuration, layers = await self._pulled(found, layout, origin, bench)
                known[digest] = await bench.run(lambda: _read(configuration, layers, layout, bench))
            return known[digest]
        except (ValueError, OSError) as error:
            raise _unusable(origin, named_by, error) from error

    async def lay_out(
        self, order: Order, origin: Origin, named_by: Instruction, bench: Bench, folder: Path
    ) -> None:
        """Put the image, all of it, into ``folder`` (OCI image layout).

        Raises:
            ActionError: it cannot be had.
        """
        chain = await self.found(order, origin, named_by)
        layout = Layout(folder)
        try:
            await self._pulled(chain[-1], layout, origin, bench)
            await bench.run(lambda: layout.close([found.manifest for found in chain]))
        except (ValueError, OSError) as error:
            raise _unusable(origin, named_by, error) from error

    async def _pulled(
        self, found: Found, layout: "Layout", origin: Origin, bench: Bench
    ) -> tuple[Mapping[str, Any], Sequence[Descriptor]]:
        """The configuration and the layers, which are then in ``layout``."""
        bench.log.write(f"{origin.image} is {found.repository.path}@{found.manifest.digest}")
        config, *layers = found.manifest.blobs
        registry, name = found.repository.registry, found.repository.name
        text = await registry.read(name, config, limit=MAX_CONFIG)
        configuration = orjson.loads(text)
        if not isinstance(configuration, dict) or "rootfs" not in configuration:
            raise ValueError("it is no image that runs")
        if elsewhere := next((one for one in layers if one.is_elsewhere), None):
            raise ValueError(f"its layer {elsewhere.digest} is not distributed")
        if sum(layer.size for layer in layers) > MAX_BYTES:
            raise ValueError(f"its layers have more than {MAX_BYTES} bytes")
        await bench.run(lambda: layout.put(config.digest, text))
        for layer in layers:
            await layout.receive(layer.digest, registry.blob(name, layer))
        return configuration, layers


class Layout:
    """Blobs in a folder, by digest (OCI image layout)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def blob(self, digest: str) -> Path:
        algorithm, _, hexadecimal = digest.partition(":")
        path = self.folder / "blobs" / algorithm / hexadecimal
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def put(self, digest: str, content: bytes) -> None:
        self.blob(digest).write_bytes(content)

    async def receive(self, digest: str, pieces: AsyncIterator[bytes]) -> None:
        path = await asyncio.to_thread(self.blob, digest)
        if not await asyncio.to_thread(path.exists):
            with await asyncio.to_thread(path.open, "wb") as file:
                async for piece in pieces:
                    file.write(piece)

    def close(self, manifests: Sequence[Manifest]) -> None:
        """Have the first of them stand for the layout."""
        for manifest in manifests:
            self.put(manifest.digest, manifest.content)
        index = {"schemaVersion": 2, "manifests": [manifests[0].descriptor.to_json()]}
        (self.folder / "index.json").write_bytes(orjson.dumps(index))
        (self.folder / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')


@contextmanager
def _told_of(named_by: Instruction) -> Iterator[None]:
    """What is wrong with an image, by the line that wants it."""
    try:
        yield
    except ActionError as error:
        message = str(named_by.wrong(error.message))
        raise ActionError(error.code, message, retryable=error.retryable) from error
    except ValueError as error:
        raise ActionError("DOCKERFILE", str(named_by.wrong(str(error))), retryable=False) from error


async def _for_platform(found: Found, origin: Origin) -> Sequence[Found]:
    """``found`` and, while that is an index, what it has for the platform."""
    chain, platform = [found], origin.platform
    while chain[-1].manifest.is_index and platform is not None:
        if len(chain) > MAX_DEPTH:
            raise ValueError(f"{origin.image} is an index of indexes")
        offered = [(one.platform, one) for one in chain[-1].manifest.manifests]
        chosen = platform.chosen(offered)
        if chosen is None:
            known = ", ".join(sorted({_shown(one) for one, _ in offered if one})) or "none"
            raise ValueError(f"{origin.image} is not there for {platform}; it is for: {known}")
        repository = found.repository
        manifest = await repository.registry.manifest(repository.name, chosen.digest)
        if manifest is None:
            raise ValueError(f"{origin.image} has no {chosen.digest}, which its index names")
        chain.append(Found(repository, manifest))
    return chain


def _unusable(origin: Origin, named_by: Instruction, error: Exception) -> ActionError:
    message = str(named_by.wrong(f"{origin.image} cannot be built upon: {error}"))
    return ActionError("BASE_IMAGE", message, retryable=isinstance(error, OSError))


def _read(
    configuration: Mapping[str, Any], described: Sequence[Descriptor], layout: Layout, bench: Bench
) -> BaseImage:
    """What is in the layers, decompressed beside them."""
    diff_ids = configuration["rootfs"].get("diff_ids", [])
    if len(diff_ids) != len(described):
        raise ArchiveError("its configuration names other layers than its manifest")
    tree, left = Tree(), MAX_BYTES
    layers: list[Layer] = []
    for one, diff_id in zip(described, diff_ids, strict=True):
        path = layout.blob(one.digest)
        plain = path.with_suffix(f".{len(layers)}.tar")
        found = decompressed(Beneath(path.parent, path.name), plain, limit=left, check=bench.check)
        if found != diff_id:
            raise ArchiveError(f"its layer {one.digest} is {found} inside, and not {diff_id}")
        left -= plain.stat().st_size
        apply_layer(tree, plain, check=bench.check)
        kind = TAR if _is_plain(path) else LAYER
        layers.append(Layer(path, one.digest, one.size, diff_id, kind))
    return BaseImage(configuration, layers, tree)


def _shown(platform: Mapping[str, Any]) -> str:
    return "/".join(str(platform[part]) for part in ("os", "architecture", "variant") if platform.get(part))


def _is_plain(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) != b"\x1f\x8b"
