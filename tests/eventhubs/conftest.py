"""A peer with one hub, and the adapter that publishes to it."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.adapters.eventhubs.events import EventHubsEvents
from shared.ports.events import CloudEvent
from tests.eventhubs.hub import Hub
from tests.eventhubs.peer import Peer
from tests.managed_identity import identity

__all__ = ["identity"]


class Stand:
    """A peer, and adapters for its hub: with one lane and short pauses if the test does not say otherwise."""

    def __init__(self, peer: Peer, stack: AsyncExitStack) -> None:
        self.peer = peer
        self._stack = stack

    def publisher(self, **options: Any) -> EventHubsEvents:
        settings: dict[str, Any] = {"hub": "quantum", "connection": self.peer.connection_string()}
        events = EventHubsEvents(**{**settings, "lanes": 1, "pause": 0.01, "patience": 60.0, **options})
        self._stack.push_async_callback(events.close)
        return events

    def ids(self, key: str = "acme/one") -> list[str]:
        """What the hub has of a key, in order."""
        partition = self.peer.hubs["quantum"].place(key)
        return [stored.body()["id"] for stored in partition.events if stored.key == key]


@asynccontextmanager
async def standing(**options: Any) -> AsyncIterator[Stand]:
    peer = Peer(Hub("quantum"), **options)
    await peer.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(peer.stop)
        yield Stand(peer, stack)


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    async with standing() as stand:
        yield stand
    # The SDK leaves the socket of a broken connection to the collector: let that be where it is expected.
    gc.collect()


def event(id: str, key: str = "acme/one", *, text: str = "") -> CloudEvent:
    time = datetime(2024, 1, 4, 12, tzinfo=UTC)
    return CloudEvent(id, "com.quantum.test", "/tenants/acme", "one", time, {"text": text}, key)
