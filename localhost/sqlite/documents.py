"""The documents port over one SQLite file.

Writes go through the file's single writer. Point reads and change feeds are short indexed reads and run where
they are called, on the event loop's thread: a hop to another thread would cost more than the read. Queries
may be long and run on threads of their own.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from localhost.sqlite import search
from localhost.sqlite.cursors import Cursors, Etags
from localhost.sqlite.operations import SWEEP, Partition, Step, Transaction, document, prepare
from localhost.sqlite.queries import encode_position, select, tally
from localhost.sqlite.readers import Readers
from localhost.sqlite.signals import Signals
from localhost.sqlite.writer import PATIENCE, StorageUnavailableError, Writer
from shared.domain.errors import BadCursorError
from shared.ports.documents import Change, Container, Counts, Document, Json, Operation, Page, Query
from shared.ports.documents import Path as FieldPath
from shared.security.scope import TenantScope

SWEEP_INTERVAL = 60.0
"""Seconds between the sweeps that writes do by the way."""

SWEEP_LIMIT = 500
"""Most documents that one sweep deletes: bounds how long a write waits for it."""

QUERY_THREADS = 2

_SCHEMAS = [Path(__file__).with_name(name) for name in ("documents.sql", "search.sql")]
_KEY = "INSERT OR IGNORE INTO meta VALUES ('cursor_key', x'{}');"
_POSITION_BYTES = 8

_READ = (
    "SELECT seq, body FROM documents WHERE container = ? AND tenant_id = ? AND partition = ? AND id = ?"
    " AND (expires_at IS NULL OR expires_at > ?)"
)
_CHANGES = (
    "SELECT seq, body FROM documents WHERE container = ? AND tenant_id = ? AND partition = ? AND seq > ?"
    " AND (expires_at IS NULL OR expires_at > ?) ORDER BY seq LIMIT ?"
)
_CHANGES_OF_KIND = (
    "SELECT seq, body FROM documents WHERE container = ? AND tenant_id = ? AND partition = ? AND seq > ?"
    " AND kind = ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY seq LIMIT ?"
)
_FEED = (
    "SELECT seq, body FROM documents WHERE container = ? AND seq > ?"
    " AND (expires_at IS NULL OR expires_at > ?) ORDER BY seq LIMIT ?"
)
_FORGET_EXPIRED = "DELETE FROM documents WHERE tenant_id = ? AND expires_at <= ?"
_META = "SELECT value FROM meta WHERE name = ?"


class FeedChange(NamedTuple):
    """A document of some tenant as it was after a write."""

    body: dict[str, Json]
    seq: int
    etag: str


def utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteDocuments:
    """Implements :class:`shared.ports.documents.Documents`. One process at a time may have the file open."""

    def __init__(
        self, path: Path, *, now: Callable[[], datetime] = utc_now, patience: float = PATIENCE
    ) -> None:
        """Open the file, made if absent.

        ``now`` is called on several threads. ``patience`` is how many seconds a write waits for a lock that
        another process holds.

        Raises:
            UnavailableError: the file cannot be opened or written.
        """
        self._now = now
        self._signals = Signals()
        self._touched: set[Hashable] = set()
        self._next_sweep = 0.0
        self._closed = False
        schema = "".join(file.read_text("utf-8") for file in _SCHEMAS) + _KEY.format(secrets.token_hex(32))
        self._writer = Writer(
            path,
            schema,
            prepare=search.install,
            before_commit=search.tell,
            on_commit=self._announce,
            patience=patience,
        )
        self._readers = Readers(path)
        self._pool = ThreadPoolExecutor(QUERY_THREADS, thread_name_prefix="sqlite-query")
        ((key,),) = self._readers.first(_META, ("cursor_key",), patience=patience)
        self._cursors, self._etags = Cursors(key), Etags(key)

    def close(self) -> None:
        """Finish the writes that are queued, wake who waits for changes, and close the file."""
        self._closed = True
        self._writer.close()
        self._pool.shutdown()
        self._readers.close()
        self._signals.announce_all()

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        """See :meth:`shared.ports.documents.Documents.read`."""
        key = (container.name, scope.tenant_id, partition, id, self._seconds())
        rows = self._readers.rows(_READ, key)
        return self._document(*rows[0]) if rows else None

    async def query(self, scope: TenantScope, query: Query) -> Page:
        """See :meth:`shared.ports.documents.Documents.query`."""
        if self._closed:
            raise StorageUnavailableError
        page = partial(self._page, query, scope.tenant_id)
        return await asyncio.get_running_loop().run_in_executor(self._pool, page)

    async def count(self, scope: TenantScope, query: Query, *, by: FieldPath, each: bool = False) -> Counts:
        """See :meth:`shared.ports.documents.Documents.count`."""
        if self._closed:
            raise StorageUnavailableError
        counts = partial(self._count, query, by, scope.tenant_id, each=each)
        return await asyncio.get_running_loop().run_in_executor(self._pool, counts)

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        """See :meth:`shared.ports.documents.Documents.transact`."""
        place = Partition(container, scope.tenant_id, partition)
        steps = prepare(place, operations)
        return await self._writer.run(partial(self._transact, place, steps))

    async def changes(
        self,
        scope: TenantScope,
        *,
        container: Container,
        partition: str,
        after: str | None = None,
        kind: str | None = None,
        limit: int = 100,
        wait: float = 0,
    ) -> Sequence[Change]:
        """See :meth:`shared.ports.documents.Documents.changes`."""
        if limit < 1:
            raise ValueError(f"at least one change can be asked for, not {limit}")
        place = (container.name, scope.tenant_id, partition)
        context = "\0".join(place).encode()
        start = self._start(context, after)

        def look() -> Sequence[Change]:
            if kind is None:
                rows = self._readers.rows(_CHANGES, (*place, start, self._seconds(), limit))
            else:
                rows = self._readers.rows(_CHANGES_OF_KIND, (*place, start, kind, self._seconds(), limit))
            return [Change(self._document(seq, body), self._position(context, seq)) for seq, body in rows]

        return await self._signals.first(place, look, wait)

    async def feed(
        self, *, container: Container, after: int | None, limit: int, wait: float
    ) -> Sequence[FeedChange]:
        """The changes of a whole container, over all tenants, behind ``after`` (a ``FeedChange.seq``).

        Otherwise like :meth:`changes`. For the host's own change-feed triggers only: it takes no scope.
        """

        def look() -> Sequence[FeedChange]:
            rows = self._readers.rows(_FEED, (container.name, after or 0, self._seconds(), limit))
            return [FeedChange(orjson.loads(body), seq, self._etags.of(seq)) for seq, body in rows]

        return await self._signals.first(container.name, look, wait)

    def last_seq(self) -> int:
        """Where :meth:`feed` stands now: changes that come after have a greater ``FeedChange.seq``."""
        last: int = self._meta("sequence")
        return last

    async def sweep(self) -> int:
        """Delete documents that have expired, some hundreds at a time; returns how many were deleted."""
        return await self._writer.run(self._sweep)

    async def forget(self, scope: TenantScope) -> None:
        """Leave nothing of what the tenant had: see :meth:`shared.ports.remains.Remains.forget`.

        Raises:
            UnavailableError: the file cannot be written now.
        """
        await self._writer.run(partial(self._forget, scope.tenant_id))
        await self._writer.run(search.merge)
        await self._writer.compact()

    def _forget(self, tenant_id: str, connection: sqlite3.Connection) -> None:
        connection.execute(_FORGET_EXPIRED, (tenant_id, self._seconds()))
        search.forget(connection, tenant_id)

    def _seconds(self) -> float:
        return self._now().timestamp()

    def _page(self, query: Query, tenant_id: str) -> Page:
        selection = select(
            query,
            tenant_id=tenant_id,
            now=self._seconds(),
            rows=self._readers.rows,
            open_cursor=self._cursors.open,
        )
        rows: list[tuple[Any, ...]] = []
        for sql, bound in selection.statements:
            rows = self._readers.rows(sql, bound)
            if len(rows) > query.limit:
                break
        shown = rows[: query.limit]
        after = None
        if len(rows) > query.limit:
            after = self._cursors.seal(selection.context, encode_position(shown[-1][2:]))
        return Page([self._document(seq, body) for seq, body, *_ in shown], after)

    def _count(self, query: Query, by: FieldPath, tenant_id: str, *, each: bool) -> Counts:
        sql, bound = tally(
            query, by, each=each, tenant_id=tenant_id, now=self._seconds(), rows=self._readers.rows
        )
        rows = self._readers.rows(sql, bound)
        values = rows[0][2] if rows else 0
        return Counts([(value, number) for value, number, _ in rows], values - len(rows))

    def _transact(
        self, place: Partition, steps: Sequence[Step], connection: sqlite3.Connection
    ) -> Sequence[Document | None]:
        now = self._seconds()
        documents = Transaction(connection, place, now, self._etags).run(steps)
        if now >= self._next_sweep:
            self._sweep(connection)
            self._next_sweep = now + SWEEP_INTERVAL
        self._touched.update(((place.container.name, place.tenant_id, place.key), place.container.name))
        return documents

    def _sweep(self, connection: sqlite3.Connection) -> int:
        return connection.execute(SWEEP, (self._seconds(), SWEEP_LIMIT)).rowcount

    def _announce(self) -> None:
        self._signals.announce(self._touched)
        self._touched.clear()

    def _start(self, context: bytes, after: str | None) -> int:
        """The sequence number ``after`` stands for; a restored backup can leave it ahead of the feed."""
        if after is None:
            return 0
        start = int.from_bytes(self._cursors.open(context, after))
        if start > self.last_seq():
            raise BadCursorError
        return start

    def _document(self, seq: int, body: str) -> Document:
        return document(self._etags.of(seq), body)

    def _meta(self, name: str) -> Any:
        ((value,),) = self._readers.rows(_META, (name,))
        return value

    def _position(self, context: bytes, seq: int) -> str:
        return self._cursors.seal(context, seq.to_bytes(_POSITION_BYTES))
