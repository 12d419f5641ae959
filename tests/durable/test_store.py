"""The hub's file while it cannot be written."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from localhost.durable.store import Store
from tests.durable.conftest import until

WAITING = 20


async def test_however_many_wait_for_the_file_the_log_says_once_that_it_is_away_and_once_that_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "hub.db")
    store._writer._connection.execute("PRAGMA busy_timeout = 20")
    attempts = 0

    def work(_: sqlite3.Connection) -> int:
        nonlocal attempts
        attempts += 1
        return attempts

    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = [asyncio.create_task(store.write_through(work)) for _ in range(WAITING)]
        await until(lambda: bool(caplog.messages))
        other.execute("ROLLBACK")
        assert len(await asyncio.gather(*waiting)) == WAITING
    assert caplog.messages == [
        "The task hub's file cannot be written, trying until it can be: database is locked",
        "The task hub's file can be written again",
    ]
    store.close()
