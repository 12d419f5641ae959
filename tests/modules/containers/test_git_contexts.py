"""Contexts that are git references, from a server that speaks git over https."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shared.modules.containers.building.benches import bench
from shared.modules.containers.building.contexts import Contexts, Wanted
from shared.modules.containers.building.git_contexts import GitContexts, GitReference
from shared.modules.containers.building.sources import Bounds, ContextError
from shared.modules.containers.building.uploaded import UploadedContexts
from shared.modules.containers.images.ignoring import Ignored
from shared.modules.containers.registry.repositories import NO_REPOSITORIES
from shared.ports.actions import ActionError
from shared.security.egress import EgressPolicy
from shared.security.scope import TenantScope
from tests.modules.containers.building import PLATFORM, Workshop, never
from tests.modules.containers.git_server import NAME, GitServer, git_server
from tests.registries import EGRESS

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("git")) as made:
        yield made


async def _resolve(host: str, port: int) -> list[str]:
    assert host == NAME
    return ["127.0.0.1"]


@dataclass(frozen=True)
class Read:
    files: Mapping[str, str]
    commit: str
    log: str


async def _read(
    server: GitServer, reference: str, *, bounds: Bounds | None = None, egress: EgressPolicy = EGRESS
) -> Read:
    """What is in the context that ``reference`` (behind the server's address) names."""
    contexts = GitContexts(egress, authorities=server.authorities, resolve=_resolve)
    async with bench() as place:
        fetched = await contexts.fetched(f"{server.url}/{reference}", bounds or Bounds(), place)
        tree = fetched.source.tree(Ignored(), Bounds(), check=never)
        files = {}
        for path, node in tree.walk():
            if node.content is not None:
                with node.content.open() as file:
                    files[path] = file.read().decode()
            else:
                files[path] = node.target or "/"
        return Read(files, fetched.commit, place.log.text().decode())


@pytest.fixture(scope="module")
def commit(server: GitServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    workshop = Workshop(tmp_path_factory.mktemp("app"))
    workshop.write(
        {"Dockerfile": "FROM scratch\n", "web/a": "A", "web/b/c": "C", ".gitattributes": "* filter=evil\n"}
    )
    (workshop.context / "web/link").symlink_to("a")
    (workshop.context / "out").symlink_to("/etc")
    return server.repository("app.git", workshop.context)


async def test_a_branch_a_tag_and_a_commit_are_read_from_where_the_name_was_found(
    server: GitServer, commit: str
) -> None:
    whole = await _read(server, "app.git")
    assert whole.commit == commit
    assert whole.files["web/b/c"] == "C"
    assert whole.files["out"] == "/etc"
    assert f"app.git#HEAD is {commit}" in whole.log
    for ref in ("main", "v1", commit):
        part = await _read(server, f"app.git#{ref}:web")
        assert part.files == {"a": "A", "b": "/", "b/c": "C", "link": "a"}
        assert part.commit == commit


async def test_a_build_is_told_the_commit_and_takes_https_alone(server: GitServer, commit: str) -> None:
    git = GitContexts(EGRESS, authorities=server.authorities, resolve=_resolve)
    contexts = Contexts(UploadedContexts(NO_REPOSITORIES), git)
    wanted = Wanted(f"{server.url}/app.git#main", "Dockerfile", {}, None, PLATFORM)
    async with bench() as place:
        read = await contexts.read(TenantScope("acme"), wanted, place)
    assert read.facts == {"commit": commit}
    assert read.dockerfile == b"FROM scratch\n"
    for url in ("http://git.test/a", "ssh://git.test/a", "git@git.test:a", "file:///etc", "ext::sh"):
        async with bench() as place:
            with pytest.raises(ActionError) as caught:
                await contexts.read(TenantScope("acme"), replace(wanted, context=url), place)
            assert caught.value.code == "BUILD_CONTEXT"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("app.git#none", "cannot be fetched: git failed: "),
        ("none.git", "cannot be fetched: git failed: "),
        (f"app.git#{'0' * 40}", "cannot be fetched: git failed: "),
        ("sent-on/app.git", "cannot be fetched: git failed: "),
        ("app.git#main:none", "git failed: "),
        ("app.git#main:out", "leads through a link"),
        ("app.git#main:Dockerfile", "there is no folder 'Dockerfile'"),
    ],
)
async def test_what_is_not_there_or_leads_elsewhere_is_refused(
    server: GitServer, commit: str, reference: str, message: str
) -> None:
    del commit  # the repository is there
    with pytest.raises((ContextError, ActionError), match=message):
        await _read(server, reference)


async def test_nothing_is_asked_where_the_egress_rule_allows_nothing(server: GitServer, commit: str) -> None:
    del commit
    before = len(server.asked)
    with pytest.raises(ActionError) as caught:
        await _read(server, "app.git", egress=EgressPolicy())
    assert caught.value.code == "EGRESS_REFUSED"
    assert len(server.asked) == before


async def test_what_is_larger_than_a_context_may_be_is_not_written(server: GitServer, commit: str) -> None:
    del commit
    for bounds in (Bounds(files=3), Bounds(bytes=2)):
        with pytest.raises(ContextError, match="the context has more than"):
            await _read(server, "app.git", bounds=bounds)


async def test_submodules_are_left_out_and_told(server: GitServer, tmp_path: Path, commit: str) -> None:
    workshop = Workshop(tmp_path)
    workshop.write(
        {"a": "A", ".gitmodules": f'[submodule "sub"]\n\tpath = sub\n\turl = {server.url}/app.git\n'}
    )
    server.repository("super.git", workshop.context, f"update-index --add --cacheinfo 160000,{commit},sub")
    read = await _read(server, "super.git")
    assert "the submodule sub is left out" in read.log
    assert [path for path in read.files if path.startswith("sub/")] == []


async def test_a_program_that_is_not_there_or_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.36.9\n")
    old.chmod(0o755)
    for program, message in {"no-git": "cannot be started", str(old): "must be 2.37 or newer"}.items():
        async with bench() as place:
            with pytest.raises(ActionError, match=message) as caught:
                await GitContexts(EGRESS, program=program).fetched("https://a/b", Bounds(), place)
            assert caught.value.code == "BUILDER_UNAVAILABLE"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "https://ada:secret@host/a",
            "https://host/a?x=1",
            "https:///a",
            "https://host:0/a",
            "https://host:x/a",
        ),
        *("https://host/a#-x", "https://host/a#a..b", "https://host/a#main:../x", "https://host/a#main:/x"),
        *("https://host/a#--upload-pack=x", "https://host/a#a b"),
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ContextError):
        GitReference.parse(text)


def test_a_reference_is_an_address_a_ref_and_a_folder() -> None:
    found = GitReference.parse("https://host:8443/a/b.git#feature/x:web/app")
    assert (found.url, found.ref, found.folder) == ("https://host:8443/a/b.git", "feature/x", "web/app")
    assert (found.host, found.port) == ("host", 8443)
    assert GitReference.parse("https://host/a#:web").ref == "HEAD"
