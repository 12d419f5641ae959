"""What the local registry keeps through deaths, and what it forgets."""

import asyncio
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect

from localhost.registry.errors import RegistryError
from localhost.registry.garbage import KEPT, collect, sweep
from localhost.registry.manifests import new_manifest
from localhost.registry.store import Store
from localhost.registry.uploads import Chunk, Uploads
from shared.modules.containers.registry.manifests import OCI_MANIFEST, digest_of
from shared.security.scope import TenantScope
from tests.registries import noise

REPOSITORY = "acme/app"


@dataclass
class Time:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Kept:
    """A registry's store, which can be opened again as after a death."""

    folder: Path
    time: Time
    store: Store

    def reopen(self) -> None:
        self.store.close()
        self.store = Store(self.folder, now=self.time)

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.store)

    async def put_blob(self, content: bytes, repository: str = REPOSITORY) -> str:
        upload = await self.store.begin_upload(repository)
        await self.uploads.append(repository, upload, arriving(content), None)
        await self.uploads.finish(repository, upload, digest_of(content))
        return digest_of(content)

    async def put_image(self, *tags: str) -> tuple[str, list[str]]:
        blobs = [noise(100) for _ in range(2)]
        for blob in blobs:
            await self.put_blob(blob)
        config, layer = ({"mediaType": "x/y", "digest": digest_of(blob), "size": len(blob)} for blob in blobs)
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}
        content = json.dumps(document).encode()
        new = new_manifest(content, OCI_MANIFEST, digest_of(content))
        await self.store.put_manifest(REPOSITORY, new, tags)
        return new.digest, [digest_of(blob) for blob in blobs]

    def has_file(self, digest: str) -> bool:
        return self.store.files.blob(digest).exists()

    async def has(self, digest: str, repository: str = REPOSITORY) -> bool:
        try:
            await self.store.blob(repository, digest)
        except RegistryError:
            return False
        return self.has_file(digest)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    time = Time()
    kept = Kept(tmp_path / "registry", time, Store(tmp_path / "registry", now=time))
    yield kept
    kept.store.close()


async def arriving(content: bytes, *, breaks: bool = False) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 700_000):
        yield content[at : at + 700_000]
    if breaks:
        raise ClientDisconnect


async def test_an_upload_that_broke_off_goes_on_behind_what_arrived(kept: Kept) -> None:
    content = noise(3_000_000)
    upload = await kept.store.begin_upload(REPOSITORY)
    with pytest.raises(ClientDisconnect):
        await kept.uploads.append(
            REPOSITORY, upload, arriving(content[:2_000_000], breaks=True), Chunk(0, 2_999_999)
        )
    kept.reopen()
    assert await kept.uploads.standing(REPOSITORY, upload) == 2_000_000
    with pytest.raises(RegistryError, match="has 2000000 bytes") as caught:
        await kept.uploads.append(REPOSITORY, upload, arriving(content), Chunk(0, 2_999_999))
    assert caught.value.status == 416
    rest = arriving(content[2_000_000:])
    assert await kept.uploads.append(REPOSITORY, upload, rest, Chunk(2_000_000, 2_999_999)) == 3_000_000
    await kept.uploads.finish(REPOSITORY, upload, digest_of(content))
    assert kept.store.files.blob(digest_of(content)).read_bytes() == content


async def test_a_blob_has_no_name_before_it_is_whole(kept: Kept) -> None:
    upload = await kept.store.begin_upload(REPOSITORY)
    await kept.uploads.append(REPOSITORY, upload, arriving(b"abc"), None)
    assert list(kept.store.files.blobs()) == []
    await kept.uploads.finish(REPOSITORY, upload, digest_of(b"abc"))
    assert list(kept.store.files.blobs()) == [digest_of(b"abc")]
    assert list(kept.store.files.uploads()) == []


async def test_two_who_end_an_upload_at_once_make_one_blob(kept: Kept) -> None:
    upload = await kept.store.begin_upload(REPOSITORY)
    uploads = kept.uploads
    await uploads.append(REPOSITORY, upload, arriving(b"abc"), None)
    ends = [uploads.finish(REPOSITORY, upload, digest_of(b"abc")) for _ in range(2)]
    first, second = await asyncio.gather(*ends, return_exceptions=True)
    assert first is None
    assert isinstance(second, RegistryError)
    assert await kept.has(digest_of(b"abc"))


