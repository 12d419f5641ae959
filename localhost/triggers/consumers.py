"""Change-feed and Event Hub triggers: reading sources and delivering their batches to functions.

Each partition of a source is read in order by one reader per function. A batch counts as handled when the
function has returned, and only then is its cursor stored: delivery is at least once, and a batch that fails
is tried again until it succeeds. (Azure goes on to the next batch when the retry policy is exhausted; here
nothing is skipped, so that a mistake can be mended and the feed continues where it stood.)

A change feed that has been read to its end is left alone for the ``feedPollDelay`` of its trigger, if any.
Here that is a pause behind a batch, so that the first change after a silence comes at once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from localhost.app.functions import Function
from localhost.triggers.calls import Call, make_context
from localhost.triggers.clock import Clock
from localhost.triggers.deliveries import Arguments, decode_input, encode
from localhost.triggers.feeds import Source
from localhost.triggers.state import StateFile
from localhost.triggers.tasks import end
from shared.domain.errors import UnavailableError

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 30.0
"""Seconds between attempts at a failing batch: doubling, without a policy or after it is exhausted."""

_log = logging.getLogger("localhost.feeds")


class Feed:
    """One function and the source that feeds it."""

    def __init__(
        self, function: Function, call: Call, source: Source[Any], state: StateFile, clock: Clock, limit: int
    ) -> None:
        properties = function.trigger.properties
        self.function = function
        self._call = call
        self._source = source
        self._state = state
        self._clock = clock
        self._limit = int(properties.get("maxItemsPerInvocation") or limit)
        is_changes = function.trigger.type == "cosmosDBTrigger"
        self._pause = int(properties.get("feedPollDelay") or 0) / 1000
        self._from_start = not is_changes or bool(properties.get("startFromBeginning"))

    async def run_for_ever(self) -> None:
        """Read every partition until cancelled."""
        async with asyncio.TaskGroup() as readers:
            for partition in await self._partitions():
                readers.create_task(self._follow(partition))

    def remember(self) -> None:
        """Write down how far it is, now."""
        self._state.flush()

    async def run_by_hand(self, text: str) -> None:
        """Deliver the items that ``text`` stands for, outside the feed's own order."""
        await self.deliver("0", decode_input(self.function, text))

    async def deliver(self, partition: str, items: Sequence[Any], attempt: int = 0) -> None:
        """Call the function with ``items``: once with all of them, or once for each (cardinality one)."""
        for arguments in encode(self.function, partition, items):
            await self._invoke(arguments, attempt)

    async def _invoke(self, arguments: Arguments, attempt: int) -> None:
        if self.function.wants_context:
            arguments["context"] = make_context(self.function, retry=attempt)
        await self._call(**arguments)

    async def _partitions(self) -> Sequence[str]:
        failures = 0
        while True:
            try:
                return await self._source.partitions()
            except UnavailableError as error:
                _log.error("%s: its source cannot be read now: %s", self.function.name, error)
            await self._clock.sleep(backoff(failures))
            failures += 1

    async def _follow(self, partition: str) -> None:
        key = f"{self.function.name}/{partition}"
        failures = 0
        while True:
            try:
                reading = self._source.read(partition, after=await self._start(key), limit=self._limit)
                async with contextlib.aclosing(reading) as batches:
                    async for batch in batches:
                        await self._until_delivered(partition, batch.items)
                        self._state.set_soon(key, batch.cursor)
                        failures = 0
                        if self._pause and len(batch.items) < self._limit:  # read to its end
                            await self._clock.sleep(self._pause)
            except UnavailableError as error:
                _log.error("%s: its source cannot be read now; later it goes on from there: %s", key, error)
            except Exception:  # noqa: BLE001 - a source may fail in its own ways; reading goes on
                _log.exception("%s: its source failed and is read again from where it stood", key)
            await self._clock.sleep(backoff(failures))
            failures += 1

    async def _start(self, key: str) -> str | None:
        cursor: str | None = self._state.get(key)
        if cursor is None and not self._from_start:
            cursor = await self._source.latest(key.rpartition("/")[2])
            self._state.set(key, cursor)
        return cursor

    async def _until_delivered(self, partition: str, items: Sequence[Any]) -> None:
        attempt = 0
        while True:
            try:
                await self.deliver(partition, items, attempt)
            except Exception:  # noqa: BLE001 - whatever the function raises, the batch is kept
                _log.exception("%s failed (attempt %d); the batch is kept", self.function.name, attempt + 1)
            else:
                return
            policy = self.function.retry
            within = policy is not None and attempt < policy.max_retries
            await self._clock.sleep(policy.delay(attempt) if policy and within else backoff(attempt))
            attempt += 1


def backoff(attempt: int) -> float:
    """Seconds before the next attempt, doubling from a tenth to half a minute."""
    delay: float = _FIRST_DELAY * 2 ** min(attempt, 16)
    return min(delay, _LONGEST_DELAY)


class Feeds:
    """All feeds of an app, running side by side."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds = list(feeds)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for feed in self._feeds:
            self._tasks.append(asyncio.create_task(feed.run_for_ever(), name=f"feed:{feed.function.name}"))

    async def stop(self) -> None:
        """Stop reading; a batch that is under way is cancelled and delivered again at the next start."""
        await end(self._tasks)
        for feed in self._feeds:
            feed.remember()
