"""``.dockerignore``: which files of a context are left out, by Docker's rules.

A pattern (``globs.py``) matches a path and all that is below; ``!`` takes back; the last that matches counts.
Source: the documentation of ".dockerignore
files", and moby's ``patternmatcher`` where that is silent.
"""

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shared.modules.containers.images.globs import Glob, GlobError

MAX_PATTERNS: Final = 2000


class PatternError(ValueError):
    """A pattern that cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    takes_back: bool
    matches: Glob


class Ignored:
    """Says of a path (``a/b``, relative to the context) whether it is left out."""

    def __init__(
        self, text: str = "", name: str = ".dockerignore", *, hidden: frozenset[str] = frozenset()
    ) -> None:
        """``hidden`` are paths that no ``!`` takes back."""
        self._hidden = hidden
        self._patterns = [*_patterns(text, name)]
        self._takes_back = any(pattern.takes_back for pattern in self._patterns)
        self._above: dict[str, int] = {"": -1}

    def __call__(self, path: str) -> bool:
        if self._hidden and not self._hidden.isdisjoint(_with_parents(path)):
            return True
        last = self._last(path)
        return last >= 0 and not self._patterns[last].takes_back

    def _last(self, path: str) -> int:
        """The number of the last pattern that matches the path or a folder that it is in; -1: none does."""
        folder = posixpath.dirname(path)
        if (above := self._above.get(folder)) is None:
            above = self._above[folder] = self._last(folder)
        for number in range(len(self._patterns) - 1, above, -1):
            if self._patterns[number].matches(path):
                return number
        return above

    def prunes(self, folder: str) -> bool:
        """Whether nothing below the folder can be in the context, so that nobody need look."""
        if self._hidden and not self._hidden.isdisjoint(_with_parents(folder)):
            return True
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
            yield _Pattern(takes_back, Glob(pattern))
        except GlobError as error:
            raise PatternError(f"{name} line {number}: {pattern!r} is no pattern: {error}") from error
