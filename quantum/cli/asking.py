"""Asking a person whether something is meant. Where nobody can be asked, nothing is done."""

import sys

import typer

from quantum.cli.exits import Exit
from quantum.cli.session import fail


def confirm(question: str) -> None:
    """Go on if the answer is yes; else end, and nothing was done."""
    if _answer(f"{question} [y/N] ", otherwise="--yes").lower() not in {"y", "yes"}:
        fail("nothing was done")


def confirm_by_name(what: str, name: str, said: str | None) -> None:
    """The same of what cannot be undone: its name has to be typed, or ``said`` on the command line."""
    if said is None:
        said = _answer(f"{what}. To go on, type its name ({name}): ", otherwise=f"--confirm {name}")
    if said != name:
        fail(f"nothing was done: {said!r} is not {name!r}", Exit.USAGE)


def _answer(question: str, *, otherwise: str) -> str:
    if not sys.stdin.isatty():
        fail(f"nothing was done: say {otherwise} where nobody can be asked", Exit.USAGE)
    try:
        print(question, end="", file=sys.stderr, flush=True)
        return input().strip()
    except (KeyboardInterrupt, EOFError):
        print("\nnothing was done", file=sys.stderr)
        raise typer.Exit(Exit.INTERRUPTED) from None
