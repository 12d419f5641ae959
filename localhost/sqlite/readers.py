"""Read-only connections to an SQLite file, one for each thread that reads."""

import sqlite3
import threading
from pathlib import Path

from localhost.sqlite.writer import connect


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

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection.

        Raises:
            sqlite3.Error: the file cannot be opened, or the readers are closed.
        """
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        # In WAL mode readers wait for nobody; where they would have to, the event loop must not wait too.
        connection = connect(self._path, read_only=True, patience=0)
        connection.row_factory = None
        connection.execute("PRAGMA mmap_size = 268435456")
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
