"""Patterns of paths: ``*`` and ``?`` stay within a name, ``**`` goes over any number of folders.

They come from whoever builds. A regular expression made of one tries its stars one way after the other, which
for ``*a*a*a*a*a*a*b`` and a name of a hundred letters takes minutes. So all ways are gone at once: a pattern
is a row of places, those that a path can be at are the bits of a number, and each of its characters moves
them.
"""

import re
from collections.abc import Iterator
from typing import Final

MAX_PATTERN: Final = 1000
"""Characters of a pattern."""
_TAIL: Final = re.compile(r"[^*?\[\]\\]*\Z")
"""What stands behind all that has a meaning, and so behind all that matches."""
_NAME, _ANY = re.compile("[^/]"), re.compile("(?s:.)")


class GlobError(ValueError):
    """A pattern that cannot be read; the message says why."""


class Glob:
    """Says of a path whether it is what the pattern means, in a time that grows with both and no more."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN:
            raise GlobError(f"it has more than {MAX_PATTERN} characters")
        tail = match[0] if (match := _TAIL.search(pattern)) else ""
        self._is_plain = tail == pattern
        self._tail = tail if self._is_plain else tail.removeprefix("/")  # which may be part of a **/
        self._steps: list[tuple[int, re.Pattern[str]]] = []
        """Places that one character leads on from, and which."""
        self._stays: list[tuple[int, re.Pattern[str]]] = []
        """Places that characters lead back to: stars, which may also be passed."""
        self._passed = self._leapt = 0
        place = 1
        for piece in _pieces(pattern):
            place = self._add(piece, place)
        self._end = place
        self._moves: dict[str, tuple[int, int]] = {}

    def _add(self, piece: str | re.Pattern[str], place: int) -> int:
        """Add a piece behind the place; the place behind it."""
        if isinstance(piece, re.Pattern):
            self._steps.append((place, piece))
            return place << 1
        if piece == "**/":  # nothing at all, or anything and a stroke
            self._leapt |= place
            self._passed |= place
            return self._add(re.compile("/"), self._add("**", place << 1))
        self._stays.append((place, _NAME if piece == "*" else _ANY))
        self._passed |= place
        return place << 1

    def __call__(self, path: str) -> bool:
        if self._is_plain or not path.endswith(self._tail):  # most paths are told apart by their ends
            return path == self._tail
        at = self._reached(1)
        for character in path:
            steps, stays = self._moves.get(character) or self._moved(character)
            at = self._reached((at & steps) << 1 | at & stays)
            if not at:
                return False
        return bool(at & self._end)

    def _moved(self, character: str) -> tuple[int, int]:
        """The places that a character leads on from, and those that it leads back to."""
        steps = sum(place for place, one in self._steps if one.match(character))
        stays = sum(place for place, one in self._stays if one.match(character))
        self._moves[character] = steps, stays
        return steps, stays

    def _reached(self, at: int) -> int:
        """Those places, and what is behind what may be passed."""
        while (further := at | (at & self._passed) << 1 | (at & self._leapt) << 3) != at:
            at = further
        return at


def _pieces(pattern: str) -> Iterator[str | re.Pattern[str]]:
    """Stars as they are, and what stands for one character as a regular expression."""
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "*":
            star = next(star for star in ("**/", "**", "*") if pattern.startswith(star, at))
            yield star
            at += len(star)
        elif character == "[":
            at, piece = _class(pattern, at)
            yield piece
        elif character == "?":
            yield _NAME
            at += 1
        else:
            at += character == "\\"
            if at == len(pattern):
                raise GlobError("nothing stands behind the \\")
            yield re.compile(re.escape(pattern[at]))
            at += 1


def _class(pattern: str, at: int) -> tuple[int, re.Pattern[str]]:
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
        raise GlobError("the [ is not closed")
    try:
        return end + 1, re.compile(f"[{inside}]")
    except re.error as error:
        raise GlobError(str(error)) from error
