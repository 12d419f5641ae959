"""The events port over one SQLite file: an append-only log with partitions, as Event Hubs has it."""

import itertools
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from localhost.sqlite.documents import SWEEP_INTERVAL, utc_now
from localhost.sqlite.readers import Readers
from localhost.sqlite.signals import Signals
from localhost.sqlite.writer import PATIENCE, Writer
from shared.ports.events import CloudEvent, encode
from shared.security.scope import TenantScope

PARTITIONS = 4
"""Partitions of a new log; a log keeps the number that it was made with."""

SWEEP_LIMIT = 50_000
"""Most events that one sweep deletes: more than come in between two, and few enough not to be felt."""

_SCHEMA = Path(__file__).with_suffix(".sql")
_MAKE_PARTITIONS = (
    "INSERT INTO partitions WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers"
    " WHERE n + 1 < {}) SELECT n, 0 FROM numbers WHERE NOT EXISTS (SELECT 1 FROM partitions);"
)
_TAKE_SEQUENCES = "UPDATE partitions SET sequence = sequence + ? WHERE partition = ? RETURNING sequence"
_APPEND = "INSERT INTO events (partition, sequence, enqueued_at, key, body) VALUES (?, ?, ?, ?, ?)"
_READ = (
    "SELECT partition, sequence, enqueued_at, key, body FROM events"
    " WHERE partition = ? AND sequence > ? ORDER BY sequence LIMIT ?"
)
_FORGET = "DELETE FROM events WHERE key >= ? AND key < ?"
_LAST = "SELECT sequence FROM partitions WHERE partition = ?"
_COUNT = "SELECT count(*) FROM partitions"
_TRIM_AGE = "DELETE FROM events WHERE enqueued_at < ?"
_SWEEP = "DELETE FROM events WHERE rowid IN (SELECT rowid FROM events WHERE enqueued_at < ? LIMIT ?)"
_TRIM_COUNT = (
    "DELETE FROM events WHERE partition = ?1"
    " AND sequence <= (SELECT sequence FROM partitions WHERE partition = ?1) - ?2"
)


class LoggedEvent(NamedTuple):
    """An event in the log: ``body`` is the CloudEvent in structured mode, ``sequence`` counts from 1."""

    partition: int
    sequence: int
    enqueued_at: datetime
    key: str
    body: bytes


class SqliteEvents:
    """Implements :class:`shared.ports.events.Events`. One process at a time may have the file open."""

    def __init__(
        self,
        path: Path,
        *,
        partitions: int = PARTITIONS,
        keep_for: timedelta | None = None,
        now: Callable[[], datetime] = utc_now,
        patience: float = PATIENCE,
    ) -> None:
        """Open the log, made with so many partitions if absent.

        With ``keep_for``, writes delete by the way what is older.

        Raises:
            UnavailableError: the file cannot be opened or written.
        """
        self._now = now
        self._keep_for = keep_for
        self._next_sweep = 0.0
        self._signals = Signals()
        self._touched: set[Hashable] = set()
        schema = _SCHEMA.read_text("utf-8") + _MAKE_PARTITIONS.format(int(partitions))
        self._writer = Writer(path, schema, on_commit=self._announce, patience=patience)
        self._readers = Readers(path)
        ((self._partitions,),) = self._readers.first(_COUNT, patience=patience)

    @property
    def partitions(self) -> int:
        """How many there are, numbered from 0."""
        count: int = self._partitions
        return count

    def close(self) -> None:
        """Finish the writes that are queued, wake who waits, and close the file."""
        self._writer.close()
        self._readers.close()
        self._signals.announce_all()

    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """See :meth:`shared.ports.events.Events.publish`. A batch is stored whole or not at all."""
        if events:
            bodies = zip(events, encode(events), strict=True)
            rows = [(self.partition_of(event.key), event.key, body) for event, body in bodies]
            await self._writer.run(partial(self._append, rows))

    async def forget(self, scope: TenantScope) -> None:
        """Delete the tenant's events: see :meth:`shared.ports.remains.Remains.forget`."""
        await self._writer.run(lambda connection: _forget(connection, scope.tenant_id))
        await self._writer.compact()

    async def check(self) -> None:
        """See :meth:`shared.ports.events.Events.check`."""
        self._readers.rows(_COUNT)

    def partition_of(self, key: str) -> int:
        """The partition that holds the events of ``key``."""
        return zlib.crc32(key.encode()) % self.partitions

    async def read(
        self, partition: int, *, after: int, limit: int = 100, wait: float = 0
    ) -> Sequence[LoggedEvent]:
        """Events of a partition with a sequence number above ``after`` (0: from the oldest kept), in order.

        With ``wait`` (seconds) an empty answer is held back until there is an event or the time is over.

        Raises:
            UnavailableError: the log cannot be read now.
        """

        def look() -> Sequence[LoggedEvent]:
            return [
                LoggedEvent(number, sequence, datetime.fromtimestamp(enqueued_at, UTC), key, body)
                for number, sequence, enqueued_at, key, body in self._readers.rows(
                    _READ, (partition, after, limit)
                )
            ]

        return await self._signals.first(partition, look, wait)

    def last_sequence(self, partition: int) -> int:
        """The sequence number of the partition's last event; 0 if there was none yet."""
        ((last,),) = self._readers.rows(_LAST, (partition,))
        number: int = last
        return number

    async def trim(self, *, keep_for: timedelta | None = None, keep: int | None = None) -> int:
        """Delete what is older than ``keep_for``, and all but the last ``keep`` events of each partition.

        Returns how many events were deleted. Sequence numbers go on as if they were there.
        """
        return await self._writer.run(partial(self._trim, keep_for, keep))

    def _append(self, rows: Sequence[tuple[int, str, bytes]], connection: sqlite3.Connection) -> None:
        now = self._now().timestamp()
        counts = Counter(partition for partition, _, _ in rows)
        sequences: dict[int, Iterator[int]] = {}
        for partition, count in counts.items():
            (last,) = connection.execute(_TAKE_SEQUENCES, (count, partition)).fetchone()
            sequences[partition] = itertools.count(last - count + 1)
        connection.executemany(
            _APPEND,
            [(partition, next(sequences[partition]), now, key, body) for partition, key, body in rows],
        )
        self._touched.update(counts)
        if self._keep_for is not None and now >= self._next_sweep:
            connection.execute(_SWEEP, (now - self._keep_for.total_seconds(), SWEEP_LIMIT))
            self._next_sweep = now + SWEEP_INTERVAL

    def _trim(self, keep_for: timedelta | None, keep: int | None, connection: sqlite3.Connection) -> int:
        deleted = 0
        if keep_for is not None:
            deleted += connection.execute(_TRIM_AGE, ((self._now() - keep_for).timestamp(),)).rowcount
        if keep is not None:
            for partition in range(self.partitions):
                deleted += connection.execute(_TRIM_COUNT, (partition, keep)).rowcount
        return deleted

    def _announce(self) -> None:
        self._signals.announce(self._touched)
        self._touched.clear()


def _forget(connection: sqlite3.Connection, tenant_id: str) -> None:
    """A key begins with the tenant and a slash (``services/delivery/relay.py``); "0" is what follows that."""
    connection.execute(_FORGET, (f"{tenant_id}/", f"{tenant_id}0"))
