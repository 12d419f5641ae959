"""The single writer: group commit, failures that stay alone, and its end."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from localhost.sqlite.writer import StorageUnavailableError, Writer, connect

SCHEMA = "CREATE TABLE IF NOT EXISTS rows (n INTEGER PRIMARY KEY, text TEXT);"


class Commits:
    """Counts commits, and can hold the writer's thread in one so that work gathers behind it."""

    def __init__(self) -> None:
        self.count = 0
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        self.reached.set()
        assert self.gate.wait(60)


@pytest.fixture
def commits() -> Commits:
    return Commits()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.db"


@pytest.fixture
def writer(path: Path, commits: Commits) -> Iterator[Writer]:
    writer = Writer(path, SCHEMA, on_commit=commits, patience=0.05)
    yield writer
    commits.gate.set()
    writer.close()


async def add(writer: Writer, n: int, text: str = "") -> int:
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO rows VALUES (?, ?)", (n, text))
        return n

    return await writer.run(work)


def stored(path: Path) -> list[int]:
    with contextlib.closing(connect(path, read_only=True)) as connection:
        return [row["n"] for row in connection.execute("SELECT n FROM rows ORDER BY n")]


async def test_the_files_settings_are_those_of_a_store_that_survives_a_power_failure(writer: Writer) -> None:
    def settings(connection: sqlite3.Connection) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)

    assert await writer.run(settings) == ("wal", 2, 1)


async def test_work_returns_its_result_once_it_is_stored(writer: Writer, path: Path) -> None:
    assert await add(writer, 7) == 7
    assert stored(path) == [7]


async def test_work_that_waits_together_is_committed_together(
    writer: Writer, path: Path, commits: Commits
) -> None:
    commits.gate.clear()
    first = asyncio.create_task(add(writer, 0))
    await asyncio.to_thread(commits.reached.wait, 10)
    others = [asyncio.create_task(add(writer, n)) for n in range(1, 201)]
    await asyncio.sleep(0)
    commits.gate.set()
    await asyncio.gather(first, *others)
    assert commits.count == 2
    assert stored(path) == list(range(201))


async def test_work_is_done_in_the_order_it_was_given(writer: Writer) -> None:
    done: list[int] = []

    async def note(n: int) -> None:
        await writer.run(lambda _: done.append(n))

    await asyncio.gather(*map(note, range(50)))
    assert done == list(range(50))


