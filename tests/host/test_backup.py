"""A backup is one moment of a data folder, and whole."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from localhost.app.problems import StartupError
from localhost.backup import backup


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with two databases that count, and a file beside them."""
    folder = tmp_path / "data"
    (folder / "registry" / "uploads").mkdir(parents=True)
    (folder / "registry" / "blob").write_text("an image")
    (folder / "registry" / "uploads" / "half").write_text("half an image")
    (folder / "feeds.json").write_text("{}")
    (folder / "host.lock").write_text("1")
    for name in ("documents", "quantum"):
        with closing(sqlite3.connect(folder / f"{name}.db")) as made:
            made.execute("PRAGMA journal_mode = WAL")
            made.execute("CREATE TABLE counts (count INTEGER)")
            made.execute("INSERT INTO counts VALUES (0)")
            made.commit()
    return folder


@pytest.fixture
def written(data: Path) -> Iterator[threading.Event]:
    """Somebody counts all the while, first in the documents and then in the hub; set after the first time."""
    begun, enough = threading.Event(), threading.Event()

    def count() -> None:
        with (
            closing(sqlite3.connect(data / "documents.db")) as documents,
            closing(sqlite3.connect(data / "quantum.db")) as hub,
        ):
            while not enough.is_set():
                for database in (documents, hub):
                    database.execute("UPDATE counts SET count = count + 1")
                    database.commit()
                begun.set()

    writer = threading.Thread(target=count)
    writer.start()
    begun.wait()
    yield begun
    enough.set()
    writer.join()


def counted(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        (count,) = database.execute("SELECT count FROM counts").fetchone()
    return int(count)


@pytest.mark.usefixtures("written")
def test_the_documents_know_what_the_hub_knows_while_both_are_written(data: Path, tmp_path: Path) -> None:
    for turn in range(20):
        copy = tmp_path / f"copy-{turn}"
        backup(data, copy)
        documents, hub = counted(copy / "documents.db"), counted(copy / "quantum.db")
        assert documents >= hub >= 1


def test_it_has_what_a_host_needs_and_is_for_its_owner_alone(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "new" / "copy"
    copied = backup(data, copy)
    files = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    assert files == {"documents.db", "quantum.db", "feeds.json", "registry/blob"}
    assert copied.files == 4
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700
    assert stat.S_IMODE((copy / "documents.db").stat().st_mode) == 0o600


def test_what_is_damaged_is_no_backup_and_leaves_nothing(data: Path, tmp_path: Path) -> None:
    (data / "secrets.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4080)
    with pytest.raises(StartupError, match="There is no backup"):
        backup(data, tmp_path / "copies" / "copy")
    assert list((tmp_path / "copies").iterdir()) == []


def test_nothing_is_overwritten_and_nothing_copied_into_itself(data: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for to, why in ((tmp_path / "there", "it is there already"), (data / "copy", "that is to be copied")):
        with pytest.raises(StartupError, match=why):
            backup(data, to)
    with pytest.raises(StartupError, match="no host has kept anything"):
        backup(tmp_path / "there", tmp_path / "copy")
