"""The single writer of an SQLite file: one thread, one connection, group commit.

Every write of a database goes through one :class:`Writer`. Work that is waiting when the writer is free
is committed together, so that one ``fsync`` pays for many callers; each piece of work still succeeds or
fails alone, in a savepoint of its own. A caller's result is handed back only after the commit that holds
it is on disk.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GROUP_LIMIT = 256
"""Most pieces of work that share one commit: bounds how long the first of them waits."""

type Work[T] = Callable[[sqlite3.Connection], T]


class StorageUnavailableError(Exception):
    """The database file cannot be written now (disk full, file locked, I/O error); nothing was stored."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a connection with this host's settings: WAL, full synchronisation, named columns, autocommit."""
    if read_only:
        connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
    else:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA foreign_keys = ON")
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    return connection


class Writer:
    """Runs work against one database file, in the order it was given, and commits it in groups."""

    def __init__(self, path: Path, schema: str, *, on_commit: Callable[[], None] | None = None) -> None:
        """Open ``path`` (made if absent), apply ``schema`` (idempotent SQL) and start the thread.

        ``on_commit`` is called on the writer's thread after each commit, before the callers resume.
        """
        self._connection = connect(path)
        self._connection.executescript(schema)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._on_commit = on_commit
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=f"sqlite-writer:{path.name}", daemon=True)
        self._thread.start()

    async def run[T](self, work: Work[T]) -> T:
        """Run ``work`` in a transaction and return its result once that is durable.

        An exception from ``work`` undoes what it did and is raised here; others in the group are not
        touched. Work must not block, begin or commit.

        Raises:
            StorageUnavailableError: the file could not be written; nothing of this work is stored.
        """
        if self._closed:
            raise StorageUnavailableError("the database is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(work, future))
        # A caller that gives up does not stop work that is already queued.
        return await asyncio.shield(future)

    def close(self) -> None:
        """Finish what is queued, then close the file. Calling it again does nothing."""
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
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                _run_in_savepoint(connection, job)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            for job in jobs:
                job.error = StorageUnavailableError(f"the database cannot be written: {error}")
                job.error.__cause__ = error
        else:
            if self._on_commit is not None:
                self._on_commit()


def _run_in_savepoint(connection: sqlite3.Connection, job: _Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except sqlite3.OperationalError:
        raise  # disk full, I/O error: SQLite may have ended the transaction, so the whole group fails
    except BaseException as error:
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
