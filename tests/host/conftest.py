from collections.abc import Iterator

import httpx
import pytest

from tests.host.running import APPS, RunningHost, running


@pytest.fixture(scope="session")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A host over the app with classic HTTP types and durable functions."""
    with running(APPS / "classic", tmp_path_factory.mktemp("classic")) as host:
        yield host


@pytest.fixture(scope="session")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A host over the app with FastAPI types."""
    with running(APPS / "streaming", tmp_path_factory.mktemp("streaming")) as host:
        yield host


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as client:
        yield client
