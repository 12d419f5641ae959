"""Images to push: small, and no two the same."""

import itertools
from collections.abc import AsyncIterator, Callable

from shared.modules.containers.registry.manifests import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Manifest,
)
from shared.modules.containers.registry.registries import Registry
from tests.registries import noise

_names = itertools.count()


def new_repository(tenant: str = "acme") -> str:
    return f"{tenant}/app-{next(_names)}"


def pieces_of(content: bytes) -> Callable[[int], AsyncIterator[bytes]]:
    """``content`` as a source, in pieces of no particular size."""

    async def read(offset: int) -> AsyncIterator[bytes]:
        for at in range(offset, len(content), 300_007):
            yield content[at : at + 300_007]

    return read


async def put_image(
    registry: Registry, repository: str, *tags: str, layers: int = 2, size: int = 1000
) -> Manifest:
    """A new image in a repository."""
    contents = [noise(size) for _ in range(layers)]
    config = noise(50).hex().encode()
    described = [Descriptor.of(content, OCI_LAYER) for content in contents]
    for descriptor, content in zip(described, contents, strict=True):
        await registry.put_blob(repository, descriptor, content)
    await registry.put_blob(repository, Descriptor.of(config, OCI_CONFIG), config)
    manifest = Manifest.made(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor.of(config, OCI_CONFIG).to_json(),
            "layers": [one.to_json() for one in described],
        }
    )
    await registry.put_manifest(repository, manifest)
    for tag in tags:
        await registry.put_manifest(repository, manifest, tag)
    return manifest


async def put_index(registry: Registry, repository: str, *tags: str) -> tuple[Manifest, list[Manifest]]:
    """A new index of two platforms, and the images in it."""
    images = [await put_image(registry, repository) for _ in range(2)]
    described = [
        {**image.descriptor.to_json(), "platform": {"os": "linux", "architecture": architecture}}
        for image, architecture in zip(images, ("amd64", "arm64"), strict=True)
    ]
    index = Manifest.made({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": described})
    for tag in tags or (index.digest,):
        await registry.put_manifest(repository, index, tag)
    return index, images
