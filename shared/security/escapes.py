"""The normal forms of a text: what it says, however its characters are escaped.

In a normal form, quotes, line breaks and backslashes count for nothing, and a plus sign is the space that it
is in forms. There are two: of the text as it is written, and of what it says once its escapes are undone, in
whatever mixture and however deep they are nested: backslashes of JSON, Python and shells, percent-encoding,
references of HTML.
"""

import re
from array import array
from collections.abc import Iterator
from typing import Final

ROUNDS: Final = 6
"""So deep may escapes of different kinds be nested in each other; those of one kind without limit."""

_ESCAPE: Final = re.compile(
    rb"""
    (?<!\\) \\++ u (?P<high> [dD][89abAB][0-9a-fA-F]{2} ) \\++ u (?P<low> [dD][c-fC-F][0-9a-fA-F]{2} )
    | (?<!\\) \\++ (?: u (?P<unit> [0-9a-fA-F]{4} ) | x (?P<hex> [0-9a-fA-F]{2} )
            | (?P<octal> [0-3][0-7]{2} )   | (?P<letter> [nrtbfv] ) )
    | % (?:25)* (?P<percent> [0-9a-fA-F]{2} )
    | & (?:amp;)* (?: \#(?P<decimal> [0-9]{1,7} ) | \#[xX](?P<point> [0-9a-fA-F]{1,6} )
                    | (?P<named> [A-Za-z]{2,8} ) ) ;
    """,
    re.VERBOSE,
)
_LETTERS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
FORM_SPACE: Final = bytes.maketrans(b"+", b" ")
"""What makes a plus sign the space that it is in forms."""
_NOTHING: Final = b"\\\"'`\r\n\0"
"""What counts for nothing once escapes are undone."""
_UNSEEN: Final = re.compile(rb"[\\\"'`\r\n\0]+")


def normal(data: bytes) -> bytes:
    """What the text says, in normal form."""
    return undone(data).translate(FORM_SPACE, _NOTHING)


def undone(data: bytes) -> bytes:
    """The text with its escapes undone."""
    for _ in range(ROUNDS):
        before, data = data, _ESCAPE.sub(_meant, data)
        if data == before:
            break
    return data


def normal_forms(data: bytes) -> Iterator[bytes]:
    """The normal forms of the text: one, if it has no escapes."""
    yield data.translate(FORM_SPACE, _NOTHING)
    said = undone(data)
    if said != data:
        yield said.translate(FORM_SPACE, _NOTHING)


type Places = array[int]
"""For each byte of a normal form, a place in what it was made of."""


def mapped(data: bytes) -> Iterator[tuple[bytes, Places, Places]]:
    """The same, each with where what its bytes were made of starts and ends."""
    starts, ends = array("Q", range(len(data))), array("Q", range(1, len(data) + 1))
    yield _folded(data, starts, ends)
    text = data
    for _ in range(ROUNDS):
        before = text
        text, starts, ends = _replaced(text, starts, ends, _ESCAPE)
        if text == before:
            break
    if text != data:
        yield _folded(text, starts, ends)


def _folded(data: bytes, starts: Places, ends: Places) -> tuple[bytes, Places, Places]:
    data, starts, ends = _replaced(data, starts, ends, _UNSEEN)
    return data.translate(FORM_SPACE), starts, ends


def _replaced(
    data: bytes, starts: Places, ends: Places, pattern: re.Pattern[bytes]
) -> tuple[bytes, Places, Places]:
    pieces: list[bytes] = []
    made_starts, made_ends = array("Q"), array("Q")
    done = 0
    for match in pattern.finditer(data):
        at, end = match.span()
        new = _meant(match) if pattern is _ESCAPE else b""
        pieces += data[done:at], new
        made_starts += starts[done:at]
        made_ends += ends[done:at]
        made_starts.extend([starts[at]] * len(new))
        made_ends.extend([ends[end - 1]] * len(new))
        done = end
    pieces.append(data[done:])
    made_starts += starts[done:]
    made_ends += ends[done:]
    return b"".join(pieces), made_starts, made_ends


def _meant(match: re.Match[bytes]) -> bytes:
    """What an escape stands for; itself, if it stands for nothing."""
    kind = match.lastgroup
    text: bytes = match[kind or 0]
    match kind:
        case "low":
            high, low = int(match["high"], 16), int(text, 16)
            return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)).encode()
        case "letter":
            return _LETTERS[text]
        case "hex" | "percent":
            return bytes([int(text, 16)])
        case "octal":
            return bytes([int(text, 8)])
        case "named":
            import html  # late: its table is a millisecond of a cold start

            known = html.unescape(f"&{text.decode()};")
            return b"&" + text + b";" if known.startswith("&") and known != "&" else known.encode()
        case _:
            point = int(text, 10 if kind == "decimal" else 16)
            return chr(point).encode("utf-8", "surrogatepass") if point <= 0x10FFFF else match[0]
