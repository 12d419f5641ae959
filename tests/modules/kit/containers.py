"""Specimens of the module ``containers``, over registries in folders."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from shared.modules.containers.building.bases import Bases
from shared.modules.containers.building.builtin import BuiltInBuilder
from shared.modules.containers.building.contexts import Contexts, Folders
from shared.modules.containers.building.git_contexts import GitContexts
from shared.modules.containers.building.uploaded import UploadedContexts
from shared.modules.containers.builds import BuildContainer, BuildDockerImage, Builds
from shared.modules.containers.push import PushToRegistry, RestoreTags
from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.manifests import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
)
from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.repositories import Operators, Repositories
from shared.ports.registries import LOCAL, RegistryPlace
from tests.modules.kit.specimen import ACME, Specimen, Surroundings
from tests.registries import EGRESS

DOCKERFILE = 'FROM {base}\nCOPY page.html /\nCMD ["/web"]\n'
_numbers = itertools.count()


class Yard:
    """New actions over the two registries, whose connections are closed at the end."""

    def __init__(self, around: Surroundings, opened: AsyncExitStack) -> None:
        self.around = around
        self._opened = opened
        self.repositories = self.new_repositories()
        self.name = f"web-{next(_numbers):05}"

    def new_repositories(self) -> Repositories:
        registry = self.around.registry
        build = BuildRegistry(RegistryPlace(LOCAL, registry.url, registry.login), EGRESS)
        repositories = Repositories(Operators(build, build), EGRESS)
        self._opened.push_async_callback(repositories.aclose)
        return repositories

    def builder(self, kind: type[Builds]) -> Builds:
        repositories = self.new_repositories()
        folder = Folders(self.around.folder)
        contexts = Contexts(UploadedContexts(repositories), GitContexts(EGRESS), folder)
        bases = Bases(repositories)
        return kind(BuiltInBuilder(repositories, bases), contexts, repositories, bases)

    def push(self) -> PushToRegistry:
        return PushToRegistry(self.new_repositories())

    def restore(self) -> RestoreTags:
        return RestoreTags(self.new_repositories())

    @property
    def here(self) -> Registry:
        return self.repositories.build.registry

    @property
    def sign_in(self) -> dict[str, str]:
        login = self.around.elsewhere.login
        assert login is not None
        return {"username": login.username, "password": login.password}

    @property
    def there(self) -> Registry:
        """The registry that images are pushed to."""
        login = self.around.elsewhere.login
        return self.repositories.again(
            ACME, f"{self.around.elsewhere.host}/team/{self.name}", login=login
        ).registry

    async def tags(self, registry: Registry, repository: str) -> dict[str, str | None]:
        found = {tag: await registry.digest(repository, tag) for tag in await registry.tags(repository)}
        return dict(sorted(found.items()))


async def put_image(registry: Registry, repository: str, content: bytes, *tags: str) -> Manifest:
    """The same image whenever its content is the same."""
    config, layer = Descriptor.of(b"{}", OCI_CONFIG), Descriptor.of(content, OCI_LAYER)
    await registry.put_blob(repository, config, b"{}")
    await registry.put_blob(repository, layer, content)
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST}
    manifest = Manifest.made({**document, "config": config.to_json(), "layers": [layer.to_json()]})
    for tag in tags:
        await registry.put_manifest(repository, manifest, tag)
    return manifest


async def put_base(registry: Registry, repository: str, tag: str) -> Manifest:
    """An image that has nothing in it, to be built upon."""
    text = b'{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}'
    config = Descriptor.of(text, OCI_CONFIG)
    await registry.put_blob(repository, config, text)
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_json(), "layers": []}
    manifest = Manifest.made(document)
    await registry.put_manifest(repository, manifest, tag)
    return manifest


@asynccontextmanager
async def build(kind: type[Builds], around: Surroundings) -> AsyncGenerator[Specimen]:
    context = around.folder / "page"
    context.mkdir(exist_ok=True)
    base = f"{around.elsewhere.host}/team/base:1"
    (context / "Dockerfile").write_text(DOCKERFILE.replace("{base}", base))
    (context / "page.html").write_text("<p>Good morning</p>")
    async with AsyncExitStack() as opened:
        yard = Yard(around, opened)
        repository = f"acme/{yard.name}"
        await put_base(yard.there, "team/base", "1")

        async def look() -> Any:
            tags = await yard.tags(yard.here, repository)
            return {tag: digest for tag, digest in tags.items() if not _is_record(tag)}

        async def traces() -> Any:
            return sum(_is_record(tag) for tag in await yard.here.tags(repository))

        yield Specimen(
            partial(yard.builder, kind),
            {
                "image": f"{yard.name}:1",
                "context": "./page",
                "registries": [{"registry": around.elsewhere.host, **yard.sign_in}],
            },
            look=look,
            traces=traces,
            undo=yard.restore,
            # The log is that of the delivery that was recorded.
            varies={"log", "is_new"},
            name=yard.name,
        )


def _is_record(tag: str) -> bool:
    return "build-" in tag


@asynccontextmanager
async def push(around: Surroundings) -> AsyncGenerator[Specimen]:
    async with AsyncExitStack() as opened:
        yard = Yard(around, opened)
        await put_image(yard.here, f"acme/{yard.name}", b"the image", "1")
        await put_image(yard.there, f"team/{yard.name}", b"the image before", "latest")
        parameters = {
            "image": f"{yard.name}:1",
            "registry": f"{around.elsewhere.host}/team",
            "tags": ["1", "latest"],
            **yard.sign_in,
        }
        yield Specimen(
            yard.push,
            parameters,
            look=partial(yard.tags, yard.there, f"team/{yard.name}"),
            undo=yard.restore,
            failing={"image": "no-such-image:1"},
            varies={"sent", "is_new"},
            name=yard.name,
        )


@asynccontextmanager
async def restore(around: Surroundings) -> AsyncGenerator[Specimen]:
    async with AsyncExitStack() as opened:
        yard = Yard(around, opened)
        repository = f"team/{yard.name}"
        before = await put_image(yard.there, repository, b"the image before", "old")
        pushed = await put_image(yard.there, repository, b"the image", "1", "latest")
        parameters = {
            "repository": f"{around.elsewhere.host}/{repository}",
            "digest": pushed.digest,
            "tags": {"1": None, "latest": before.digest, "old": before.digest},
            **yard.sign_in,
        }
        yield Specimen(
            yard.restore,
            parameters,
            look=partial(yard.tags, yard.there, repository),
            remains="the tags that are put back already",
            name=yard.name,
        )


build_container = partial(build, BuildContainer)
build_docker_image = partial(build, BuildDockerImage)
