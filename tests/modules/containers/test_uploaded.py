"""Archives that are uploaded to build from: what is taken, what is refused, and that they come back."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.modules.containers.building.benches import bench
from shared.modules.containers.building.sources import Bounds, ContextError
from shared.modules.containers.building.uploaded import UploadedContexts, read_archive
from shared.modules.containers.images.archives import ArchiveError
from shared.modules.containers.images.ignoring import Ignored
from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.repositories import NO_REPOSITORIES, Operators, Repositories
from shared.ports.actions import ActionError
from shared.ports.contexts import ContextRefusedError, ContextStore, NoContextsError
from shared.ports.registries import LOCAL, RegistryPlace
from shared.security.scope import TenantScope
from tests.fakes.contexts import KeptContexts
from tests.modules.containers.building import never
from tests.registries import EGRESS, RunningRegistry

ACME, GLOBEX = TenantScope("acme"), TenantScope("globex")


def _tar(*entries: tarfile.TarInfo | tuple[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for entry in entries:
            info, text = (tarfile.TarInfo(entry[0]), entry[1]) if isinstance(entry, tuple) else (entry, "")
            if info.isreg():
                info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()


def _entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD = _tar(
    ("./Dockerfile", "FROM scratch\n"),
    ("app/a", "A"),
    _entry("app/link", tarfile.SYMTYPE, "a"),
    _entry("app/python", tarfile.SYMTYPE, "/usr/bin/python3"),
    _entry("app/same", tarfile.LNKTYPE, "app/a"),
)


@pytest.mark.parametrize("packed", [GOOD, gzip.compress(GOOD, mtime=0)], ids=["tar", "gzip"])
def test_an_archive_is_read_as_the_folder_that_was_packed(tmp_path: Path, packed: bytes) -> None:
    (tmp_path / "packed").write_bytes(packed)
    archive = read_archive(tmp_path / "packed", tmp_path, Bounds(), check=never)
    assert archive.text("Dockerfile", limit=99) == b"FROM scratch\n"
    assert archive.text("none", limit=99) is None
    tree = archive.tree(Ignored("Dockerfile"), Bounds(), check=never)
    assert sorted(tree.nodes) == ["app", "app/a", "app/link", "app/python", "app/same"]
    for path, limit in {"app": 99, "app/link": 99, "Dockerfile": 5, "../Dockerfile": 99}.items():
        with pytest.raises(ContextError):
            archive.text(path, limit=limit)


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (_tar(("../out", "x")), "leads out of the archive"),
        (_tar(("/a/../../out", "x")), "leads out of the archive"),
        (_tar(_entry("a/b", tarfile.SYMTYPE, "../../out")), "leads out of the context"),
        (_tar(_entry("a", tarfile.LNKTYPE, "../out")), "leads out of the archive"),
        (_tar(_entry("null", tarfile.CHRTYPE)), "is a device, a pipe or sparse"),
        (_tar(_entry("pipe", tarfile.FIFOTYPE)), "is a device, a pipe or sparse"),
        (b"no archive at all", "it is no tar archive"),
        (b"", "it is no tar archive"),
        (gzip.compress(GOOD, mtime=0)[:-20], "it ends too early"),
        (gzip.compress(bytes(5_000_000), mtime=0), "it is too large when it is decompressed"),
        (_tar(*((f"f{number}", "") for number in range(60))), "it has 50 files or more"),
    ],
    ids=["up", "absolute-up", "link", "hard-link", "device", "pipe", "none", "empty", "cut", "bomb", "many"],
)
def test_an_archive_with_what_no_context_has_is_refused(tmp_path: Path, packed: bytes, message: str) -> None:
    (tmp_path / "packed").write_bytes(packed)
    with pytest.raises((ArchiveError, ContextError), match=message):
        read_archive(tmp_path / "packed", tmp_path, Bounds(files=50, bytes=1_000_000), check=never)


@pytest.fixture
async def repositories(running: RunningRegistry) -> AsyncIterator[Repositories]:
    build = BuildRegistry(RegistryPlace(LOCAL, running.url, running.login), EGRESS)
    made = Repositories(Operators(build, build), EGRESS)
    yield made
    await made.aclose()


async def _promises(store: ContextStore, folder: Path) -> str:
    """What every store of contexts promises; the digest of an archive that it keeps."""
    packed = gzip.compress(GOOD, mtime=0)
    digest, path = f"sha256:{hashlib.sha256(packed).hexdigest()}", folder / "upload"
    path.write_bytes(packed)
    for _ in range(2):
        await store.keep(ACME, path, digest=digest, size=len(packed))
    bad = folder / "bad"
    bad.write_bytes(b"bad")
    with pytest.raises(ContextRefusedError, match="nothing can be built from this archive"):
        await store.keep(ACME, bad, digest=f"sha256:{hashlib.sha256(b'bad').hexdigest()}", size=3)
    await store.forget(ACME, f"sha256:{'0' * 64}")
    return digest


async def test_the_store_in_memory_keeps_what_stores_promise(tmp_path: Path) -> None:
    await _promises(KeptContexts(), tmp_path)


async def test_an_archive_comes_back_from_the_registry_for_its_tenant_until_it_is_forgotten(
    repositories: Repositories, tmp_path: Path
) -> None:
    store = UploadedContexts(repositories)
    digest = await _promises(store, tmp_path)
    async with bench() as place:
        archive = await store.fetched(ACME, f"upload:{digest}", place)
        assert archive.text("app/a", limit=9) == b"A"
    for scope in (GLOBEX, ACME):
        async with bench() as place:
            if scope is ACME:
                await store.forget(ACME, digest)
                await store.forget(ACME, digest)
            with pytest.raises(ActionError, match="its time is over"):
                await store.fetched(scope, f"upload:{digest}", place)


async def test_without_a_registry_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(NoContextsError, match="QUANTUM_BUILD_REGISTRY"):
        await UploadedContexts(NO_REPOSITORIES).keep(ACME, tmp_path / "none", digest="sha256:0", size=0)
