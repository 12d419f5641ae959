from collections.abc import AsyncIterator, Iterator

import pytest

from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.sending import Connections
from tests.registries import (
    EGRESS,
    EVERY_REGISTRY,
    OPENINGS,
    Line,
    Meddler,
    RunningRegistry,
    line_to,
    local_registry,
)


@pytest.fixture(scope="session", params=EVERY_REGISTRY)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRegistry]:
    """Each kind of registry that there is."""
    with OPENINGS[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with local_registry(tmp_path_factory.mktemp("local")) as running:
        yield running


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    made = Connections(EGRESS)
    yield made
    await made.aclose()


@pytest.fixture
def registry(running: RunningRegistry, connections: Connections) -> Registry:
    return running.client(connections)


@pytest.fixture
def line(running: RunningRegistry) -> Iterator[Line]:
    """A bad line to each kind of registry."""
    with line_to(running.host) as made:
        yield made


@pytest.fixture(scope="session")
def _meddled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningRegistry, Meddler]]:
    meddler = Meddler()
    with local_registry(tmp_path_factory.mktemp("meddled"), meddler) as running:
        yield running, meddler


@pytest.fixture
def meddler(_meddled: tuple[RunningRegistry, Meddler]) -> Meddler:
    """What stands before the registry ``meddled``, and answers nothing until it is told to."""
    meddler = _meddled[1]
    meddler.answers.clear()
    meddler.asked.clear()
    meddler.authorizations.clear()
    return meddler


@pytest.fixture
def meddled(_meddled: tuple[RunningRegistry, Meddler]) -> RunningRegistry:
    return _meddled[0]
