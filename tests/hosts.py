"""A real host in a process of its own, and a small API over it."""

import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from examples import demo, hosting, release_service
from tests import forked
from tests.e2e.api import Api


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hosting.Host]:
    """As `make up` starts it."""
    folder = tmp_path_factory.mktemp("host")
    running = forked.start(folder / "data", log=folder / "host.log", QUANTUM_CONTEXTS=str(demo.APP))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """The release service of the examples, for steps to act on."""
    server = release_service.server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run_by_hand(host: hosting.Host, function: str) -> None:
    """Run a timer as operators may, who have the keys; it is not waited for."""
    key = json.loads((host.data / "keys.json").read_text())["master"]
    url = f"{host.url}/admin/functions/{function}"
    answer = httpx.post(url, json={"input": ""}, headers={"x-functions-key": key}, timeout=30)
    assert answer.status_code == 202, answer.text


@pytest.fixture
def api(host: hosting.Host) -> Iterator[Api]:
    with Api(host) as client:
        yield client


@pytest.fixture(scope="session")
def slow_service() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
