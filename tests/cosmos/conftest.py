"""A server for the tests of this folder, and a store on it with the platform's own containers."""

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest

from shared.adapters.cosmos.account import Account
from shared.adapters.cosmos.containers import DEFINITIONS
from shared.adapters.cosmos.documents import CosmosDocuments
from tests.contracts.shelf import Shelf
from tests.cosmos.server import CosmosServer
from tests.managed_identity import identity

__all__ = ["identity"]


@dataclass
class Meter:
    """What was told of request units."""

    told: list[tuple[str, str, float]] = field(default_factory=list[tuple[str, str, float]])

    def __call__(self, operation: str, container: str, units: float) -> None:
        self.told.append((operation, container, units))

    def operations(self) -> list[str]:
        return [operation for operation, _, _ in self.told]


@pytest.fixture(scope="session")
def running() -> Iterator[CosmosServer]:
    server = CosmosServer()
    yield server
    server.close()


@pytest.fixture
def server(running: CosmosServer) -> CosmosServer:
    running.reset()
    return running


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def account(server: CosmosServer) -> Account:
    database = uuid.uuid4().hex
    server.make(database, DEFINITIONS)
    return Account(server.endpoint, database, key=server.key)


@pytest.fixture
async def documents(account: Account, meter: Meter) -> AsyncIterator[CosmosDocuments]:
    """Open, and with a patience of a second."""
    store = CosmosDocuments(account, patience=1, on_request_units=meter)
    await store.check()
    yield store
    await store.close()


@pytest.fixture
def shelf(documents: CosmosDocuments) -> Shelf:
    return Shelf(documents)
