"""Messages for later: timers, scheduled starts and delayed signals, of any length.

The rows are in the store. Memory holds those of the next hour; a far one is found again when its hour comes.
"""

import asyncio
import heapq
import logging
import sqlite3
from collections.abc import Callable, Iterable

from localhost.durable.model import Message

HORIZON = 3_600_000_000
"""Microseconds that are kept in memory ahead."""
_LONGEST_SLEEP = 15.0
"""Seconds: the wall clock may be set, and a machine may sleep."""

logger = logging.getLogger(__name__)


class TimerQueue:
    """Delivers messages when their time comes, by ``now`` (microseconds)."""

    def __init__(
        self,
        *,
        now: Callable[[], int],
        load: Callable[[int, int], list[Message]],
        deliver: Callable[[list[Message]], None],
    ) -> None:
        self._now = now
        self._load = load
        self._deliver = deliver
        self._heap: list[tuple[int, int, Message]] = []
        self._known: set[int] = set()
        self._until = 0
        self._handle: asyncio.TimerHandle | None = None
        self._stopped = False

    def start(self) -> None:
        """Deliver what is due (all that is visible already included) and keep going."""
        self._until = self._now()
        self._deliver(self._load(-1, self._until))
        self._tick()

    def stop(self) -> None:
        self._stopped = True
        if self._handle is not None:
            self._handle.cancel()

    def add(self, messages: Iterable[Message]) -> None:
        added = False
        for message in messages:
            if message.visible_at <= self._until:
                self._push(message)
                added = True
        if added:
            self._tick()

    def _push(self, message: Message) -> None:
        if message.id not in self._known:
            self._known.add(message.id)
            heapq.heappush(self._heap, (message.visible_at, message.id, message))

    def _look_ahead(self, now: int) -> None:
        try:
            later = self._load(self._until, now + HORIZON)
        except sqlite3.Error as error:
            logger.warning("The timers of the next hour cannot be read, trying again: %s", error)
            return
        self._until = now + HORIZON
        for message in later:
            self._push(message)

    def _tick(self) -> None:
        if self._stopped:
            return
        if self._handle is not None:
            self._handle.cancel()
        now = self._now()
        if now + HORIZON // 2 > self._until:
            self._look_ahead(now)
        due: list[Message] = []
        while self._heap and self._heap[0][0] <= now:
            message = heapq.heappop(self._heap)[2]
            self._known.discard(message.id)
            due.append(message)
        if due:
            self._deliver(due)
        pause = _LONGEST_SLEEP
        if self._heap:
            pause = min(pause, (self._heap[0][0] - now) / 1_000_000)
        self._handle = asyncio.get_running_loop().call_later(pause, self._tick)
