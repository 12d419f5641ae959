"""Every implementation of the events port, by the name its tests carry, and what its consumers are given."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localhost.sqlite.events import SqliteEvents
from shared.adapters.eventhubs.events import EventHubsEvents
from shared.ports.events import Events
from tests.eventhubs.consumer import Consumer, consuming
from tests.eventhubs.hub import Hub
from tests.eventhubs.peer import Peer

REAL = "QUANTUM_TEST_EVENTHUBS_CONNECTION"
"""Names a connection string with an ``EntityPath``, to run against that hub in place of the peer."""

type Bodies = list[list[Mapping[str, Any]]]
"""What consumers are given: partition by partition, in order."""


@dataclass(frozen=True)
class Log:
    """An implementation, and what its consumers were given since the test began."""

    events: Events
    consumed: Callable[[], Awaitable[Bodies]]


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Log]:
    folder: Path = request.getfixturevalue("tmp_path")
    store = SqliteEvents(folder / "events.db")

    async def consumed() -> Bodies:
        return [
            [json.loads(event.body) for event in await store.read(partition, after=0, limit=1000)]
            for partition in range(store.partitions)
        ]

    yield Log(store, consumed)
    store.close()


@asynccontextmanager
async def eventhubs(request: pytest.FixtureRequest) -> AsyncIterator[Log]:
    hub: RemoteHub = request.getfixturevalue("remote_hub")
    events = EventHubsEvents(connection=hub.connection)
    await hub.read()
    yield Log(events, hub.read)
    await events.close()


LOGS: Mapping[str, Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Log]]] = {
    "sqlite": sqlite,
    "eventhubs": eventhubs,
}


@dataclass(frozen=True)
class RemoteHub:
    """A hub and its consumer, which live on a loop in a thread of their own and so outlive a test's."""

    connection: str
    consumer: Consumer
    loop: asyncio.AbstractEventLoop
    done: asyncio.Event

    async def read(self) -> Bodies:
        reading = asyncio.run_coroutine_threadsafe(self.consumer.read(), self.loop)
        return [[event.body_as_json() for event in part] for part in await asyncio.wrap_future(reading)]


@contextmanager
def remote_hub() -> Iterator[RemoteHub]:
    """The hub that the environment names; else one of a peer."""
    ready: Future[RemoteHub] = Future()
    with ThreadPoolExecutor(1) as thread:
        serving = thread.submit(asyncio.run, _serve(ready))
        either: list[Future[Any]] = [ready, serving]
        wait(either, return_when=FIRST_COMPLETED)
        if serving.done():
            serving.result()
        hub = ready.result()
        yield hub
        hub.loop.call_soon_threadsafe(hub.done.set)
        serving.result()


async def _serve(ready: Future[RemoteHub]) -> None:
    async with AsyncExitStack() as stack:
        connection = os.environ.get(REAL)
        if not connection:
            peer = Peer(Hub("quantum"))
            await peer.start()
            stack.push_async_callback(peer.stop)
            connection = f"{peer.connection_string()}EntityPath=quantum"
        consumer = await stack.enter_async_context(consuming(connection))
        hub = RemoteHub(connection, consumer, asyncio.get_running_loop(), asyncio.Event())
        ready.set_result(hub)
        await hub.done.wait()