async def test_one_works_failure_leaves_the_others_of_its_group(
    writer: Writer, path: Path, commits: Commits
) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO rows VALUES (100, '')")
        raise LookupError("half way")

    def wrong(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO rows VALUES (101, '')")
        connection.execute("INSERT INTO nowhere VALUES (1)")

    commits.gate.clear()
    first = asyncio.create_task(add(writer, 0))
    await asyncio.to_thread(commits.reached.wait, 10)
    group = asyncio.gather(
        add(writer, 1),
        writer.run(half),
        add(writer, 0),
        writer.run(wrong),
        add(writer, 2),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    commits.gate.set()
    await first
    outcomes = await group
    assert [type(outcome) for outcome in outcomes] == [
        int,
        LookupError,
        sqlite3.IntegrityError,
        sqlite3.OperationalError,
        int,
    ]
    assert commits.count == 2
    assert stored(path) == [0, 1, 2]


async def test_the_commit_is_announced_after_it_is_visible_and_before_the_caller_goes_on(path: Path) -> None:
    seen: list[str] = []
    writer = Writer(path, SCHEMA, on_commit=lambda: seen.append(f"announced {stored(path)}"))
    await add(writer, 1)
    seen.append("returned")
    writer.close()
    assert seen == ["announced [1]", "returned"]


async def test_a_fault_in_the_announcement_does_not_stop_the_writer(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    writer = Writer(path, SCHEMA, on_commit=broken)
    await add(writer, 1)
    await add(writer, 2)
    writer.close()
    assert stored(path) == [1, 2]
    assert "ZeroDivisionError" in caplog.text


async def test_work_whose_caller_gave_up_is_done_all_the_same(
    writer: Writer, path: Path, commits: Commits
) -> None:
    commits.gate.clear()
    first = asyncio.create_task(add(writer, 1))
    await asyncio.to_thread(commits.reached.wait, 10)
    leaving = asyncio.create_task(add(writer, 2))
    await asyncio.sleep(0)
    leaving.cancel()
    commits.gate.set()
    await first
    await add(writer, 3)
    assert leaving.cancelled()
    assert stored(path) == [1, 2, 3]


async def test_closing_finishes_what_is_queued_and_refuses_what_comes_later(path: Path) -> None:
    writer = Writer(path, SCHEMA)
    queued = [asyncio.create_task(add(writer, n)) for n in range(300)]
    await asyncio.sleep(0)
    writer.close()
    writer.close()
    assert await asyncio.gather(*queued) == list(range(300))
    assert stored(path) == list(range(300))
    with pytest.raises(StorageUnavailableError):
        await add(writer, 1000)


async def test_a_full_disk_fails_what_does_not_fit_and_only_until_there_is_room(
    writer: Writer, path: Path
) -> None:
    await add(writer, 1)
    pages = await writer.run(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await writer.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages + 2}"))
    with pytest.raises(StorageUnavailableError) as raised:
        await add(writer, 2, "x" * 100_000)
    assert "full" in str(raised.value.__cause__)
    await add(writer, 3)
    assert stored(path) == [1, 3]
    await writer.run(lambda connection: connection.execute("PRAGMA max_page_count = 1000000"))
    await add(writer, 2, "x" * 100_000)
    assert stored(path) == [1, 2, 3]


async def test_a_locked_file_is_unavailable_until_the_lock_is_gone(writer: Writer, path: Path) -> None:
    with contextlib.closing(connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailableError):
            await add(writer, 1)
        other.execute("ROLLBACK")
    await add(writer, 2)
    assert stored(path) == [2]


def test_a_file_that_is_no_database_is_unavailable_and_named(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is no database, and it is longer than a header " * 20)
    with pytest.raises(StorageUnavailableError, match=r"\.db cannot be opened: file is not a database"):
        Writer(path, SCHEMA)


@pytest.mark.parametrize("name", ["a b.db", "per%20cent.db", "what?.db", "#1.db", "é.db"])
async def test_any_file_name_can_be_opened_for_writing_and_reading(tmp_path: Path, name: str) -> None:
    writer = Writer(tmp_path / name, SCHEMA)
    await add(writer, 1)
    assert stored(tmp_path / name) == [1]
    assert (tmp_path / name).exists()
    writer.close()


def test_a_writer_serves_several_event_loops(writer: Writer, path: Path) -> None:
    async def some(start: int) -> None:
        await asyncio.gather(*[add(writer, n) for n in range(start, start + 20)])

    threads = [threading.Thread(target=asyncio.run, args=(some(start),)) for start in (0, 20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(path) == list(range(60))


async def test_a_file_that_is_written_anew_has_no_byte_of_what_was_deleted(
    writer: Writer, path: Path
) -> None:
    await asyncio.gather(*(add(writer, n, f"planted-{n} " * 100) for n in range(200)))
    await writer.run(lambda connection: connection.execute("DELETE FROM rows WHERE n > 0"))
    _, _, after = await asyncio.gather(add(writer, 300), writer.compact(), add(writer, 301))
    assert after == 301
    assert stored(path) == [0, 300, 301]
    text = b"".join(file.read_bytes() for file in sorted(path.parent.glob("rows.db*")))
    assert (b"planted-0 " in text, b"planted-1 " in text) == (True, False)


async def test_who_reads_on_holds_up_the_cut_and_whoever_asked_is_told(writer: Writer, path: Path) -> None:
    await add(writer, 1)
    with contextlib.closing(connect(path, read_only=True)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM rows").fetchall()
        with pytest.raises(StorageUnavailableError):
            await writer.compact()
    await writer.compact()
    assert stored(path) == [1]
