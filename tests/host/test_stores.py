"""Stores of Azure under a host: what is wrong with them is said at the start, in words."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.adapters.cosmos.containers import DEFINITIONS
from shared.ports.resources import DATABASE
from tests.cosmos.server import CosmosServer
from tests.host.running import REPOSITORY, refused

KEY = "d3Jvbmc="


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port that nobody listens at."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.fixture
def server() -> Iterator[CosmosServer]:
    running = CosmosServer()
    yield running
    running.close()


def cosmos(endpoint: str, key: str = KEY) -> dict[str, str]:
    return {
        "QUANTUM_DOCUMENTS": "cosmos",
        "CosmosDBConnection": f"AccountEndpoint={endpoint};AccountKey={key};",
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"QUANTUM_DOCUMENTS": "mongo"},
            "QUANTUM_DOCUMENTS is 'mongo': it must be one of 'sqlite', 'cosmos'",
        ),
        ({"QUANTUM_EVENTS": "kafka"}, "QUANTUM_EVENTS is 'kafka': it must be one of 'sqlite', 'eventhubs'"),
        ({"QUANTUM_DOCUMENTS": "cosmos"}, "CosmosDBConnection__accountEndpoint is ''"),
        ({"QUANTUM_EVENTS": "eventhubs"}, "EventHubConnection__fullyQualifiedNamespace is ''"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_it_may_be(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    assert said in refused(REPOSITORY, tmp_path / "data", **settings)


def test_an_account_that_nobody_answers_for_is_named(tmp_path: Path, nobody: int) -> None:
    told = refused(REPOSITORY, tmp_path / "data", **cosmos(f"http://127.0.0.1:{nobody}"))
    assert "The stores that the settings name cannot be used" in told
    assert f"127.0.0.1:{nobody}" in told
    assert told.count("cannot be reached") == 1


def test_a_missing_container_is_named(tmp_path: Path, server: CosmosServer) -> None:
    server.make(DATABASE, [one for one in DEFINITIONS if one.container.name != "counters"])
    told = refused(REPOSITORY, tmp_path / "data", **cosmos(server.endpoint, server.key))
    assert f"{server.endpoint} has no container 'counters' of database 'quantum'" in told


def test_a_wrong_key_is_told_and_not_shown(tmp_path: Path, server: CosmosServer) -> None:
    server.make(DATABASE, DEFINITIONS)
    told = refused(REPOSITORY, tmp_path / "data", **cosmos(server.endpoint))
    assert "the key or identity is refused" in told
    assert KEY not in told


def test_a_hub_that_nobody_answers_for_is_named(tmp_path: Path, nobody: int) -> None:
    connection = (
        f"Endpoint=sb://localhost:{nobody};SharedAccessKeyName=all;SharedAccessKey={KEY};"
        "UseDevelopmentEmulator=true;"
    )
    settings = {"QUANTUM_EVENTS": "eventhubs", "EventHubConnection": connection}
    told = refused(REPOSITORY, tmp_path / "data", **settings)
    assert "The event hub 'events' cannot be read" in told
    assert KEY not in told
