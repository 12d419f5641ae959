"""The client of registries, against the local host's and Debian's."""

import gc
import hashlib
import tracemalloc
from pathlib import Path

import pytest

from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.manifests import OCI_LAYER, OCI_MANIFEST, Descriptor, Manifest
from shared.modules.containers.registry.patience import MIB
from shared.modules.containers.registry.registries import Registry, origin_of_registry
from shared.modules.containers.registry.repositories import Operators, Repositories
from shared.modules.containers.registry.sending import Connections
from shared.ports.actions import ActionError
from shared.security.egress import EgressPolicy
from shared.security.scope import TenantScope
from tests.modules.registries.images import new_repository, pieces_of, put_image, put_index
from tests.registries import EGRESS, RunningRegistry, debians_registry, needs_docker_registry, noise


async def whole(registry: Registry, repository: str, blob: Descriptor, offset: int = 0) -> bytes:
    return b"".join([piece async for piece in registry.blob(repository, blob, offset)])


async def test_a_registry_answers_a_ping(registry: Registry) -> None:
    await registry.ping()


@pytest.mark.parametrize("size", [0, 1, 1000, 3 * MIB], ids=["empty", "a-byte", "small", "in-chunks"])
async def test_what_is_put_is_got_whether_at_once_or_in_chunks(registry: Registry, size: int) -> None:
    repository, content = new_repository(), noise(size)
    blob = Descriptor.of(content, OCI_LAYER)
    assert not await registry.has_blob(repository, blob.digest)
    assert await registry.put_blob(repository, blob, pieces_of(content)) == size
    assert await registry.has_blob(repository, blob.digest)
    assert await whole(registry, repository, blob) == content
    if size > 10:
        assert await whole(registry, repository, blob, offset=10) == content[10:]
    assert await registry.put_blob(repository, blob, content) == 0


async def test_a_blob_with_another_digest_is_not_taken(registry: Registry) -> None:
    wrong = Descriptor(OCI_LAYER, f"sha256:{hashlib.sha256(b'x').hexdigest()}", 3)
    with pytest.raises(ActionError, match="not what its digest says") as caught:
        await registry.put_blob(new_repository(), wrong, b"abc")
    assert (caught.value.code, caught.value.retryable) == ("DIGEST_MISMATCH", False)


async def test_a_blob_is_mounted_from_another_repository_without_being_sent(registry: Registry) -> None:
    one, other, content = new_repository(), new_repository(), noise(5000)
    blob = Descriptor.of(content, OCI_LAYER)
    await registry.put_blob(one, blob, content)

    def unread(_: int) -> object:
        raise AssertionError("it was read")

    assert await registry.put_blob(other, blob, unread, mount_from=one) == 0  # type: ignore[arg-type]  # never called
    assert await whole(registry, other, blob) == content


async def test_what_cannot_be_mounted_is_sent(registry: Registry) -> None:
    content = noise(100)
    blob = Descriptor.of(content, OCI_LAYER)
    assert await registry.put_blob(new_repository(), blob, content, mount_from=new_repository()) == 100


async def test_manifests_are_had_by_tag_and_digest_byte_for_byte(registry: Registry) -> None:
    repository = new_repository()
    image = await put_image(registry, repository, "v1", "v2")
    for reference in ("v1", "v2", image.digest):
        assert await registry.manifest(repository, reference) == image
        assert await registry.digest(repository, reference) == image.digest
    assert sorted(await registry.tags(repository)) == ["v1", "v2"]
    assert await registry.manifest(repository, "v3") is None
    assert await registry.digest(repository, "v3") is None


async def test_an_index_names_its_images(registry: Registry) -> None:
    repository = new_repository()
    index, images = await put_index(registry, repository, "both")
    found = await registry.manifest(repository, "both")
    assert found == index
    assert found.is_index
    assert [one.digest for one in found.manifests] == [image.digest for image in images]


