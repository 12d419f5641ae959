"""Wakes who waits for a partition's changes when this process has written there."""

import asyncio
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress


class Signals:
    """Of one event loop. A waiter subscribes first and looks second, so that no write falls between."""

    def __init__(self) -> None:
        self._waiters: dict[Hashable, set[asyncio.Event]] = {}

    @contextmanager
    def subscribed(self, topic: Hashable) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiters.setdefault(topic, set()).add(event)
        try:
            yield event
        finally:
            self._waiters[topic].discard(event)
            if not self._waiters[topic]:
                del self._waiters[topic]

    def announce(self, topic: Hashable) -> None:
        for event in self._waiters.get(topic, ()):
            event.set()


async def pause(event: asyncio.Event, seconds: float) -> bool:
    """Whether ``event`` was set within ``seconds``; it is cleared."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    woken = event.is_set()
    event.clear()
    return woken
