"""What the command is given: ids, parameters, files."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from quantum.cli.exits import Exit
from quantum.cli.session import fail

Ids = Annotated[list[str], typer.Argument(help="One or more; `-` reads them from standard input.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="One; JSON if it is, else text. Repeat it."),
]
SetFile = Annotated[Path | None, typer.Option("--parameters", metavar="FILE", help="All, as JSON or YAML.")]
SUFFIXES = frozenset({".json", ".yaml", ".yml"})


def ids(given: Sequence[str]) -> list[str]:
    """Those that were named, and for ``-`` those on standard input."""
    found: list[str] = []
    for one in given:
        found += sys.stdin.read().split() if one == "-" else [one]
    return found


def parameters(given: Sequence[str] | None, file: Path | None) -> dict[str, Any]:
    """The values for an intent's parameters: those of the file, and above them those that were named."""
    values: dict[str, Any] = {}
    if file is not None:
        for document in documents(file):
            values |= document
    for one in given or ():
        name, equals, text = one.partition("=")
        if not equals or not name:
            fail(f"{one!r} is no parameter: write NAME=VALUE", Exit.USAGE)
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files that are meant: of a folder all JSON and YAML in it, in order."""
    for path in paths:
        if path.is_dir():
            within = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
            if not within:
                fail(f"{path} has no JSON or YAML in it", Exit.USAGE)
            yield from within
        else:
            yield path


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a file; ``-`` is standard input."""
    import yaml  # JSON is YAML, too

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        found = [json.loads(text)] if path.suffix == ".json" else list(yaml.safe_load_all(text))
        for document in found:
            json.dumps(document)  # a date, say, is none of its values
            yield dict(**document)
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        fail(f"{path} cannot be read: {error}", Exit.USAGE)
