"""The words of a Dockerfile: quotes, escapes and ``$NAME``, as the shell lexer of BuildKit reads them.

Source: the Dockerfile reference, "Environment replacement", and what BuildKit does where that is silent: a
name that is not known is empty, what is in single quotes is left alone, and quotes are taken off.
"""

from collections.abc import Mapping
from typing import Final

MAX_EXPANDED: Final = 128 * 1024
"""Characters of a word with its names put in: as long as Linux takes an argument or a variable."""
_MODIFIERS: Final = frozenset("-+?")
_SPECIAL: Final = frozenset("@*#?-$!")


class WordError(ValueError):
    """A word that cannot be read; the message says why."""


def expanded(text: str, names: Mapping[str, str], escape: str = "\\") -> str:
    """``text`` with its names put in and its quotes taken off.

    Raises:
        WordError: a quote or a brace is not closed, ``${NAME:?why}`` has no value, or it would be too long.
    """
    try:
        return _Reader(text, names, escape).until("")
    except RecursionError as error:
        raise WordError(f"{_shown(text)} is nested too deeply") from error


class _Reader:
    """Reads once over a text, character by character."""

    def __init__(self, text: str, names: Mapping[str, str], escape: str) -> None:
        self._text = text
        self._names = names
        self._escape = escape
        self._at = 0
        self._left = MAX_EXPANDED

    def until(self, stop: str) -> str:
        """What stands before ``stop``, which is read too; the end of the text is one only for ``""``."""
        read: list[str] = []
        while self._at < len(self._text):
            character = self._next()
            if character == stop:
                return "".join(read)
            match character:
                case "'":
                    read.append(self._single())
                case '"':
                    read.append(self._double())
                case "$":
                    read.append(self._name())
                case _ if character == self._escape:
                    read.append(self._next())
                case _:
                    read.append(character)
        if stop:
            raise WordError(f"a '{stop}' is missing in {_shown(self._text)}")
        return "".join(read)

    def _next(self) -> str:
        character = self._text[self._at : self._at + 1]
        self._at += 1
        return character

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _single(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise WordError(f"a single quote is not closed in {_shown(self._text)}")
        quoted, self._at = self._text[self._at : end], end + 1
        return quoted

    def _double(self) -> str:
        read: list[str] = []
        while self._at < len(self._text):
            match self._next():
                case '"':
                    return "".join(read)
                case "$":
                    read.append(self._name())
                case character if character == self._escape:
                    following = self._next()
                    kept = "" if following in {'"', "$", self._escape} else character
                    read.append(kept + following)
                case character:
                    read.append(character)
        raise WordError(f"a double quote is not closed in {_shown(self._text)}")

    def _name(self) -> str:
        """The value of what stands behind a ``$``."""
        value = self._value()
        self._left -= len(value)
        if self._left < 0:
            raise WordError(f"with its names put in, {_shown(self._text)} is longer than {MAX_EXPANDED}")
        return value

    def _value(self) -> str:
        if self._peek() != "{":
            name = self._plain_name()
            return self._names.get(name, "") if name else "$"
        self._at += 1
        name = self._plain_name()
        if not name:
            raise WordError(f"a name is missing behind '${{' in {_shown(self._text)}")
        value = self._names.get(name)
        following = self._next()
        if following == "}":
            return value or ""
        if following == ":":
            value, following = value or None, self._next()
        if following not in _MODIFIERS:
            raise WordError(
                f"${{{name}{following}… is not understood; there are ${{{name}}}, "
                f"${{{name}:-default}}, ${{{name}:+instead}} and ${{{name}:?why}}"
            )
        return self._modified(name, value, following, self.until("}"))

    def _modified(self, name: str, value: str | None, modifier: str, word: str) -> str:
        match modifier:
            case "-":
                return word if value is None else value
            case "+":
                return "" if value is None else word
            case _:
                if value is None:
                    raise WordError(f"{name} has no value: {word or 'it needs one'}")
                return value

    def _plain_name(self) -> str:
        start = self._at
        first = self._peek()
        if first in _SPECIAL and first:
            self._at += 1
        elif first.isdigit():
            while self._peek().isdigit():
                self._at += 1
        elif _begins_name(first):
            while _begins_name(self._peek()) or self._peek().isdigit():
                self._at += 1
        return self._text[start : self._at]


def _begins_name(character: str) -> bool:
    return character == "_" or (character.isalpha() and character.isascii())


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:79] + "…")