async def test_what_no_manifest_names_is_forgotten_after_a_day_and_nothing_else(kept: Kept) -> None:
    _, named = await kept.put_image("v1")
    loose = await kept.put_blob(noise(10))
    mounted = await kept.put_blob(noise(10))
    upload = await kept.store.begin_upload(REPOSITORY)
    kept.time.now += KEPT - 10
    assert await collect(kept.store) == 0
    assert await kept.store.mount("acme/other", mounted, REPOSITORY)
    kept.time.now += 20
    assert await collect(kept.store) == 1
    assert [await kept.has(one) for one in named] == [True, True]
    assert not kept.has_file(loose)
    assert await kept.has(mounted, "acme/other")
    with pytest.raises(RegistryError, match="no upload"):
        kept.store.require_upload(REPOSITORY, upload)
    assert list(kept.store.files.uploads()) == []


async def test_what_is_asked_for_is_kept_for_its_manifest_may_be_on_its_way(kept: Kept) -> None:
    loose = await kept.put_blob(noise(10))
    for _ in range(3):
        kept.time.now += KEPT - 10
        assert await kept.has(loose)
        assert await collect(kept.store) == 0


async def test_an_upload_that_goes_on_is_not_forgotten(kept: Kept) -> None:
    upload = await kept.store.begin_upload(REPOSITORY)
    for _ in range(3):
        kept.time.now += KEPT - 10
        await kept.uploads.append(REPOSITORY, upload, arriving(b"x"), None)
        await collect(kept.store)
    assert await kept.uploads.standing(REPOSITORY, upload) == 3


async def test_blobs_of_a_deleted_manifest_are_forgotten_unless_another_names_them(kept: Kept) -> None:
    digest, blobs = await kept.put_image("v1")
    await kept.store.delete_manifest(REPOSITORY, digest)
    kept.time.now += KEPT + 1
    assert await collect(kept.store) == 2
    assert not any(map(kept.has_file, blobs))


async def test_a_death_between_a_row_and_its_file_leaves_nothing_behind(kept: Kept) -> None:
    gone, image = await kept.put_blob(noise(10)), (await kept.put_image("v1"))[1]

    def dies_half_way(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM links WHERE digest = ?", (gone,))
        connection.execute("DELETE FROM blobs WHERE digest = ?", (gone,))

    await kept.store.writer.run(dies_half_way)
    stray = kept.folder / "uploads" / "stray"
    stray.write_bytes(b"x")
    kept.reopen()
    assert kept.has_file(gone)
    await sweep(kept.store)
    assert not kept.has_file(gone)
    assert not stray.exists()
    assert [await kept.has(one) for one in image] == [True, True]


async def test_a_blob_that_is_pushed_again_while_it_is_forgotten_stays(kept: Kept) -> None:
    content = noise(50_000)
    digest = await kept.put_blob(content)
    for _ in range(20):
        kept.time.now += KEPT + 1
        await asyncio.gather(collect(kept.store), kept.put_blob(content), collect(kept.store))
        assert kept.has_file(digest)
        assert await kept.has(digest)


async def test_an_erased_tenant_leaves_no_byte_and_others_keep_theirs(kept: Kept) -> None:
    marker = b"planted-9f21"
    shared, own = await kept.put_blob(b"of both"), await kept.put_blob(marker)
    await kept.store.mount("acmee/app", shared, REPOSITORY)
    _, image = await kept.put_image("v1")
    upload = await kept.store.begin_upload(REPOSITORY)
    await kept.uploads.append(REPOSITORY, upload, arriving(marker), None)
    for _ in range(2):
        await kept.store.forget(TenantScope("acme"))
        assert not any(map(kept.has_file, [own, *image]))
        assert await kept.has(shared, "acmee/app")
    kept.reopen()
    files = [path for path in kept.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if marker in (text := path.read_bytes()) or b"acme/" in text]


async def test_a_full_disk_is_said_to_be_full(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int, __: bytes) -> int:
        raise OSError(28, "No space left on device")

    upload = await kept.store.begin_upload(REPOSITORY)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RegistryError, match="no room") as caught:
        await kept.uploads.append(REPOSITORY, upload, arriving(b"x"), None)
    assert caught.value.status == 507
