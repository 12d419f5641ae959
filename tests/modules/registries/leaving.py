"""A repository in which executions leave what builds leave, and what else is put there."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from shared.domain.ids import ulid
from shared.modules.containers.registry.build_registry import execution_tag
from shared.modules.containers.registry.manifests import (
    EMPTY,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
)
from shared.modules.containers.registry.marks import holds_of
from shared.modules.containers.registry.registries import Registry
from shared.ports.leavings import Leavings
from shared.security.scope import TenantScope
from tests.fakes.clock import FrozenClock

ACME = TenantScope("acme")


def execution(number: int) -> str:
    """An id; the same for the same number."""
    return ulid(FrozenClock().now(), number.to_bytes(10))


@dataclass
class Repository:
    """One repository, and whom it is cleared of."""

    leavings: Leavings
    registry: Registry
    name: str
    gone: set[str] = field(default_factory=set[str])

    async def image(self, content: str, *tags: str) -> Manifest:
        """The same image for the same content, under these tags."""
        config = json.dumps({"content": content}).encode()
        await self.registry.put_blob(self.name, Descriptor.of(config, OCI_CONFIG), config)
        return await self._put(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": Descriptor.of(config, OCI_CONFIG).to_json(),
                "layers": [],
            },
            *tags,
        )

    async def index(self, images: Collection[Manifest], *tags: str) -> Manifest:
        described = [image.descriptor.to_json() for image in images]
        return await self._put({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": described}, *tags)

    async def record(self, image: Manifest, *tags: str, log: str) -> Manifest:
        text, nothing = log.encode(), Descriptor.of(b"{}", EMPTY)
        layer = Descriptor.of(text, "text/plain")
        await self.registry.put_blob(self.name, layer, text)
        await self.registry.put_blob(self.name, nothing, b"{}")
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": nothing.to_json()}
        subject = image.descriptor.to_json()
        return await self._put({**document, "layers": [layer.to_json()], "subject": subject}, *tags)

    async def build(self, by: str, content: str, tag: str) -> Manifest:
        """What a build leaves: the image under the tag that was asked for and its own, and a record."""
        image = await self.image(content)
        await self.record(image, execution_tag(by, "build-1"), log=f"{by} built {content}")
        await self.image(content, execution_tag(by, tag), tag)
        return image

    async def untag(self, tag: str) -> None:
        """Remove a tag as an undone build does, where the registry does that."""
        nothing = await self.image(f"nothing {tag}", tag)
        await self.registry.delete(self.name, nothing.digest)

    async def deploy(self, place: str, image: Manifest) -> None:
        await self.registry.put_manifest(self.name, image, holds_of(place)[0])

    async def tags(self) -> Mapping[str, str | None]:
        found = sorted(await self.registry.tags(self.name))
        return {tag: await self.registry.digest(self.name, tag) for tag in found}

    async def has(self, manifest: Manifest) -> bool:
        return await self.registry.digest(self.name, manifest.digest) is not None

    async def clear(self, *, chances: int = 1000) -> int:
        """Clear it of who is gone; it goes on only so often."""
        left = [chances]

        async def gone(executions: Collection[str]) -> Collection[str]:
            return self.gone.intersection(executions)

        def go_on() -> bool:
            left[0] -= 1
            return left[0] >= 0

        return await self.leavings.clear(ACME, self.name, gone=gone, go_on=go_on)

    async def _put(self, document: Mapping[str, object], *tags: str) -> Manifest:
        manifest = Manifest.made(document)
        for tag in tags or (None,):
            await self.registry.put_manifest(self.name, manifest, tag)
        return manifest
