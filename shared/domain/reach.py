"""How far an expression reaches into what it may name, so that it is handed no more than that.

Handing a value over to CEL takes some 1 µs for each value in it: seconds, for outputs of many megabytes.
Most expressions are a path (``steps.fetch.outputs.rows``), which needs no CEL, or name a few small values of
a large whole. Where a path goes on by a call, a position or an expression, all that is there is handed over.
"""

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

type Key = str | int
type Part = Mapping[str, "Part"] | None
"""Of a value: which fields are reached, and how far; None: all of it."""

_LINK: Final = r"""\s* \. \s* (?P<name> [A-Za-z_]\w*+ ) (?! \s* \( )
    | \s* \[ \s* (?: "(?P<double> [^"\\]* )" | '(?P<single> [^'\\]* )' | (?P<place> \d{1,9} ) ) \s* \]"""
_PATH: Final = re.compile(
    r"""
    (?P<comment> //[^\n]* )
    | [bB]?[rR][bB]? (?: '{3}.*?'{3} | "{3}.*?"{3} | '[^'\n]*' | "[^"\n]*" )
    | [bB]? (?: '{3}(?:\\.|[^\\])*?'{3} | "{3}(?:\\.|[^\\])*?"{3}
              | '(?:\\.|[^'\\\n])*'        | "(?:\\.|[^"\\\n])*" )
    | (?P<path> (?<![\w.]) (?P<root> parameters | target | steps | execution | item | secrets ) \b
                (?P<links> (?: """
    + re.sub(r"\?P<\w+>", "?:", _LINK)
    + r""" )* ) )
    """,
    re.VERBOSE | re.DOTALL,
)
_LINKS: Final = re.compile(_LINK, re.VERBOSE)


@dataclass(frozen=True, slots=True)
class Reach:
    """Of one expression.

    Attributes:
        path: what it is, if it is nothing but a path.
        parts: what it can see, by root.
    """

    path: Sequence[Key] | None
    parts: Mapping[str, Part]

    def visible(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """What of ``names`` it can see."""
        return {root: _cut(names[root], part) for root, part in self.parts.items() if root in names}


def reach_of(source: str, variables: Collection[str]) -> Reach:
    """How far the expression with these variables reaches; step ids are spelled as CEL reads them."""
    paths = [
        (match, (match["root"], *_keys(match["links"]))) for match in _PATH.finditer(source) if match["path"]
    ]
    alone = len(paths) == 1 and paths[0][0][0].strip() == source.strip()
    parts: dict[str, Part] = {}
    for _, path in paths:
        _add(parts, path)
    for name in variables:
        parts.setdefault(name, None)  # its value, should it have one, is not reached by a path of ours
    return Reach(paths[0][1] if alone else None, parts)


def _keys(links: str) -> list[Key]:
    found = _LINKS.finditer(links)
    return [int(link["place"]) if link["place"] else _field(link) for link in found]


def _field(link: re.Match[str]) -> str:
    return link["name"] or link["double"] or link["single"] or ""


def _add(parts: dict[str, Any], path: Sequence[Key]) -> None:
    """Have ``parts`` reach to the end of the path, or to the first position in it."""
    names = list(itertools.takewhile(lambda key: isinstance(key, str), path))
    for name in names[:-1]:
        inner = parts.setdefault(str(name), {})
        if inner is None:
            return
        parts = inner
    parts[str(names[-1])] = None


def _cut(value: Any, part: Part) -> Any:
    if part is None or not isinstance(value, Mapping):
        return value
    return {key: _cut(value[key], inner) for key, inner in part.items() if key in value}


MISSING: Final = object()


def follow(names: Mapping[str, Any], path: Sequence[Key]) -> Any:
    """What is at the end of the path; :data:`MISSING` where there is nothing."""
    value: Any = names
    for key in path:
        match key, value:
            case str(), Mapping() if key in value:
                value = value[key]
            case int(), list() if key < len(value):
                value = value[key]
            case _:
                return MISSING
    return value
