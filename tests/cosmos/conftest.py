"""A server for the tests of this folder, and a store on it with the platform's own containers."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from shared.adapters.cosmos.account import Account
from shared.adapters.cosmos.containers import DEFINITIONS
from shared.adapters.cosmos.documents import CosmosDocuments
from shared.adapters.cosmos.store import CosmosStore
from shared.domain.errors import UnavailableError
from shared.ports.documents import TENANCY
from tests.contracts.shelf import ACME, Shelf
from tests.cosmos.server import CosmosServer
from tests.managed_identity import identity

__all__ = ["identity"]

DEADLINE = 60.0
"""Seconds for what takes none, however busy the machine is."""


@dataclass
class Meter:
    """What was told of request units."""

    told: list[tuple[str, str, str, float]] = field(default_factory=list[tuple[str, str, str, float]])

    def __call__(self, tenant_id: str, operation: str, container: str, units: float) -> None:
        self.told.append((tenant_id, operation, container, units))

    def operations(self) -> list[str]:
        return [operation for _, operation, _, _ in self.told]


async def served[T](call: Callable[[], Awaitable[T]]) -> T:
    """What the call gives once the store serves again."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await call()
            except UnavailableError:
                await asyncio.sleep(0.05)


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
    """Open, and patient: what passes, passes on a busy machine, too."""
    store = CosmosDocuments(account, patience=DEADLINE, on_request_units=meter)
    await store.read(ACME, container=TENANCY, partition="p", id="opens it")
    meter.told.clear()
    yield store
    await store.close()


@asynccontextmanager
async def impatient(account: Account, patience: float) -> AsyncIterator[CosmosStore]:
    """A store that took its time to open, and waits no longer than ``patience`` seconds from now on."""
    store = CosmosStore(account, patience=DEADLINE, on_request_units=Meter())
    try:
        await store.read(ACME, container=TENANCY, partition="p", id="opens it")
        store.patience = patience
        yield store
    finally:
        await store.close()


@pytest.fixture
def shelf(documents: CosmosDocuments) -> Shelf:
    return Shelf(documents)
