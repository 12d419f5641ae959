"""Images, pulled by their digest and unpacked into folders, each once."""

import asyncio
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

import orjson

from localhost.target.unpacking import Unpacking
from shared.domain.images import ImageReference, parse_image
from shared.modules.containers.build_registry import BuildRegistry
from shared.modules.containers.manifests import Descriptor, Manifest
from shared.modules.containers.registries import Registry
from shared.modules.containers.sending import Connections
from shared.ports.actions import ActionError
from shared.ports.targets import TargetError
from shared.security.scope import TenantScope

MAX_CONFIG: Final = 4 * 1024 * 1024
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
"""What Python calls machines, and what images do."""


@dataclass(frozen=True, slots=True)
class Image:
    """An unpacked image: where its files are, and how it says that it is run."""

    digest: str
    root: Path
    entrypoint: Sequence[str]
    command: Sequence[str]
    env: Mapping[str, str]
    folder: str


class Images(Protocol):
    """Where the target has its images from."""

    async def digest(self, scope: TenantScope, image: str) -> str:
        """What ``image`` stands for now, as ``registry/repository@digest``.

        Raises:
            TargetError: there is no such image, or nobody says.
        """
        ...

    async def get(self, scope: TenantScope, image: str) -> Image:
        """The image that a reference with a digest names, unpacked.

        Raises:
            TargetError: it cannot be had, or is none that can run here.
        """
        ...

    async def aclose(self) -> None: ...


class PulledImages:
    """Images from registries, kept under ``folder``: tenants' own come from the build registry."""

    def __init__(self, folder: Path, build: BuildRegistry, others: Connections) -> None:
        self._folder = folder
        self._build = build
        self._others = others
        self._pulling: dict[str, asyncio.Lock] = {}

    async def digest(self, scope: TenantScope, image: str) -> str:
        """See :meth:`Images.digest`."""
        with _told(image):
            registry, repository, reference = self._find(scope, image)
            digest = await registry.digest(repository, reference.reference)
        if digest is None:
            raise TargetError("IMAGE_NOT_FOUND", f"there is no image {image} in {registry.name}")
        host = self._build.place.host if registry is self._build.registry else registry.name
        return f"{host}/{repository}@{digest}"

    async def get(self, scope: TenantScope, image: str) -> Image:
        """See :meth:`Images.get`: pulled and unpacked unless it is here."""
        registry, repository, reference = self._find(scope, image)
        assert reference.digest is not None  # as digest() gave it
        with _told(image):
            manifest = await self._manifest(registry, repository, reference.digest)
            lock = self._pulling.setdefault(manifest.digest, asyncio.Lock())
            async with lock:
                folder = self._folder / manifest.digest.replace(":", "-")
                if not folder.exists():
                    await self._pull(registry, repository, manifest, folder)
        return await asyncio.to_thread(_unpacked, manifest.digest, folder)

    def _find(self, scope: TenantScope, image: str) -> tuple[Registry, str, ImageReference]:
        """Where an image is: what a tenant built, under its own name only, or in a registry of others'."""
        try:
            reference = parse_image(image)
        except ValueError as error:
            raise TargetError("IMAGE_NAME", str(error)) from error
        if reference.registry is None:
            return self._build.registry, self._build.repository(scope, reference.repository), reference
        if reference.registry == self._build.place.host:
            tenant_id, _, name = reference.repository.partition("/")
            if tenant_id != scope.tenant_id:
                raise TargetError("IMAGE_NOT_FOUND", f"there is no image {image} in {self._build.place.name}")
            return self._build.registry, self._build.repository(scope, name), reference
        reference = reference.at_docker()
        assert reference.registry is not None  # at_docker() names one
        return Registry(self._others, reference.registry), reference.repository, reference

    async def _manifest(self, registry: Registry, repository: str, digest: str) -> Manifest:
        """The manifest of the image for this machine."""
        manifest = await registry.manifest(repository, digest)
        if manifest is not None and manifest.is_index:
            manifest = await registry.manifest(repository, _for_this_machine(manifest.manifests).digest)
        if manifest is None or manifest.is_index:
            raise TargetError(
                "IMAGE_NOT_FOUND", f"there is no image {repository}@{digest} in {registry.name}"
            )
        return manifest

    async def _pull(self, registry: Registry, repository: str, manifest: Manifest, folder: Path) -> None:
        """Make ``folder``, whole or not at all."""
        config, *layers = manifest.blobs
        described = await registry.read(repository, config, limit=MAX_CONFIG)
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        draft = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=".pulling-", dir=self._folder))
        try:
            root = draft / "root"
            root.mkdir()
            unpacking = Unpacking(root)
            for layer in layers:
                with tempfile.TemporaryFile(dir=self._folder) as content:
                    await self._download(registry, repository, layer, content)
                    await asyncio.to_thread(unpacking.layer, content)
            (draft / "config.json").write_bytes(described)
            await asyncio.to_thread(draft.rename, folder)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
            raise

    async def _download(
        self, registry: Registry, repository: str, layer: Descriptor, content: IO[bytes]
    ) -> None:
        async for piece in registry.blob(repository, layer):
            content.write(piece)
        content.seek(0)

    async def aclose(self) -> None:
        await self._others.aclose()
        await self._build.aclose()


class _told:  # noqa: N801 - reads as the statement it is
    """What a registry cannot do in this block, as an error of the target."""

    def __init__(self, image: str) -> None:
        self._image = image

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, ActionError):
            message = f"the image {self._image} cannot be pulled: {error.message}"
            raise TargetError(error.code, message, retryable=error.retryable) from error


def _for_this_machine(images: Sequence[Descriptor]) -> Descriptor:
    machine = _MACHINES.get(platform.machine(), platform.machine())
    for image in images:
        made_for = image.platform or {}
        if made_for.get("os") == "linux" and made_for.get("architecture") == machine:
            return image
    raise TargetError("IMAGE_NOT_FOUND", f"the image has nothing for linux on {machine}")


def _unpacked(digest: str, folder: Path) -> Image:
    try:
        config: Mapping[str, Any] = orjson.loads((folder / "config.json").read_bytes())["config"] or {}
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise TargetError("IMAGE_INVALID", "the image does not say how it is run") from error
    env = dict(entry.partition("=")[::2] for entry in config.get("Env") or ())
    return Image(
        digest,
        folder / "root",
        config.get("Entrypoint") or (),
        config.get("Cmd") or (),
        env,
        config.get("WorkingDir") or "/",
    )
