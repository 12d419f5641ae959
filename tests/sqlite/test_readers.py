"""Reads beside a file that another connection has to itself, as who puts its log in order does."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localhost.sqlite.readers import Readers
from localhost.sqlite.writer import StorageUnavailableError, connect

ROWS = "SELECT n FROM rows"


def test_who_opens_a_store_waits_for_it_and_who_serves_from_it_does_not(tmp_path: Path) -> None:
    path = tmp_path / "rows.db"
    readers, asked = Readers(path), threading.Event()

    def first() -> list[tuple[int]]:
        asked.set()
        return readers.first(ROWS, patience=60)

    with contextlib.closing(connect(path)) as owner, ThreadPoolExecutor(1) as pool:
        owner.execute("PRAGMA locking_mode = EXCLUSIVE")
        owner.execute("CREATE TABLE rows (n INTEGER)")
        owner.execute("INSERT INTO rows VALUES (1)")
        with pytest.raises(StorageUnavailableError):
            readers.rows(ROWS)
        with pytest.raises(StorageUnavailableError):
            readers.first(ROWS, patience=0)
        opened = pool.submit(first)
        assert asked.wait(60)
        owner.close()
        assert opened.result(60) == [(1,)]
    readers.close()
