"""What the command is given: ids, parameters, files."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quantum.cli.exits import Exit
from quantum.cli.session import fail, spinner

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client

Ids = Annotated[list[str], typer.Argument(help="One or more; `-` reads them from standard input.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        "-p",
        metavar="NAME=VALUE",
        help="One, as the intent declares it: text, or JSON such as a number. Repeat it.",
    ),
]
SetFile = Annotated[Path | None, typer.Option("--parameters", metavar="FILE", help="All, as JSON or YAML.")]
AT_ONCE = 8
"""Requests that are under way at a time."""
_KINDS = {list: "a list", str: "a text", type(None): "nothing", int: "a number", float: "a number"}
SUFFIXES = frozenset({".json", ".yaml", ".yml"})


def ids(given: Sequence[str]) -> list[str]:
    """Those that were named, and for ``-`` those on standard input."""
    found: list[str] = []
    for one in given:
        found += text(Path("-")).split() if one == "-" else [one]
    return list(dict.fromkeys(found))


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


async def fitting(
    client: "Client", intent: str, given: Sequence[str] | None, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The ``values``, of which the intent declares some as text: those are ``given`` as they were typed.

    So ``version=1.4`` is a version, and no number. Without a right to read the intent they stay as they are.
    """
    from quantum.client.errors import QuantumError  # when it is needed

    typed = dict(one.split("=", 1) for one in given or ())
    doubtful = {name: text for name, text in typed.items() if values[name] != text}
    if not doubtful:
        return dict(values)
    try:
        definition = (await client.intents.get(intent)).definition
    except QuantumError:
        return dict(values)
    declared = (definition.get("parameters") or {}).get("properties") or {}
    texts = {name: text for name, text in doubtful.items() if declared.get(name, {}).get("type") == "string"}
    return {**values, **texts}


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


def text(path: Path) -> str:
    """What a file says; ``-`` is standard input."""
    try:
        return _read(path)
    except (OSError, ValueError) as error:
        fail(f"{path} cannot be read: {_told(error)}", Exit.USAGE)


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a file; ``-`` is standard input."""
    import yaml  # JSON is YAML, too

    try:
        read = _read(path)
        found = [json.loads(read)] if path.suffix == ".json" else list(yaml.safe_load_all(read))
        json.dumps(found)  # a date, say, is none of its values
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        fail(f"{path} cannot be read: {_told(error)}", Exit.USAGE)
    for document in found:
        if not isinstance(document, dict):
            what = _KINDS.get(type(document), "something else")
            fail(f"{path} has {what} where an object is meant", Exit.USAGE)
        yield document


async def side_by_side[Given, Found](
    what: str, given: Sequence[Given], work: Callable[[Given], Awaitable[Found]]
) -> list[Found]:
    """The same of each, some at a time and in their order, while a person sees how far it is."""
    turn, count = asyncio.Semaphore(AT_ONCE), 0

    async def one(item: Given) -> Found:
        nonlocal count
        async with turn:
            found = await work(item)
        count += 1
        done(count)
        return found

    with spinner(what, len(given) if len(given) > 1 else None) as done:
        return await asyncio.gather(*map(one, given))


def _read(path: Path) -> str:
    """Raises OSError, ValueError."""
    content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    return content.decode("utf-8-sig")  # some editors begin a file with a mark


def _told(error: Exception) -> str:
    """Why, as people say it."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is no text in UTF-8 (byte {error.start})"
    if isinstance(error, RecursionError):
        return "it goes too deep"
    return (isinstance(error, OSError) and error.strerror) or str(error)
