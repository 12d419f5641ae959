"""Building an image through a real host, over HTTP and past its death."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from examples import hosting
from shared.modules.containers.building.benches import PREFIX
from tests.e2e.api import Api
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
        self.host = hosting.start(self._folder / "data", log=self._folder / "host.log", **settings)
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
