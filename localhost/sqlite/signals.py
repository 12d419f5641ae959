"""Wakes coroutines when something they wait for has been committed."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence


class Signals:
    """Topics that coroutines of any event loop wait for, and that any thread announces.

    A waiter subscribes first and looks at the data second, so that no commit falls between the two.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiters: dict[Hashable, set[asyncio.Future[None]]] = {}

    def subscribe(self, topic: Hashable) -> asyncio.Future[None]:
        """A future that the next announcement of ``topic`` completes; it must be given back."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiters.setdefault(topic, set()).add(waiter)
        return waiter

    def unsubscribe(self, topic: Hashable, waiter: asyncio.Future[None]) -> None:
        with self._lock:
            waiters = self._waiters.get(topic)
            if waiters is not None:
                waiters.discard(waiter)
                if not waiters:
                    del self._waiters[topic]

    async def first[T](self, topic: Hashable, look: Callable[[], Sequence[T]], wait: float) -> Sequence[T]:
        """What ``look`` finds, now or after announcements of ``topic`` within ``wait`` seconds."""
        if wait <= 0:
            return look()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            waiter = self.subscribe(topic)
            try:
                found = look()
                if found or loop.time() >= deadline:
                    return found
                await _until(waiter, deadline)
            finally:
                self.unsubscribe(topic, waiter)

    def announce(self, topics: Iterable[Hashable]) -> None:
        """Wake everybody who waits for one of ``topics``; announcements before a waiter runs are one."""
        with self._lock:
            if not self._waiters:
                return
            woken = [waiter for topic in topics for waiter in self._waiters.pop(topic, ())]
        _wake(woken)

    def announce_all(self) -> None:
        """Wake everybody: the store is closing."""
        with self._lock:
            woken = [waiter for waiters in self._waiters.values() for waiter in waiters]
            self._waiters.clear()
        _wake(woken)


async def _until(waiter: asyncio.Future[None], deadline: float) -> None:
    timer = asyncio.get_running_loop().call_at(deadline, _complete, [waiter])
    try:
        await waiter
    finally:
        timer.cancel()


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiter in waiters:
        by_loop.setdefault(waiter.get_loop(), []).append(waiter)
    for loop, ours in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(_complete, ours)


def _complete(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
