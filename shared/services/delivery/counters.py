"""Counters of a tenant's days, for dashboards: how many executions and steps began and came to an end.

They are counted from the hub, where an event may be repeated: the ids of the last events that were counted
are kept, and are written in the transaction that counts them. Shards, by the event's key, keep consumers of
different partitions of the hub out of each other's way; the counters themselves are increments, which never
collide.
"""

import base64
import hashlib
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from shared.domain.errors import DocumentError, UnavailableError
from shared.domain.stats import COUNTED, DayStats
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import (
    COUNTERS,
    Create,
    Document,
    Documents,
    Operation,
    Patch,
    Path,
    Query,
    Replace,
    Where,
)
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from shared.services.delivery.published import published
from shared.services.delivery.relay import TYPE_PREFIX

PARTITION: Final = "stats"
SHARDS: Final = 2
WINDOW: Final = 1000
"""How many events of a shard are remembered: more than the relay publishes again after a failure."""
WINDOW_LIFE: Final = 8 * 86_400
"""Seconds for which they are, after the last one."""
OLDEST: Final = timedelta(days=7)
"""Events that are older are not counted: whether they were before is not known any more."""
DAYS_LIFE: Final = 400 * 86_400
"""Seconds for which a day's counters are kept."""
ATTEMPTS: Final = 20
"""Of a transaction that other consumers get in the way of."""
PAGE: Final = 200

_MARK = 8
"""Characters of an event's mark in the window: 48 bits of its digest as text."""

type _Marks = dict[str, str]
"""Marks of events and the counter of each."""


class Counters:
    def __init__(self, documents: Documents, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock

    async def count(self, bodies: Sequence[bytes]) -> None:
        """Count the events (CloudEvents in structured mode) that were not counted before.

        Raises:
            UnavailableError: some were not counted; hand the same events over again.
        """
        groups: defaultdict[tuple[TenantScope, str, int], _Marks] = defaultdict(dict)
        oldest = rfc3339(self._clock.now() - OLDEST)
        for scope, event in published(bodies):
            counter = COUNTED.get(event["type"].removeprefix(TYPE_PREFIX))
            if counter is not None and event["time"] > oldest:
                shard = zlib.crc32(str(event.get("partitionkey", "")).encode()) % SHARDS
                groups[scope, event["time"][:10], shard][_mark(event)] = counter
        for (scope, day, shard), marks in groups.items():
            await self._add(scope, day, shard, marks)

    async def days(self, caller: Caller, *, since: date, until: date) -> list[DayStats]:
        """The days from ``since`` to ``until`` (both included) on which anything happened, in order."""
        days: list[DayStats] = []
        after = None
        while True:
            query = Query(
                COUNTERS,
                "stats",
                partition=PARTITION,
                where=[Where(("date",), ">=", since.isoformat()), Where(("date",), "<=", until.isoformat())],
                order=[(("date",), "asc")],
                limit=PAGE,
                after=after,
            )
            page = await self._documents.query(caller.scope, query)
            days += [DayStats(item.body["date"], item.body["counts"]) for item in page.items]
            if (after := page.after) is None:
                return days

    async def _add(self, scope: TenantScope, day: str, shard: int, marks: _Marks) -> None:
        for _ in range(ATTEMPTS):
            window = await self._read(scope, f"window:{day}:{shard}")
            seen: str = window.body["seen"] if window else ""
            known = {seen[at : at + _MARK] for at in range(0, len(seen), _MARK)}
            new = {mark: counter for mark, counter in marks.items() if mark not in known}
            if not new:
                return
            body = {
                "id": f"window:{day}:{shard}",
                "kind": "window",
                "seen": (seen + "".join(new))[-WINDOW * _MARK :],
            }
            remember: Operation = (
                Replace(body, if_match=window.etag, ttl=WINDOW_LIFE)
                if window
                else Create(body, ttl=WINDOW_LIFE)
            )
            count = await self._counting(scope, day, Counter(new.values()))
            try:
                await self._documents.transact(
                    scope, container=COUNTERS, partition=PARTITION, operations=[remember, count]
                )
            except DocumentError:
                continue  # another consumer was faster: look again
            return
        raise UnavailableError

    async def _counting(self, scope: TenantScope, day: str, counts: Mapping[str, int]) -> Operation:
        day_id = f"day:{day}"
        if await self._read(scope, day_id) is not None:
            increments: dict[Path, int] = {("counts", name): number for name, number in counts.items()}
            return Patch(day_id, increment=increments)
        none = dict.fromkeys(COUNTED.values(), 0)
        body: dict[str, Any] = {"id": day_id, "kind": "stats", "date": day, "counts": {**none, **counts}}
        return Create(body, ttl=DAYS_LIFE)

    async def _read(self, scope: TenantScope, id: str) -> Document | None:
        return await self._documents.read(scope, container=COUNTERS, partition=PARTITION, id=id)


def _mark(event: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(f"{event['source']}\0{event['id']}".encode()).digest()
    return base64.b64encode(digest[:6]).decode()
