"""The file of a task hub: opening it, finding what was in flight, and the point reads of the engine.

Point reads run on the event loop's own read-only connection: a lookup by key is cheaper than a thread switch.
"""

import asyncio
import contextlib
import itertools
import json
import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable import history
from localhost.durable.commits import delete_consumed
from localhost.durable.history import replayed
from localhost.durable.model import Activity, LockRequest, Message, Parent, Snapshot
from localhost.sqlite.writer import StorageUnavailableError, Work, Writer, connect

_SCHEMA = Path(__file__).with_name("schema.sql")
_FIRST_PAUSE = 0.05
_LAST_PAUSE = 2.0

logger = logging.getLogger(__name__)


class Store:
    """One SQLite file; all writes go through its single writer."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._writer = Writer(path, _SCHEMA.read_text(encoding="utf-8"))
        self.reader = connect(path, read_only=True)
        self._ids = itertools.count(self._highest_id() + 1)
        self._closed = False
        self._away = False
        """Whether the log has said that the file cannot be written: many may wait, and one line is enough."""

    def next_id(self) -> int:
        """The next id of the sequence that messages, activities and lock requests share."""
        return next(self._ids)

    def _highest_id(self) -> int:
        row = self.reader.execute(
            "SELECT max((SELECT coalesce(max(id), 0) FROM messages),"
            " (SELECT coalesce(max(id), 0) FROM activities),"
            " (SELECT coalesce(max(id), 0) FROM lock_requests))"
        ).fetchone()
        return int(row[0])

    async def write[T](self, work: Work[T]) -> T:
        """Run ``work`` in a transaction.

        Raises:
            StorageUnavailableError: the file cannot be written now; nothing was stored.
        """
        return await self._writer.run(work)

    async def compact(self) -> None:
        """Write the file anew, without the bytes of what was deleted; writes wait meanwhile."""
        await self._writer.compact()

    async def write_through[T](self, work: Work[T]) -> T:
        """Like :meth:`write`, but wait for a file that cannot be written now: what is known is not forgotten.

        Raises:
            StorageUnavailableError: the store was closed meanwhile.
        """
        pause = _FIRST_PAUSE
        while True:
            try:
                result = await self._writer.run(work)
            except StorageUnavailableError as error:
                if self._closed:
                    raise
                self._tell_away(error.__cause__ or error)
            else:
                self._tell_back()
                return result
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    def _tell_away(self, reason: BaseException) -> None:
        if not self._away:
            logger.warning("The task hub's file cannot be written, trying until it can be: %s", reason)
        self._away = True

    def _tell_back(self) -> None:
        if self._away:
            logger.warning("The task hub's file can be written again")
        self._away = False

    async def discard(self, messages: Sequence[Message]) -> None:
        """Forget messages nobody will ever take in."""
        await self.write_through(lambda connection: delete_consumed(connection, messages))

    def look[T](self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a lookup by key, here and now.

        Raises:
            StorageUnavailableError: the file cannot be read now.
        """
        try:
            return query(self.reader)
        except sqlite3.Error as error:
            raise StorageUnavailableError(f"the database cannot be read: {error}") from error

    async def read[T](self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a longer query on a connection and thread of its own.

        Raises:
            StorageUnavailableError: the file cannot be read now.
        """

        def run() -> T:
            try:
                with contextlib.closing(connect(self.path, read_only=True)) as connection:
                    return query(connection)
            except sqlite3.Error as error:
                raise StorageUnavailableError(f"the database cannot be read: {error}") from error

        return await asyncio.to_thread(run)

    def give_up(self) -> None:
        """Let :meth:`write_through` end instead of waiting for the file."""
        self._closed = True

    def close(self) -> None:
        self._closed = True
        self._writer.close()
        self.reader.close()

    def snapshot(self, instance_id: str) -> Snapshot | None:
        row = self.reader.execute("SELECT * FROM instances WHERE id = ?", (instance_id,)).fetchone()
        if row is None:
            return None
        parent = None
        if row["parent_id"] is not None:
            parent = Parent(row["parent_id"], row["parent_execution_id"], row["parent_task_id"])
        snapshot = Snapshot(
            instance_id,
            row["execution_id"],
            row["name"],
            row["version"],
            row["status"],
            row["turn"],
            parent,
            row["trace"],
        )
        self.load_history(snapshot)
        return snapshot

    def load_history(self, snapshot: Snapshot) -> pb.OrchestratorRequest:
        """Give the snapshot the request that replays it."""
        past = pb.OrchestratorRequest(instanceId=snapshot.instance_id)
        past.executionId.value = snapshot.execution_id
        if snapshot.trace:
            past.orchestrationTraceContext.ParseFromString(snapshot.trace)
        for (chunk,) in self.reader.execute(
            "SELECT chunk FROM history WHERE instance_id = ? ORDER BY turn", (snapshot.instance_id,)
        ):
            past.pastEvents.extend(replayed(pb.HistoryChunk.FromString(chunk).events))
        snapshot.past = past
        snapshot.events = len(past.pastEvents)
        started = history.started(past.pastEvents)
        snapshot.started = None if started is None else history.apart(started)
        return past

    def entity_state(self, entity_id: str) -> str | None:
        row = self.reader.execute("SELECT state FROM entities WHERE id = ?", (entity_id,)).fetchone()
        return None if row is None else row["state"]

    def messages(self, after: int, until: int) -> list[Message]:
        """Messages that become visible in ``(after, until]`` microseconds, oldest row first."""
        rows = self.reader.execute(
            "SELECT * FROM messages WHERE visible_at > ? AND visible_at <= ? ORDER BY id", (after, until)
        )
        return [message_of(row) for row in rows]

    def activities(self) -> list[Activity]:
        return [
            Activity(
                r["id"], r["instance_id"], r["execution_id"], pb.ActivityRequest.FromString(r["request"])
            )
            for r in self.reader.execute("SELECT * FROM activities ORDER BY id")
        ]

    def locks(self) -> list[LockRequest]:
        """Locks held, one entity each."""
        return [
            LockRequest(0, r["critical_section"], r["instance_id"], "", (r["entity_id"],))
            for r in self.reader.execute("SELECT * FROM locks")
        ]

    def lock_requests(self) -> list[LockRequest]:
        return [
            LockRequest(
                r["id"],
                r["critical_section"],
                r["instance_id"],
                r["execution_id"],
                tuple(json.loads(r["lock_set"])),
            )
            for r in self.reader.execute("SELECT * FROM lock_requests ORDER BY id")
        ]


def message_of(row: Any) -> Message:
    events = pb.HistoryChunk.FromString(row["chunk"]).events
    return Message(row["id"], row["target"], row["execution_id"], events, row["visible_at"])
