"""A process that is killed in the middle of its commits leaves all it promised, and nothing half done."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from localhost.sqlite.documents import SqliteDocuments
from tests.contracts.shelf import Shelf
from tests.sqlite.crashing import WRITERS

PROJECT = Path(__file__).parents[2]


def write_until_killed(path: Path, after: int) -> Counter[str]:
    """Run the writing process, kill it after so many acknowledgements; the last one of each partition."""
    acknowledged: Counter[str] = Counter()
    command = [sys.executable, "-m", "tests.sqlite.crashing", str(path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for count, line in enumerate(process.stdout):
            if count == after:
                process.kill()
            # What was printed before it died counts, but not a line that was cut off.
            if line.endswith("\n"):
                partition, number = line.split()
                acknowledged[partition] = int(number)
    assert process.returncode == -9
    return acknowledged


@pytest.mark.parametrize("after", [50, 777, 2000])
async def test_what_was_acknowledged_before_a_kill_is_there_and_whole(tmp_path: Path, after: int) -> None:
    path = tmp_path / "documents.db"
    acknowledged = write_until_killed(path, after)
    assert acknowledged.total() >= after
    store = SqliteDocuments(path)
    for partition in map(str, range(WRITERS)):
        shelf = Shelf(store, partition=partition)
        done = (await shelf.body("head"))["done"]
        assert acknowledged[partition] <= done <= acknowledged[partition] + 1
        for kind in ("step", "event"):
            found = [change.document.body["id"] for change in await shelf.changes(kind=kind, limit=10_000)]
            assert found == [f"{kind} {n}" for n in range(1, done + 1)]
    await Shelf(store, partition="new").create("a")
    store.close()
