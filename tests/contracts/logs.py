"""Every implementation of the events port, by the name its tests carry, and what its consumers are given."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localhost.sqlite.events import SqliteEvents
from shared.adapters.eventhubs.events import EventHubsEvents
from shared.ports.events import Events
from tests.eventhubs.consumer import Consumer
from tests.eventhubs.hub import Hub
from tests.eventhubs.peer import Peer

REAL = "QUANTUM_TEST_EVENTHUBS_CONNECTION"
"""Names a connection string with an ``EntityPath``, to run against that hub in place of the peer."""


@dataclass(frozen=True)
class Log:
    """An implementation, and what it has for consumers: partition by partition, in order."""

    events: Events
    consumed: Callable[[], Awaitable[list[list[Mapping[str, Any]]]]]


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Log]:
    store = SqliteEvents(folder / "events.db")

    async def consumed() -> list[list[Mapping[str, Any]]]:
        return [
            [json.loads(event.body) for event in await store.read(partition, after=0, limit=1000)]
            for partition in range(store.partitions)
        ]

    yield Log(store, consumed)
    store.close()


@asynccontextmanager
async def eventhubs(_: Path) -> AsyncIterator[Log]:
    if connection := os.environ.get(REAL):
        async with _hub(connection, fresh=False) as log:
            yield log
        return
    peer = Peer(Hub("quantum"))
    await peer.start()
    async with _hub(f"{peer.connection_string()}EntityPath=quantum", fresh=True) as log:
        yield log
    await peer.stop()


@asynccontextmanager
async def _hub(connection: str, *, fresh: bool) -> AsyncIterator[Log]:
    consumer = Consumer(connection)
    if not fresh:
        await consumer.mark()

    async def consumed() -> list[list[Mapping[str, Any]]]:
        return [[event.body_as_json() for event in partition] for partition in await consumer.read()]

    events = EventHubsEvents(connection=connection)
    yield Log(events, consumed)
    await events.close()


LOGS: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Log]]] = {
    "sqlite": sqlite,
    "eventhubs": eventhubs,
}
