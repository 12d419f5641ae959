"""Read-only connections to an SQLite file, one for each thread that reads."""

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from localhost.sqlite.writer import connect, unavailable


def _casefold(text: str) -> str:
    return text.casefold()


class Readers:
    """Hands every thread its own connection: statements of two threads never meet in one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[sqlite3.Connection] = []
        self._closed = False

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, read on this thread's connection.

        They are fetched at once: a read that stays open would keep the log from being emptied.

        Raises:
            StorageUnavailableError: the file cannot be read, or is closed.
        """
        try:
            return self._connection().execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error) from error

    def first(self, sql: str, parameters: Sequence[Any] = (), *, patience: float) -> list[tuple[Any, ...]]:
        """As :meth:`rows`, while the store is opened: another process that opens it too is waited for.

        The first to come behind a process that was killed puts the log in order, and nobody else reads then.

        Raises:
            StorageUnavailableError: the file cannot be read within ``patience`` seconds.
        """
        try:
            with closing(connect(self._path, read_only=True, patience=patience)) as connection:
                return [tuple(row) for row in connection.execute(sql, parameters)]
        except sqlite3.Error as error:
            raise unavailable(error) from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        # In WAL mode readers wait for nobody; where they would have to, the event loop must not wait too.
        connection = connect(self._path, read_only=True, patience=0)
        connection.row_factory = None
        connection.create_function("casefold", 1, _casefold, deterministic=True)
        with self._lock:
            if self._closed:
                connection.close()
            else:
                self._open.append(connection)
        return connection

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for connection in self._open:
                connection.close()
            self._open.clear()
