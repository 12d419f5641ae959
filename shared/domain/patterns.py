r"""Regular expressions that tenants write, in JSON Schemas and in expressions: what one may cost.

The engine, which comes with the expression language, never backtracks. But it reads a pattern anew each time,
which for ``\w{100}`` takes 60 ms, and it goes over a text in states times characters. So what is asked of
it is estimated, and bounded for all that is evaluated together. The estimates are of the worst there is.
"""

import math
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from shared.domain.engine import native

MOST_SECONDS: Final = 1.0
"""For all the matches of one evaluation; as a rule they take far less than is estimated."""
CLASS_SECONDS: Final = 0.0006
"""To read a class of all Unicode: it has hundreds of ranges."""
STATE_SECONDS: Final = 0.00001
"""To read anything else."""
STEP_SECONDS: Final = 1e-8
"""For each state and character of the text."""
SYNTAX: Final = "https://docs.rs/regex/latest/regex/#syntax"

_LARGE: Final = frozenset("wWdDsSpPbB")
_TOKEN: Final = re.compile(
    r"(?P<escape>\\(?:[pP](?:\{[^}]*\}|.)|[xuU]\{[^}]*\}|.)?)"
    r"|(?P<class>\[)"
    r"|(?P<times>\{\s*(?P<low>\d*)\s*(?:,\s*(?P<high>\d*)\s*)?\}|[*+?])"
    r"|(?P<open>\((?:\?(?:P?<[^>]*>|[a-zA-Z-]*:?))?)"
    r"|(?P<close>\))"
    r"|.",
    re.DOTALL,
)
_VERBOSE: Final = re.compile(r"\(\?[a-zA-Z]*x")
"""With it, blanks and comments stand anywhere."""
_NUMBER: Final = re.compile(r"\d+")
_ESCAPE: Final = re.compile(r"\\.", re.DOTALL)


class PatternError(ValueError):
    """A pattern that is none, or that would take too long; the message says which, and is free of it."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a pattern is with its repetitions written out: states, and classes of Unicode among them."""

    states: int = 0
    classes: int = 0

    def and_(self, other: "Size") -> "Size":
        return Size(self.states + other.states, self.classes + other.classes)

    def times(self, count: int) -> "Size":
        return Size(self.states * count, self.classes * count)

    def seconds(self, characters: int) -> float:
        """How long it may take to read it, and to search a text for it."""
        read = self.classes * CLASS_SECONDS + self.states * STATE_SECONDS
        return read + self.states * characters * STEP_SECONDS


@lru_cache(512)
def size_of(pattern: str) -> Size:
    """Never less than it is; it need not be well-formed."""
    if _VERBOSE.search(pattern):
        repeated = math.prod(max(int(one), 1) for one in _NUMBER.findall(pattern))
        return Size(len(pattern), _classes(pattern)).times(repeated)
    groups, last, at = [Size()], Size(), 0
    while (token := _TOKEN.match(pattern, at)) is not None:
        at = token.end()
        if token["times"] is not None:
            last = last.times(max(int(token["low"] or 0), int(token["high"] or 0), 1))
        elif token["close"] is not None and len(groups) > 1:
            last = groups.pop().and_(last)
        else:
            groups[-1], last = groups[-1].and_(last), Size(1)
            if token["open"] is not None:
                groups.append(Size())
            elif token["class"] is not None:
                at = _end_of_class(pattern, at)
            last = Size(1, _classes(pattern[token.start() : at]))
    for group in groups:
        last = last.and_(group)
    return last


def _classes(pattern: str) -> int:
    """How many classes of Unicode are written in it."""
    return sum(found[1:2] in _LARGE for found in _ESCAPE.findall(pattern))


def _end_of_class(pattern: str, at: int) -> int:
    """The place behind the bracket that closes what one before ``at`` has opened; brackets nest."""
    depth, at = 1, at + (pattern[at : at + 1] == "^")
    first = at  # where a closing bracket is one of the class
    while at < len(pattern) and depth:
        if pattern[at] == "\\":
            at += 1
        elif pattern[at] == "[":
            depth += 1
        elif pattern[at] == "]" and at != first:
            depth -= 1
        at += 1
    return at


@dataclass(slots=True)
class Matching:
    """The matches of one evaluation; ``excess`` is why there are no more of them."""

    seconds: float = MOST_SECONDS
    excess: str = ""
    fault: str = ""

    def matches(self, text: Any, pattern: Any) -> bool:
        """Whether the pattern is found in the text; False, and ``excess``, if that may take too long.

        Raises:
            PatternError: it is no pattern; ``fault`` says the same.
        """
        if not isinstance(text, str) or not isinstance(pattern, str):
            self.fault = "matches asks a text for a regular expression, which is a text too"
            raise PatternError(self.fault)
        self.seconds -= size_of(pattern).seconds(len(text))
        if self.seconds < 0:
            self.excess = (
                "its regular expressions may take too long: repeat less, write [A-Za-z0-9_] for \\w, match "
                "fewer or shorter texts"
            )
            return False
        try:
            return bool(_matcher().execute({"text": text, "pattern": pattern}))
        except (ValueError, RuntimeError) as error:
            self.fault = f"it is not a regular expression ({SYNTAX}; no look-around, no back-references)"
            raise PatternError(self.fault) from error


@cache
def _matcher() -> Any:
    return native().compile("text.matches(pattern)")
