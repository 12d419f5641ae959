"""A copy of a data folder that a host can be started on, also while one runs: the ``backup`` command.

Databases are copied by SQLite's online backup (https://www.sqlite.org/backup.html), each as it was when the
first of them was begun: readers are opened on all before any is copied, that of the documents last. So the
documents know at least what everything else knows, as after a crash, which all of the platform copes with.
What feeds have handed on is noted before: a feed that begins too early tells again, one too late forgets.
"""

import argparse
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from localhost.app.problems import Problem, StartupError

if TYPE_CHECKING:
    # What add_subparsers returns has no public name, and is generic to type checkers only.
    type Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001

DOCUMENTS: Final = "documents.db"
FEEDS: Final = "feeds.json"
_LEFT: Final = ("host.lock", "registry/uploads", "target/images")
"""What a host makes anew, or has not finished."""
_PARTS: Final = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Copied:
    files: int
    size: int
    """In bytes."""


def backup(data: Path, to: Path) -> Copied:
    """Copy what ``data`` has to ``to``, which is there once all of it is, and is readable by you alone.

    Raises:
        StartupError: there is nothing to copy, or ``to`` cannot be made, or what was copied is damaged.
    """
    data, to = data.resolve(), to.resolve()
    _check(data, to)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
        try:
            _copy(data, made)
            made.rename(to)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except (OSError, sqlite3.Error) as error:
        raise StartupError("There is no backup.", [Problem(str(to), str(error))]) from error
    files = [path for path in to.rglob("*") if path.is_file()]
    return Copied(len(files), sum(path.stat().st_size for path in files))


def _check(data: Path, to: Path) -> None:
    if not any(data.glob("*.db")):
        problem = Problem(str(data), "no host has kept anything there", "--data takes the folder of a host.")
        raise StartupError("There is nothing to copy.", [problem])
    if to.is_relative_to(data):
        problem = Problem(str(to), "it is in the folder that is to be copied", "Choose another with --to.")
        raise StartupError("There is no backup.", [problem])
    if to.exists():
        problem = Problem(str(to), "it is there already", "Choose another with --to, or remove it.")
        raise StartupError("There is no backup.", [problem])


def _copy(data: Path, to: Path) -> None:
    if (data / FEEDS).exists():
        shutil.copy2(data / FEEDS, to / FEEDS)
    paths = [path for path in sorted(data.rglob("*")) if not _is_left(path.relative_to(data))]
    databases = sorted(
        (path for path in paths if path.suffix == ".db"), key=lambda path: path.name == DOCUMENTS
    )
    with ExitStack() as opened:
        readers = [(path, opened.enter_context(_reader(path))) for path in databases]
        for path, reader in readers:
            target = to / path.relative_to(data)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy_database(reader, target)
    for path in paths:
        target = to / path.relative_to(data)
        if path.is_file() and path not in databases and path.name != FEEDS:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                shutil.copy2(path, target)
            except FileNotFoundError:
                continue  # collected as garbage meanwhile: nothing in the databases' copies refers to it


def _is_left(path: Path) -> bool:
    return path.name.endswith(_PARTS) or any(path.is_relative_to(left) for left in _LEFT)


@contextmanager
def _reader(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees the database as it is now, for as long as it is open."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        yield connection


def _copy_database(reader: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path)) as copy:
        reader.backup(copy)
        (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"{path.name} is damaged: {found}")
    path.chmod(0o600)


def add_backup_command(commands: "Subparsers") -> None:
    """Add ``backup`` to the command line."""
    parser = commands.add_parser("backup", help="copy a data folder, also while a host runs on it")
    parser.add_argument("--data", default=".quantum", help="folder to copy (default: %(default)s)")
    parser.add_argument(
        "--to", required=True, metavar="FOLDER", help="folder to make; it must not be there yet"
    )
    run: Callable[[argparse.Namespace], int] = _run
    parser.set_defaults(run=run)


def _run(options: argparse.Namespace) -> int:
    began = time.monotonic()
    copied = backup(Path(options.data), Path(options.to))
    seconds = time.monotonic() - began
    print(f"{options.to}: {copied.files} files, {copied.size / 1e6:.1f} MB, checked, in {seconds:.1f} s")
    return 0
