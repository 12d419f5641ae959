"""What people see in terminals of several kinds."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quantum.cli import terminal
from quantum.cli.exits import Exit
from quantum.cli.output import Format, Moment, field, show
from tests.client.cli.conftest import Command
from tests.client.cli.terminal import Terminal
from tests.client.cli.test_story import said, written

WATCH = [sys.executable, "-m", "quantum.cli", "executions", "watch"]
CHILD = {"steps": [{"id": "inner", "action": "wait", "seconds": 600}]}
EACH = {"action": "assert", "condition": "item != 2", "foreach": [1, 2, 3], "continue_on_error": True}
PARENT = {
    "steps": [
        {"id": "each", **EACH},
        {"id": "child", "action": "run-intent", "intent": "seen-child"},
        {"id": "ask", "action": "approval", "message": "shall we?", "allow_self": True},
        {"id": "end", "action": "transform", "value": 1, "depends_on": ["each", "child", "ask"]},
    ]
}


@pytest.fixture
def running(quantum: Command, tmp_path: Path) -> Iterator[str]:
    written(tmp_path, "seen-child", CHILD)
    written(tmp_path, "seen-all", PARENT)
    quantum.ok("intents", "apply", "-y", "-f", str(tmp_path))
    execution = quantum.ok("execute", "seen-all").strip()
    yield execution
    quantum("executions", "cancel", execution)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize("columns", [110, 60])
def test_items_children_and_approvals_are_shown_with_what_to_type(
    quantum: Command, running: str, columns: int
) -> None:
    watched = Terminal([*WATCH, running], quantum.environment, columns=columns)
    watched.until(r"3 of 3, 1 failed")
    watched.until(r"✗ item 1: ")
    watched.until(r"▶ seen-child-v1")
    watched.until(r"… inner")
    watched.until(r"waits for approval by anybody who may: shall we\?")
    watched.until(r"→ quantum executions approve")
    watched.resize(50)
    watched.until(r"who may: shall\x1b")  # and the rest in the next line
    quantum.ok("executions", "approve", running, "ask")
    watched.until(r"✓ ask")
    watched.interrupt()
    assert watched.end() == Exit.INTERRUPTED
    assert max(map(len, plain(watched.text).splitlines())) <= columns + len("Detached; goes on.") + 90
    assert "Traceback" not in watched.text


def test_a_terminal_that_only_types_gets_lines(quantum: Command, running: str) -> None:
    watched = Terminal([*WATCH, running], {**quantum.environment, "TERM": "dumb"})
    watched.until(r"approval_requested .*\| quantum executions approve \w{26} ask")
    watched.interrupt()
    assert watched.end() == Exit.INTERRUPTED
    assert "\x1b" not in watched.text


def test_colours_are_left_out_where_they_are_not_wanted(quantum: Command, tmp_path: Path) -> None:
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "seen-plain", said(1))))
    listing = [sys.executable, "-m", "quantum.cli", "intents", "list"]
    for more, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        shown = Terminal(listing, {**quantum.environment, **more})
        assert shown.end() == 0
        assert ("\x1b[32mactive\x1b[0m" in shown.text) == coloured
        assert re.search(r"\d+ s ago", shown.text)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Standard output as if it were a terminal without colours."""
    monkeypatch.setattr(terminal, "people", lambda *_: True)
    monkeypatch.setenv("NO_COLOR", "1")
    return monkeypatch


ROWS = [
    {
        "id": "01M8PDG33QZAPGECZM565SYAZX",
        "name": "a-name-that-is-quite-long-v17",
        "why": "because it is so " * 4,
    },
    {"id": "01M8PDG33QAX4Q25SQP8HY5EFM", "name": "東京の長い名前をもつもの", "why": ""},
]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_table_is_no_wider_than_the_terminal_and_cuts_no_id(
    looked_at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    looked_at.setenv("COLUMNS", str(width))
    show(ROWS, Format.TABLE, {"ID": field("id"), "NAME": field("name"), "WHY": field("why")})
    shown = capsys.readouterr().out
    assert max(map(terminal.span, shown.splitlines())) <= width
    for row in ROWS:
        assert row["id"] in shown
    if width >= 80:
        assert " ".join(shown.split()).count("because") == 4, "the last column is told in full"


@pytest.mark.parametrize(
    ("past", "told"),
    [
        ({"seconds": 12}, "12 s ago"),
        ({"minutes": 3}, "3 min ago"),
        ({"hours": 30}, "30 h ago"),
        ({"days": 12}, "12 d ago"),
        ({"hours": -2, "seconds": -30}, "in 2 h"),
    ],
)
def test_times_are_told_as_people_do(past: dict[str, float], told: str) -> None:
    assert Moment((datetime.now(UTC) - timedelta(**past)).isoformat()).ago() == told
    assert Moment("2001-02-03T04:05:06.789Z").ago() == "2001-02-03"
    assert str(Moment("2001-02-03T04:05:06.789Z")) == "2001-02-03 04:05:06Z"


def test_nothing_found_is_said_to_people_alone(
    looked_at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    columns: Any = {"ID": field("id")}
    show([], Format.TABLE, columns, empty="make one")
    assert capsys.readouterr().out == "nothing found; make one\n"
    show([], Format.IDS, columns)
    looked_at.setattr(terminal, "people", lambda *_: False)
    show([], Format.TABLE, columns)
    assert capsys.readouterr().out == "ID\n"
