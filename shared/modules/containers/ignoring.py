"""``.dockerignore``: which files of a context are left out, by Docker's rules.

A pattern matches a path and all that is below; ``!`` takes back; the last that matches counts. ``*`` and
``?`` stay within a name, ``**`` goes over any number of folders. Source: the documentation of ".dockerignore
files", and moby's ``patternmatcher`` where that is silent.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MAX_PATTERNS: Final = 2000
_WITHIN: Final = {"*": "[^/]*", "?": "[^/]"}


class PatternError(ValueError):
    """A pattern that cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    takes_back: bool
    matches: Callable[[str], object]


class Ignored:
    """Says of a path (``a/b``, relative to the context) whether it is left out."""

    def __init__(self, text: str = "", name: str = ".dockerignore") -> None:
        self._patterns = [*_patterns(text, name)]
        self._takes_back = any(pattern.takes_back for pattern in self._patterns)

    def __call__(self, path: str) -> bool:
        parents = _with_parents(path)
        for pattern in reversed(self._patterns):
            if any(pattern.matches(one) for one in parents):
                return not pattern.takes_back
        return False

    def prunes(self, folder: str) -> bool:
        """Whether nothing below the folder can be in the context, so that nobody need look."""
        return not self._takes_back and self(folder)


def _with_parents(path: str) -> Sequence[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _patterns(text: str, name: str) -> Iterator[_Pattern]:
    lines = text.removeprefix("\ufeff").splitlines()
    if len(lines) > MAX_PATTERNS:
        raise PatternError(f"{name} may have {MAX_PATTERNS} lines")
    for number, line in enumerate(lines, 1):
        if line.startswith("#") or not line.strip():
            continue
        pattern = line.strip()
        takes_back = pattern.startswith("!")
        pattern = pattern.removeprefix("!").strip()
        if not pattern:
            raise PatternError(f"{name} line {number}: a pattern must stand behind the !")
        pattern = posixpath.normpath(pattern).lstrip("/")
        try:
            yield _Pattern(takes_back, re.compile(translated(pattern)).fullmatch)
        except (re.error, PatternError) as error:
            raise PatternError(f"{name} line {number}: {pattern!r} is no pattern: {error}") from error


def translated(pattern: str) -> str:
    """The regular expression that matches what ``pattern`` does."""
    made: list[str] = []
    at = 0
    while at < len(pattern):
        at, piece = _piece(pattern, at)
        made.append(piece)
    return "(?s:" + "".join(made) + ")"


def _piece(pattern: str, at: int) -> tuple[int, str]:
    """One part of a pattern as a regular expression, and where the next begins."""
    character = pattern[at]
    if pattern.startswith("**/", at):
        return at + 3, "(?:.*/)?"
    if pattern.startswith("**", at):
        return at + 2, ".*"
    if character == "[":
        return _class(pattern, at)
    if character == "\\":
        at, character = at + 1, pattern[at + 1 : at + 2]
        if not character:
            raise PatternError("nothing stands behind the \\")
        return at + 1, re.escape(character)
    return at + 1, _WITHIN.get(character, re.escape(character))


def _class(pattern: str, at: int) -> tuple[int, str]:
    r"""A set of characters: ``[a-z]``, ``[^a-z]``; a ``\`` takes the next as it is."""
    inside, end = "", at + 1
    if pattern.startswith("^", end):
        inside, end = "^/", end + 1
    first = end
    while end < len(pattern) and (pattern[end] != "]" or end == first):
        if pattern[end] == "\\":
            end += 1
        inside += "-" if pattern[end : end + 1] == "-" else re.escape(pattern[end : end + 1])
        end += 1
    if end >= len(pattern):
        raise PatternError("the [ is not closed")
    return end + 1, f"[{inside}]"
