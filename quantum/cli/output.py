"""How what was found is shown: for people as a table, for programs as JSON, YAML or ids alone."""

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from quantum.cli import terminal

type Record = Mapping[str, Any]
type Columns = Mapping[str, Callable[[Record], Any]]
"""The title of each column, and what stands in it."""

COLOURS = {
    "completed": "green",
    "active": "green",
    "ok": "green",
    "degraded": "yellow",
    "unavailable": "red",
    "running": "cyan",
    "waiting": "yellow",
    "retrying": "yellow",
    "paused": "yellow",
    "draft": "yellow",
    "suspended": "yellow",
    "failed": "red",
    "dead": "red",
    "cancelled": "magenta",
    "compensated": "magenta",
    "archived": "dim",
    "deprecated": "dim",
    "pending": "dim",
    "skipped": "dim",
}
LEAST, LEAST_LAST = 8, 14
"""Characters that a column, and the last, keeps, however narrow the terminal; or it is left out."""


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    IDS = "ids"


Output = Annotated[Format, typer.Option("--output", "-o", help="How to show it.", show_default=True)]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time (RFC 3339, UTC): for programs to the second, for people as how long ago it is, too."""

    text: str

    def __str__(self) -> str:
        return f"{self.text[:10]} {self.text[11:19]}Z"

    def ago(self) -> str:
        try:
            seconds = (datetime.now(UTC) - datetime.fromisoformat(self.text)).total_seconds()
        except ValueError:
            return str(self)
        amount = abs(seconds)
        for unit, of, below in (
            ("s", 1, 60),
            ("min", 60, 3600),
            ("h", 3600, 172_800),
            ("d", 86400, 5_184_000),
        ):
            if amount < below:
                said = f"{int(amount // of)} {unit}"
                return f"{said} ago" if seconds >= 0 else f"in {said}"
        return self.text[:10]


def show(found: Record | Sequence[Record], form: Format, columns: Columns, *, empty: str = "") -> None:
    """Print one or many. The first column of the table is the id; ``empty`` says what to do without any."""
    if form is Format.JSON:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif form is Format.YAML:
        print(as_yaml(found), end="")
    else:
        many = [found] if isinstance(found, Mapping) else found
        people = terminal.people() and form is Format.TABLE
        rows = [[_text(cell(one), short=people) for cell in columns.values()] for one in many]
        if form is Format.IDS:
            print(*(row[0] for row in rows), sep="\n", end="\n" if rows else "")
        elif people and not rows:
            terminal.say(f"nothing found{f'; {empty}' if empty else ''}", "dim")
        else:
            _table(list(columns), rows, people=people)


def detail(found: Record, form: Format, columns: Columns) -> None:
    """Print one, with a line for each column."""
    if form is not Format.TABLE:
        show(found, form, columns)
        return
    width = max(map(len, columns))
    for title, cell in columns.items():
        value = cell(found)
        text = _text(value, short=False)
        if isinstance(value, Moment) and terminal.people():
            text += f" ({value.ago()})"
        lines = _wrapped(text, terminal.columns() - width - 2) if terminal.people() else [text]
        print(f"{title.lower():{width}}  {terminal.paint(lines[0], COLOURS.get(text))}")
        for line in lines[1:]:
            print(" " * (width + 2) + line)


def as_yaml(value: Any) -> str:
    import yaml  # for who wants it

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
    return text


def field(*names: str) -> Callable[[Record], Any]:
    """What stands under that name, within another if there are more."""

    def cell(record: Record) -> Any:
        value: Any = record
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    return cell


def moment(*names: str) -> Callable[[Record], Any]:
    """A time."""
    within = field(*names)
    return lambda record: None if (time := within(record)) is None else Moment(time)


def joined(name: str) -> Callable[[Record], str]:
    """A list, or a mapping, in one line."""

    def cell(record: Record) -> str:
        value = record.get(name) or ()
        if isinstance(value, Mapping):
            return " ".join(f"{key}:{one}" for key, one in value.items())
        return " ".join(map(str, value))

    return cell


def _text(value: Any, *, short: bool) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Moment) and short:
        return value.ago()
    return str(value) if not isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, people: bool) -> None:
    """Columns side by side: as wide as they are for programs, as wide as the terminal for people."""
    table = [list(titles), *([" ".join(cell.split()) for cell in row] if people else row for row in rows)]
    widths = [max(terminal.span(row[place]) for row in table) for place in range(len(titles))]
    if people:
        widths = _fitting(widths)
    indent = " " * (sum(widths[:-1]) + 2 * len(widths[:-1]))
    for number, row in enumerate(table):
        last = row[len(widths) - 1]
        fits = not people or terminal.span(last) <= widths[-1]
        rest = [last] if fits or not widths[1:] else _wrapped(last, widths[-1])
        cells = [terminal.cut(cell, width) for cell, width in zip(row, widths[:-1], strict=False)] + rest[:1]
        gaps = [" " * (width - terminal.span(cell)) for cell, width in zip(cells, widths, strict=True)]
        if people:
            cells = [terminal.paint(cell, COLOURS.get(cell) if number else "bold") for cell in cells]
        print("  ".join(cell + gap for cell, gap in zip(cells, gaps, strict=True)).rstrip())
        for line in rest[1:]:
            print(indent + line)


def _wrapped(text: str, width: int) -> list[str]:
    """In as many lines as it takes."""
    if terminal.span(text) > len(text):  # each character may take two places
        width //= 2
    return textwrap.wrap(text, max(width, 2), break_on_hyphens=False) or [""]


def _fitting(widths: Sequence[int]) -> list[int]:
    """The widths of as many columns as there is room for.

    The widest give way, but never the first: an id that is cut is none. The last is told in several lines.
    """
    fitting = list(widths)
    room = terminal.columns() - 2 * (len(fitting) - 1)
    while sum(fitting) > room:
        least = [LEAST] * (len(fitting) - 1) + [LEAST_LAST]
        spare = {at: width for at, width in enumerate(fitting) if at and width > least[at]}
        if not spare and widths[2:]:
            return _fitting(widths[:-1])
        if not spare:
            return [fitting[0], max(room - fitting[0], 4)]
        fitting[max(spare, key=spare.__getitem__)] -= 1
    return fitting
