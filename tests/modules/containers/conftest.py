from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.modules.containers.building import Workshop
from tests.modules.containers.yards import Yard, opened_yard
from tests.registries import EVERY_REGISTRY, OPENINGS, Line, RunningRegistry, line_to


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture(scope="session", params=EVERY_REGISTRY)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRegistry]:
    with OPENINGS[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with OPENINGS["local"](tmp_path_factory.mktemp("local")) as running:
        yield running


@pytest.fixture
async def yard(local: RunningRegistry, workshop: Workshop) -> AsyncIterator[Yard]:
    async for made in opened_yard(local, workshop):
        yield made


@pytest.fixture
async def every_yard(running: RunningRegistry, workshop: Workshop) -> AsyncIterator[Yard]:
    async for made in opened_yard(running, workshop):
        yield made


@pytest.fixture
def line(local: RunningRegistry) -> Iterator[Line]:
    """A bad line to the local registry."""
    with line_to(local.host) as made:
        yield made
