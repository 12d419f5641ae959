"""Building an image through a real host, over HTTP and past its death."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from examples import hosting
from localhost.sqlite.documents import SqliteDocuments
from shared.modules.containers.building.benches import PREFIX
from shared.ports.documents import TENANCY, Replace
from shared.security.scope import TenantScope
from shared.services.tenancy.directory import DIRECTORY
from shared.services.upkeep.clearing import CLEARING
from tests import forked
from tests.e2e.api import Api
from tests.e2e.test_retention import grow_old
from tests.hosts import run_by_hand
from tests.modules.containers.building import wait_until
from tests.registries import noise

STEP = {"id": "build", "action": "build-docker-image", "image": "app:1", "context": "./app"}


class Site:
    """A host that builds from a folder of its own, and comes back with the same data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.context = folder / "contexts" / "app"
        self.context.mkdir(parents=True)
        self.host = self.start()

    def start(self) -> hosting.Host:
        settings = {"QUANTUM_CONTEXTS": str(self._folder / "contexts"), "TMPDIR": str(self._folder)}
        self.host = forked.start(self._folder / "data", log=self._folder / "host.log", **settings)
        return self.host

    def benches(self, pid: int) -> list[Path]:
        return [*self._folder.glob(f"{PREFIX}{pid}-*")]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.host.stop()


def test_a_build_that_a_killed_host_had_begun_is_done_whole_and_nothing_is_left_of_the_first_try(
    site: Site,
) -> None:
    (site.context / "noise").write_bytes(noise(30_000_000))
    (site.context / "Dockerfile").write_text("FROM scratch\nCOPY noise /\n")
    killed = site.host.process.pid
    with Api(site.host) as api:
        execution = api.execute(api.create([STEP]))
        wait_until(lambda: [one for bench in site.benches(killed) for one in bench.glob("layers/*")])
        site.host.kill()
    assert site.benches(killed)
    site.start()
    with Api(site.host) as api:
        list(api.events(execution))
        ended = api.get(execution)
        again = api.run([STEP])
    assert ended["status"] == again["status"] == "completed", (ended, again)
    first, second = (one["steps"][0]["outputs"] for one in (ended, again))
    assert first["digest"] == second["digest"]
    assert second["tags"]["1"] == first["digest"]
    assert site.benches(killed) == []
    with Api(site.host) as api:
        undone = api.run(
            [STEP | {"image": "app:2"}, {"id": "fail", "action": "assert", "condition": "false"}]
        )
    assert undone["status"] == "failed"
    assert undone["steps"][0]["status"] == "compensated"


def test_what_a_purged_execution_left_in_the_registry_goes_and_the_tag_that_it_was_asked_for_stays(
    site: Site,
) -> None:
    (site.context / "Dockerfile").write_text("FROM scratch\nCOPY a /\n")
    old: list[dict[str, Any]] = []
    run_by_hand(site.host, "clear_build_registry")
    wait_until(lambda: rounds(site))
    with Api(site.host) as api:
        for text in ("1", "2"):
            (site.context / "a").write_text(text)
            old.append(api.run([STEP]))
    site.host.stop()
    ids = [one["execution_id"] for one in old]
    asyncio.run(grow_old(site.host.data, ids))
    with Api(site.start()) as api:
        run_by_hand(site.host, "purge_executions")
        wait_until(lambda: all(api.client.get(f"/executions/{one}").status_code == 404 for one in ids))
    site.host.stop()
    digests = [one["steps"][0]["outputs"]["digest"] for one in old]
    asyncio.run(begin_another_round(site.host.data))
    assert stored(site)["manifests"] > {*digests}
    site.start()
    run_by_hand(site.host, "clear_build_registry")
    site.host.kill()
    site.start()
    run_by_hand(site.host, "clear_build_registry")
    wait_until(lambda: stored(site) == {"tags": {"1"}, "manifests": {digests[1]}})


async def begin_another_round(data: Path) -> None:
    """Leave everything as if the last round was made a day ago."""
    with closing(SqliteDocuments(data / "documents.db")) as documents:
        where = {"container": TENANCY, "partition": CLEARING}
        mark = await documents.read(TenantScope(DIRECTORY), **where, id=CLEARING)  # type: ignore[arg-type]
        assert mark is not None
        again = Replace({name: mark.body[name] for name in ("id", "kind", "first")})
        await documents.transact(TenantScope(DIRECTORY), **where, operations=[again])  # type: ignore[arg-type]


def rounds(site: Site) -> int:
    with closing(sqlite3.connect(site.host.data / "documents.db")) as documents:
        return len(documents.execute("SELECT 1 FROM documents WHERE kind = 'clearing'").fetchall())


def stored(site: Site) -> dict[str, set[str]]:
    """The tags and manifests of the registry."""
    with closing(sqlite3.connect(site.host.data / "registry" / "registry.db")) as registry:
        return {
            "tags": {row[0] for row in registry.execute("SELECT tag FROM tags")},
            "manifests": {row[0] for row in registry.execute("SELECT digest FROM manifests")},
        }
