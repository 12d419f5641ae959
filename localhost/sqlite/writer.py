"""The single writer of an SQLite file: one thread, one connection, group commit.

Every write of a database goes through one :class:`Writer`. Work that is waiting when the writer is free
is committed together, so that one ``fsync`` pays for many callers; each piece of work still succeeds or
fails alone, in a savepoint of its own. A caller's result is handed back only after the commit that holds
it is on disk.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.domain.causes import FAILING, FULL, LOCKED, UNUSABLE
from shared.domain.errors import UnavailableError

GROUP_LIMIT = 256
"""Most pieces of work that share one commit: bounds how long the first of them waits."""

PATIENCE = 5.0
"""Seconds that a write waits for another process's lock on the file."""

_BEYOND_THE_WORK = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""Primary result codes that tell of the file or the machine, not of the statement."""

_CAUSES = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_INTERRUPT: FAILING,
    sqlite3.SQLITE_NOMEM: FAILING,
}
"""What operators are told of a code; all others say that the file is no good."""

type Work[T] = Callable[[sqlite3.Connection], T]

logger = logging.getLogger(__name__)


class StorageUnavailableError(UnavailableError):
    """The database file cannot be used now (disk full, file locked, I/O error); nothing was stored."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    future: asyncio.Future[Any]
    compacts: bool = False
    result: Any = None
    error: Exception | None = None


def open_store(
    path: Path,
    schema: str,
    *,
    prepare: Callable[[sqlite3.Connection], None] | None = None,
    patience: float = PATIENCE,
) -> sqlite3.Connection:
    """Open a file for writing, made if absent, and apply ``schema`` (idempotent SQL).

    ``prepare`` gives the connection what the schema needs: functions that its triggers call.

    Raises:
        StorageUnavailableError: the file cannot be opened or written.
    """
    connection: sqlite3.Connection | None = None
    try:
        connection = connect(path, patience=patience)
        if prepare is not None:
            prepare(connection)
        connection.executescript(schema)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        if unavailable(error) is error:
            raise
        # Said to whoever starts the host, before anything is served: it may name the file and the cause.
        raise StorageUnavailableError(f"{path} cannot be opened: {error}") from error
    return connection


def connect(path: Path, *, read_only: bool = False, patience: float = PATIENCE) -> sqlite3.Connection:
    """Open a connection with this host's settings: WAL, full synchronisation, named columns, autocommit.

    ``patience`` is how many seconds a statement waits for another connection's lock.
    """
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
        timeout=patience,
    )
    try:
        _configure(connection, read_only=read_only)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, *, read_only: bool) -> None:
    connection.row_factory = sqlite3.Row
    # Without it SQLite plans a statement anew at each execution when a bound value could decide whether a
    # partial index is usable: measured, a point read takes 45 us instead of 10.
    connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_QPSG, True)  # noqa: FBT003 - positional-only
    connection.execute("PRAGMA foreign_keys = ON")
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # What a savepoint may have to undo stays in memory, instead of going to a file once it is 64 KB: that
        # was a third of what a group commit costs.
        connection.execute("PRAGMA temp_store = MEMORY")


def unavailable(error: sqlite3.Error) -> Exception:
    """What a caller is told of ``error``: the store is unavailable, or ``error`` itself if it is a fault."""
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        code = sqlite3.SQLITE_CANTOPEN
    else:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code not in _BEYOND_THE_WORK:
        return error
    told = StorageUnavailableError(cause=_CAUSES.get(code, UNUSABLE))
    told.__cause__ = error
    return told


class Writer:
    """Runs work against one database file, in the order it was given, and commits it in groups."""

    def __init__(
        self,
        path: Path,
        schema: str,
        *,
        prepare: Callable[[sqlite3.Connection], None] | None = None,
        before_commit: Work[None] = lambda _: None,
        on_commit: Callable[[], None] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Open the file as :func:`open_store` does, and start the thread.

        ``before_commit`` is the last work of every transaction, and the first when the file was opened.
        ``on_commit`` is called on the writer's thread after each commit, before the callers resume.

        Raises:
            StorageUnavailableError: the file cannot be opened or written.
        """
        self._connection = open_store(path, schema, prepare=prepare, patience=patience)
        self._before_commit = before_commit
        before_commit(self._connection)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._on_commit = on_commit
        self._closed = False
        self._door = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name=f"sqlite-writer:{path.name}", daemon=True)
        self._thread.start()

    async def run[T](self, work: Work[T]) -> T:
        """Run ``work`` in a transaction and return its result once that is durable.

        An exception from ``work`` undoes what it did and is raised here; others in the group are not
        touched. Work must not block, begin or commit. A caller that gives up does not stop its work.

        Raises:
            StorageUnavailableError: the file could not be written; nothing of this work is stored.
        """
        return await self._put(work)

    async def compact(self) -> None:
        """Write the file anew, without the bytes of what was deleted; its log is emptied, too.

        Writes wait meanwhile: some 15 seconds for each gigabyte. It needs as much disk space again.

        Raises:
            StorageUnavailableError: the file could not be written; it is as it was.
        """
        await self._put(lambda _: None, compacts=True)

    async def _put[T](self, work: Work[T], *, compacts: bool = False) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._door:
            if self._closed:
                raise StorageUnavailableError
            self._jobs.put(_Job(work, future, compacts))
        return await future

    def close(self) -> None:
        """Finish what is queued, then close the file. Calling it again does nothing."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs, last = self._gather(first)
            self._commit(jobs)
            self._compact([job for job in jobs if job.compacts and job.error is None])
            _deliver(jobs)
            if last:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        with contextlib.suppress(queue.Empty):
            while len(jobs) < GROUP_LIMIT:
                job = self._jobs.get_nowait()
                if job is None:
                    return jobs, True
                jobs.append(job)
        return jobs, False

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            if len(jobs) == 1:  # alone: its savepoint would be the transaction itself
                jobs[0].result = jobs[0].work(self._connection)
            else:
                for job in jobs:
                    _run_in_savepoint(self._connection, job)
            self._before_commit(self._connection)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._connection.execute("ROLLBACK")
            for job in jobs:
                job.error = job.error or unavailable(error)
        except Exception as error:  # noqa: BLE001 - that of the one piece of work, and raised to its caller
            self._connection.execute("ROLLBACK")
            jobs[0].error = error
        else:
            self._announce()

    def _compact(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        try:
            self._connection.execute("VACUUM")
            # What was written before is in the log, too, until it is cut off: readers may hold that up.
            ((busy, _, _),) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            for job in jobs:
                job.error = unavailable(error)
        else:
            for job in jobs:
                job.error = StorageUnavailableError(cause=LOCKED) if busy else None

    def _announce(self) -> None:
        if self._on_commit is None:
            return
        try:
            self._on_commit()
        except Exception:
            logger.exception("what is called after a commit failed; the commit itself is stored")


def _run_in_savepoint(connection: sqlite3.Connection, job: _Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except sqlite3.Error as error:
        job.error = unavailable(error)
        if not connection.in_transaction:
            raise  # SQLite has ended the transaction by itself: the work of the others is undone too
        connection.execute("ROLLBACK TO job")
    except Exception as error:  # noqa: BLE001 - it is the caller's, and is raised there
        job.error = error
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _deliver(jobs: list[_Job]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.future.get_loop(), []).append(job)
    for loop, ours in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(_resolve, ours)


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.cancelled():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
