"""Lanes: work of one kind, from ready to done. No polling: whatever changes something wakes its lane.

A key (an instance, an entity, an activity) is in a lane once, and has one work item in flight at most.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from enum import Enum

from localhost.durable.errors import WorkerLostError
from localhost.durable.model import Limits
from localhost.durable.outside import OutsideWorker, OutsideWorkers
from localhost.durable.workers import Workers
from localhost.sqlite.writer import StorageUnavailableError

logger = logging.getLogger(__name__)


class Where(Enum):
    IN_PROCESS = 1
    OUTSIDE = 2
    NOWHERE = 3
    """No worker knows the name: the engine answers for it, with a failure that says so."""


@dataclass(frozen=True, slots=True)
class Route:
    where: Where
    worker: OutsideWorker | None = None


_IN_PROCESS = Route(Where.IN_PROCESS)
_NOWHERE = Route(Where.NOWHERE)


class Router:
    """Chooses who does a work item: this process if it knows the name, else an outside worker that does."""

    def __init__(self, workers: Workers | None, outside: OutsideWorkers) -> None:
        self.workers = workers
        self.outside = outside

    def has_room(self, kind: str, *, here: bool) -> bool:
        return (here and self.workers is not None) or self.outside.has_room(kind)

    def route(self, kind: str, name: str, version: str | None, *, here: bool) -> Route | None:
        """Who does it now; None if it has to wait."""
        if self.workers is not None and name in self.workers.registered(kind):
            return _IN_PROCESS if here else None
        worker = self.outside.find(kind, name, version)
        if worker is not None:
            return Route(Where.OUTSIDE, worker)
        if self.workers is not None and not self.outside.accepts(kind, name, version):
            return _NOWHERE
        return None


class Lane[Key: (str, int)](ABC):
    kind: str

    def __init__(self, router: Router, limit: int, limits: Limits) -> None:
        self._router = router
        self._limit = limit
        self._limits = limits
        self._ready: deque[Key] = deque()
        self._waiting: set[Key] = set()
        """What is in ``_ready``."""
        self._busy: set[Key] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._here = 0
        self._attempts: dict[Key, int] = {}
        self._scheduled = False
        self._stopped = True

    @abstractmethod
    def subject(self, key: Key) -> tuple[str, str | None] | None:
        """Name and version of the work to do for ``key``; None if there is nothing to do now."""

    @abstractmethod
    async def work(self, key: Key, route: Route) -> None:
        """Do one work item and record it. What it raises makes the item be tried again."""

    @abstractmethod
    def more(self, key: Key) -> bool:
        """Whether there is more to do for ``key`` after a work item."""

    def start(self) -> None:
        self._stopped = False
        self.wake()

    def stop(self) -> None:
        """Take on nothing new."""
        self._stopped = True

    @property
    def running(self) -> set[asyncio.Task[None]]:
        return self._tasks

    def add(self, key: Key) -> None:
        if key not in self._waiting and key not in self._busy:
            self._waiting.add(key)
            self._ready.append(key)
            self.wake()

    def attempts(self, key: Key) -> int:
        """How often the machinery failed for ``key`` in a row."""
        return self._attempts.get(key, 0)

    def wake(self) -> None:
        """Look for work soon: what becomes ready in one go is then looked at together."""
        if not self._scheduled and not self._stopped:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._scheduled = False
        for _ in range(len(self._ready)):
            here = self._here < self._limit
            if self._stopped or not self._router.has_room(self.kind, here=here):
                return
            key = self._ready.popleft()
            self._waiting.discard(key)
            try:
                self._offer(key, here=here)
            except Exception:
                logger.exception("The %s %s cannot be looked at", self.kind, key)
                self._retry(key)

    def _offer(self, key: Key, *, here: bool) -> None:
        """Have the work for ``key`` done, if there is some and somebody for it."""
        subject = self.subject(key)
        if subject is None:
            return
        route = self._router.route(self.kind, *subject, here=here)
        if route is None:
            self._waiting.add(key)
            self._ready.append(key)
        else:
            self._begin(key, route)

    def _begin(self, key: Key, route: Route) -> None:
        self._busy.add(key)
        if route.where is Where.IN_PROCESS:
            self._here += 1
        # Begun at once: a turn of the loop for each hop is what a short step would mostly consist of.
        task = asyncio.Task(self._work(key, route), loop=asyncio.get_running_loop(), eager_start=True)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, key: Key, route: Route) -> None:
        failed = True
        try:
            await self.work(key, route)
            failed = False
        except WorkerLostError as error:
            logger.info("The %s %s goes back: %s", self.kind, key, error)
        except StorageUnavailableError as error:
            logger.warning("The %s %s could not be recorded: %s", self.kind, key, error)
        except Exception:
            logger.exception("The %s %s could not be run", self.kind, key)
        finally:
            if route.where is Where.IN_PROCESS:
                self._here -= 1
        if failed:
            self._retry(key)
            self.wake()
            return
        self._attempts.pop(key, None)
        self._busy.discard(key)
        if self.more(key):
            self.add(key)
        self.wake()

    def _retry(self, key: Key) -> None:
        attempt = self._attempts.get(key, 0)
        self._attempts[key] = attempt + 1
        self._busy.add(key)
        pause = min(self._limits.first_retry * 2 ** min(attempt, 16), self._limits.last_retry)
        asyncio.get_running_loop().call_later(pause, self._again, key)

    def _again(self, key: Key) -> None:
        self._busy.discard(key)
        self.add(key)