async def test_a_manifest_whose_parts_are_not_there_is_refused(registry: Registry) -> None:
    blob = Descriptor.of(noise(10), OCI_LAYER).to_json()
    manifest = Manifest.made(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": blob, "layers": [blob]}
    )
    with pytest.raises(ActionError, match=r"MANIFEST_BLOB_UNKNOWN|UNKNOWN") as caught:
        await registry.put_manifest(new_repository(), manifest, "v1")
    assert not caught.value.retryable


async def test_a_manifest_is_deleted_by_its_digest_with_its_tags(registry: Registry) -> None:
    repository = new_repository()
    image = await put_image(registry, repository, "v1")
    assert await registry.delete(repository, image.digest)
    assert await registry.digest(repository, "v1") is None
    assert not await registry.delete(repository, image.digest)


async def test_a_repository_that_does_not_exist_has_no_tags(registry: Registry) -> None:
    assert list(await registry.tags(new_repository())) == []


async def test_a_blob_that_is_not_there_is_said_to_be_missing(registry: Registry) -> None:
    blob = Descriptor.of(noise(10), OCI_LAYER)
    with pytest.raises(ActionError, match="404") as caught:
        await whole(registry, new_repository(), blob)
    assert (caught.value.code, caught.value.retryable) == ("REGISTRY_NOT_FOUND", False)


async def test_a_blob_of_another_size_than_its_manifest_says_is_refused(registry: Registry) -> None:
    repository, content = new_repository(), noise(1000)
    blob = Descriptor.of(content, OCI_LAYER)
    await registry.put_blob(repository, blob, content)
    with pytest.raises(ActionError, match="more than the 999 bytes"):
        await whole(registry, repository, Descriptor(OCI_LAYER, blob.digest, 999))
    with pytest.raises(ActionError, match="has more than 10 bytes"):
        await registry.read(repository, blob, limit=10)


async def test_a_registry_inside_is_not_reached_unless_an_operator_allows_it(
    running: RunningRegistry,
) -> None:
    connections = Connections(EgressPolicy())
    with pytest.raises(ActionError, match="is at a loopback address") as caught:
        await running.client(connections).ping()
    assert caught.value.code == "EGRESS_REFUSED"


def test_registries_are_reached_over_tls_but_on_this_machine() -> None:
    assert origin_of_registry("docker.io") == "https://registry-1.docker.io"
    assert origin_of_registry("ghcr.io") == "https://ghcr.io"
    assert origin_of_registry("10.1.2.3:5000") == "https://10.1.2.3:5000"
    assert origin_of_registry("127.0.0.1:5000") == "http://127.0.0.1:5000"
    assert origin_of_registry("[::1]:5000") == "http://[::1]:5000"


@needs_docker_registry
async def test_an_erased_tenants_images_go_from_a_build_registry_elsewhere(
    tmp_path: Path, connections: Connections
) -> None:
    with debians_registry(tmp_path) as running:
        registry = running.client(connections)
        for repository in ("acme/app", "acme/team/app", "acmee/app", "ac/me", "zeta/app"):
            await put_image(registry, repository, "v1", "v2")
        build = BuildRegistry(running.place, EGRESS)
        repositories = Repositories(Operators(build), EGRESS)
        for _ in range(2):
            await repositories.forget(TenantScope("acme"))
        left = {
            name: list(await registry.tags(name))
            for name in ("acme/app", "acme/team/app", "acmee/app", "ac/me")
        }
        assert [len(tags) for tags in left.values()] == [0, 0, 2, 2]
        await repositories.aclose()


async def test_what_was_sent_does_not_stay_in_memory_until_garbage_is_collected(
    local: RunningRegistry, connections: Connections
) -> None:
    registry, repository, content = local.client(connections), new_repository(), noise(24 * MIB)
    blob = Descriptor.of(content, "application/octet-stream")
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        assert await registry.put_blob(repository, blob, pieces_of(content)) == len(content)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert held < 8 * MIB
