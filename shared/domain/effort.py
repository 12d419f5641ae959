"""What an expression may cost. CEL always ends, but nothing in it says when, and nothing can stop it.

``[1].map(a, [a + a].map(b, …))`` doubles a value at every level, and a ``map`` goes over n items in n² time
(measured: 0.1 µs · n², because the library copies the list at every append). So the effort is bounded before
an expression is evaluated, from how it is written and from the sizes of what it may name. The bound is
generous: an expression that stays under it ends within a second on one core, most of them far under it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_DEPTH: Final = 4
"""Macros within macros."""
MAX_ROUNDS: Final = 1_000_000
"""Rounds of all loops together."""
MAX_COPIED: Final = 4_000_000
"""Items that the appends of ``map`` and ``filter`` copy."""
MAX_TOUCHED: Final = 1_000_000_000
"""Characters and items copied or compared, were every operand as large as all that can be named."""
MAX_HANDED: Final = 500_000
"""Values handed over: each takes some 1 µs, whatever is done with it."""
MAX_BUILT: Final = 64 * 1024 * 1024
"""Bytes, about, that an expression may come to, or all that are put into one structure together."""
VALUE: Final = 8
"""Bytes that a value counts for beside its characters: it takes as much in memory."""
FREE_COPIES: Final = 8
"""So many operators and commas, without a macro, are too few to need a look at the values."""

UNREAD: Final = re.compile(
    r"""
    (?P<comment>//[^\n]*)
    | [bB]?[rR][bB]? (?: '{3}.*?'{3} | "{3}.*?"{3} | '[^'\n]*' | "[^"\n]*" )
    | '{3}(?:\\.|[^\\])*?'{3} | "{3}(?:\\.|[^\\])*?"{3} | '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*"
    """,
    re.VERBOSE | re.DOTALL,
)
"""Strings and comments: nothing in them is an operator."""
_SMALL: Final = frozenset({int, float, bool, type(None)})
_TOKEN: Final = re.compile(
    r"(?P<macro>\b(?:(?P<copies>map|filter)|all|exists|exists_one|existsOne)\s*\()"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<join>[+,])"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How an expression is written, as far as its cost goes."""

    macros: int
    depth: int
    """The most macros within each other."""
    copying: bool
    """Whether there is a ``map`` or ``filter`` among them."""
    joins: int
    """Operators and commas that can make a value larger than what they join."""

    @property
    def growth(self) -> float:
        """How much larger than all that is named a value can become: the joins, spread at their worst."""
        levels = self.macros + 1
        return float((1 + self.joins / levels) ** levels)


def shape(source: str) -> Shape:
    """Read the shape of an expression; it need not be well-formed."""
    macros = depth = deepest = joins = 0
    copying = False
    nesting: list[bool] = []
    for token in _TOKEN.finditer(UNREAD.sub(_blank, source)):
        if token["macro"]:
            copying = copying or token["copies"] is not None
            macros, depth = macros + 1, depth + 1
            deepest = max(deepest, depth)
            nesting.append(True)
        elif token["open"]:
            nesting.append(False)
        elif token["close"]:
            depth -= bool(nesting and nesting.pop())
        else:
            joins += 1
    return Shape(macros, deepest, copying, max(0, joins - macros))  # each macro has one comma of its own


def _blank(unread: re.Match[str]) -> str:
    return " " if unread["comment"] else '""'


def excess(source: str, shape: Shape, names: Mapping[str, Any]) -> str | None:
    """Why the expression would cost too much with these names; None if it would not."""
    if shape.depth > MAX_DEPTH:
        return f"it has {shape.depth} macros within each other, at most {MAX_DEPTH} are allowed"
    values, characters = weigh(names, MAX_HANDED)
    if values > MAX_HANDED:
        return f"what it names has more than {MAX_HANDED} values; name a part of it"
    few = not shape.macros and shape.joins <= FREE_COPIES
    if few and (VALUE * values + characters) * (shape.joins + 1) <= MAX_BUILT:
        return None
    total, largest = _sizes(names)
    items = max(largest, shape.joins + 1) * shape.growth if shape.macros else 1.0
    too_large = f"it would work on too much at once: up to {largest} items and {total} characters"
    rounds = items**shape.depth
    if rounds > MAX_ROUNDS or (shape.copying and rounds * items > MAX_COPIED):
        return too_large
    built = (total + len(source)) * shape.growth
    return too_large if built > MAX_BUILT or built * max(shape.growth, rounds) > MAX_TOUCHED else None


def weigh(value: Any, most: int) -> tuple[int, int]:
    """How many values there are in ``value`` altogether, and how many characters in its texts and keys.

    What is named in it again and again counts each time, as it will be written each time; so the count stops
    when there are more than ``most`` values.
    """
    values = characters = 0
    level: list[Any] = [value]
    while level:
        inner: list[Any] = []
        for one in level:
            match one:
                case str():
                    characters += len(one)
                    continue
                case Mapping():
                    characters += sum(map(len, one))
                    children: Any = one.values()
                case list():
                    children = one
                case _:
                    continue
            values += len(one)
            if values > most:
                return values, characters
            inner += [child for child in children if type(child) not in _SMALL]
        level = inner
    return values, characters


def _sizes(value: Any) -> tuple[int, int]:
    """Characters and items of a value altogether, and the items of its largest list or object."""
    match value:
        case str():
            return len(value), 0
        case Mapping():
            total = sum(map(len, value))
            largest, items = len(value), list(value.values())
        case list():
            total, largest, items = 0, len(value), value
        case _:
            return 1, 0
    for item in items:
        inner_total, inner_largest = _sizes(item)
        total, largest = total + inner_total, max(largest, inner_largest)
    return total + len(items), largest
