"""How what was found is shown: for people as a table, for programs as JSON, YAML or ids alone."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

type Record = Mapping[str, Any]
type Columns = Mapping[str, Callable[[Record], Any]]
"""The title of each column, and what stands in it."""

COLOURS = {
    "completed": "green",
    "active": "green",
    "running": "cyan",
    "waiting": "yellow",
    "paused": "yellow",
    "draft": "yellow",
    "failed": "red",
    "cancelled": "magenta",
    "archived": "dim",
    "deprecated": "dim",
}


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    IDS = "ids"


Output = Annotated[Format, typer.Option("--output", "-o", help="How to show it.", show_default=True)]


def show(found: Record | Sequence[Record], form: Format, columns: Columns) -> None:
    """Print one or many. The first column of the table is the id."""
    if form is Format.JSON:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif form is Format.YAML:
        print(as_yaml(found), end="")
    else:
        many = [found] if isinstance(found, Mapping) else found
        rows = [[_text(cell(one)) for cell in columns.values()] for one in many]
        if form is Format.IDS:
            print(*(row[0] for row in rows), sep="\n", end="\n" if rows else "")
        elif sys.stdout.isatty():
            _coloured(list(columns), rows)
        else:
            _plain(list(columns), rows)


def detail(found: Record, form: Format, columns: Columns) -> None:
    """Print one, with a line for each column."""
    if form is not Format.TABLE:
        show(found, form, columns)
        return
    width = max(map(len, columns))
    for title, cell in columns.items():
        print(f"{title.lower():{width}}  {_text(cell(found))}")


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


def moment(name: str) -> Callable[[Record], Any]:
    """A time, to the second."""
    return lambda record: second(record.get(name))


def second(time: str | None) -> str | None:
    return None if time is None else f"{time[:10]} {time[11:19]}Z"


def joined(name: str) -> Callable[[Record], str]:
    """A list, or a mapping, in one line."""

    def cell(record: Record) -> str:
        value = record.get(name) or ()
        if isinstance(value, Mapping):
            return " ".join(f"{key}:{one}" for key, one in value.items())
        return " ".join(map(str, value))

    return cell


def _text(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if not isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)


def _plain(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = [list(titles), *rows]
    widths = [max(len(row[place]) for row in table) for place in range(len(titles))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _coloured(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # only for people
    from rich.table import Table
    from rich.text import Text

    table = Table(*titles, box=None, pad_edge=False, header_style="bold")
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*(Text(cell, COLOURS.get(cell, "")) for cell in row))
    Console().print(table if rows else "[dim]nothing found[/]")
