"""What the terminal can show: whether people look, how wide it is, which colours and characters it has."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Mapping
from typing import Final, TextIO

COLOURS: Final[Mapping[str, str]] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "magenta": "35",
    "cyan": "36",
}
"""ECMA-48, SGR."""
PLAIN: Final[Mapping[str, str]] = {
    "✓": "+",
    "✗": "x",
    "▶": ">",
    "↻": "~",
    "…": ".",
    "‖": "=",
    "↩": "<",
    "·": ".",
    "→": ">",
}
"""What stands for a sign where the terminal, or the file, has only other characters."""
ERRORS: Final = "quantum"
"""The name under which :func:`replaced` is known to Python's codecs."""


def people(stream: TextIO | None = None) -> bool:
    """Whether somebody looks at it: standard output, if nothing is said."""
    return (stream or sys.stdout).isatty()


def moves(stream: TextIO | None = None) -> bool:
    """Whether something there can be drawn anew in its place: the terminal is not a mere typewriter."""
    return people(stream) and os.environ.get("TERM", "") not in {"dumb", "unknown"}


def coloured(stream: TextIO | None = None) -> bool:
    """Whether it has colours, and they are wanted (https://no-color.org)."""
    return moves(stream) and not os.environ.get("NO_COLOR")


def columns() -> int:
    """How wide standard output is, in characters."""
    return shutil.get_terminal_size().columns


def paint(text: str, colour: str | None) -> str:
    """The text in that colour, or in bold or dim, where standard output has any."""
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if colour and text and coloured() else text


def say(text: str, colour: str | None = None) -> None:
    print(paint(text, colour), flush=True)


def span(text: str) -> int:
    """Places that a text takes in a terminal: an East Asian character two, an accent none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) > 0 for one in text)


def cut(text: str, room: int) -> str:
    """As much of a text as there is room for; that something is left out shows."""
    if span(text) <= room:
        return text
    while text and span(text) > room - 1:
        text = text[:-1]
    return text + "…"


def replaced(error: UnicodeError) -> tuple[str, int]:
    """What is written in place of characters that the stream's encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(one, "?") for one in error.object[error.start : error.end]), error.end
