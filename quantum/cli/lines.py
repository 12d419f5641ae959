"""Exports: lines that are written as they come, and counted while a person waits."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quantum.cli.exits import Exit
from quantum.cli.session import fail, run, spinner

if TYPE_CHECKING:  # loaded when it is needed
    from quantum.client import Client


def write_lines(context: typer.Context, file: Path, export: "Callable[[Client], AsyncIterator[str]]") -> None:
    """Write an export to a file; ``-`` is standard output. Its last line, a manifest, is no record."""

    async def write(client: "Client") -> int:
        count = 0
        with ExitStack() as opened:
            out = sys.stdout if str(file) == "-" else opened.enter_context(file.open("w", encoding="utf-8"))
            tell = opened.enter_context(spinner("records"))
            async for line in export(client):
                print(line, file=out)
                count += 1
                tell(count)
        return count - 1

    try:
        count = run(context, write, quiet=True)
    except BrokenPipeError:
        raise  # it is standard output, which nobody reads any more
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}", Exit.USAGE)
    print(f"{count} records", file=sys.stderr)
