"""Images, pulled by their digest and unpacked into folders, each once."""

import asyncio
import platform
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

import orjson

from localhost.target.unpacking import Unpacking
from shared.domain.images import parse_image
from shared.modules.containers.registry.manifests import Descriptor, Manifest
from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.repositories import NO_REPOSITORIES, Repositories, Repository
from shared.ports.actions import ActionError
from shared.ports.targets import TargetError
from shared.security.scope import TenantScope

MAX_CONFIG: Final = 4 * 1024 * 1024
DRAFT: Final = ".pulling-"
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
    exposed: Sequence[int] = ()
    """The ports that it says it listens on."""


class Images(Protocol):
    """Where the target has its images from."""

    async def pinned(self, scope: TenantScope, image: str) -> str:
        """What ``image`` stands for now, with its digest.

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

    async def keep(self, images: Collection[str], *, drafts: bool = True) -> None:
        """Let go of all but these, references with digests, and what is being pulled if ``drafts``."""
        ...


class PulledImages:
    """Images from registries, each unpacked once under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._repositories = NO_REPOSITORIES
        self._pulling: dict[str, asyncio.Lock] = {}

    def connect(self, repositories: Repositories) -> None:
        """Say where images are: the platform knows once it is put together."""
        self._repositories = repositories

    async def pinned(self, scope: TenantScope, image: str) -> str:
        """See :meth:`Images.pinned`."""
        with _told(image):
            reference = parse_image(image)
            if reference.digest is not None:
                return image
            found = await self._repositories.find(scope, reference, execution_id="")
        return f"{found.repository.path}@{found.manifest.digest}"

    async def get(self, scope: TenantScope, image: str) -> Image:
        """See :meth:`Images.get`."""
        with _told(image):
            reference = parse_image(image)
            assert reference.digest is not None  # as pinned() gave it
            folder = self._folder / _folder_name(reference.digest)
            async with self._pulling.setdefault(reference.digest, asyncio.Lock()):
                if not await asyncio.to_thread(folder.exists):
                    found = await self._repositories.find(scope, reference, execution_id="")
                    repository = found.repository
                    manifest = await _for_this_machine(repository, found.manifest)
                    await self._pull(repository.registry, repository.name, manifest, folder)
        return await asyncio.to_thread(_unpacked, reference.digest, folder)

    async def keep(self, images: Collection[str], *, drafts: bool = True) -> None:
        """See :meth:`Images.keep`."""
        kept = {_folder_name(image.rpartition("@")[2]) for image in images}
        await asyncio.to_thread(_remove_all_but, self._folder, kept, drafts=drafts)

    async def _pull(self, registry: Registry, repository: str, manifest: Manifest, folder: Path) -> None:
        """Make ``folder``, whole or not at all."""
        config, *layers = manifest.blobs
        described = await registry.read(repository, config, limit=MAX_CONFIG)
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        draft = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=DRAFT, dir=self._folder))
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


class _told:  # noqa: N801 - reads as the statement it is
    """What a registry cannot do in this block, as an error of the target."""

    def __init__(self, image: str) -> None:
        self._image = image

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, ValueError):
            raise TargetError("IMAGE_NAME", str(error)) from error
        if isinstance(error, ActionError):
            message = f"the image {self._image} cannot be pulled: {error.message}"
            raise TargetError(error.code, message, retryable=error.retryable) from error


async def _for_this_machine(repository: Repository, manifest: Manifest) -> Manifest:
    """The manifest of the image for this machine; an index has one for each kind.

    Raises:
        TargetError: there is none.
    """
    if not manifest.is_index:
        return manifest
    machine = _MACHINES.get(platform.machine(), platform.machine())
    for one in manifest.manifests:
        made_for = one.platform or {}
        if made_for.get("os") == "linux" and made_for.get("architecture") == machine:
            found = await repository.registry.manifest(repository.name, one.digest)
            if found is not None:
                return found
    raise TargetError("IMAGE_NOT_FOUND", f"{repository.path} has nothing for linux on {machine}")


def _folder_name(digest: str) -> str:
    return digest.replace(":", "-")


def _remove_all_but(folder: Path, kept: Collection[str], *, drafts: bool) -> None:
    for one in folder.iterdir() if folder.is_dir() else ():
        if one.name not in kept and not (drafts and one.name.startswith(DRAFT)):
            shutil.rmtree(one, ignore_errors=True)


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
        _exposed(config.get("ExposedPorts") or {}),
    )


def _exposed(ports: Mapping[str, Any]) -> Sequence[int]:
    """The TCP ports of ``{"8080/tcp": {}}``, in order."""
    numbers = (text.partition("/") for text in ports)
    return sorted(int(number) for number, _, kind in numbers if number.isdecimal() and kind in {"", "tcp"})
