"""The part of Cosmos DB's SQL that the adapter writes, as a syntax tree. Anything else is refused by name.

Grammar (Microsoft's "NoSQL query language" reference), lowest precedence first::

    query      SELECT [TOP n] * FROM alias [WHERE expression] [ORDER BY path [ASC|DESC], ...]
             | SELECT path AS name, COUNT(1) AS name FROM alias [JOIN alias IN path]
               [WHERE expression] GROUP BY path
    expression or ?? or ...
    or         and OR and ...
    and        not AND not ...
    not        NOT not | comparison
    comparison primary [(= != < <= > >=) primary | IN (expression, ...)]
    primary    constant | @parameter | path | FUNCTION(expression, ...) | (expression)
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


class SqlError(Exception):
    """The text is not SQL that this server knows; the message names the place."""


@dataclass(frozen=True)
class Constant:
    value: Any


@dataclass(frozen=True)
class Path:
    """A place in the document; no names at all is the document itself."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """An operator or a function and its arguments."""

    name: str
    arguments: tuple["Expression", ...]


type Expression = Constant | Path | Call


@dataclass(frozen=True)
class Select:
    top: int | None
    where: Expression
    order: Sequence[tuple[Path, bool]]
    """Paths, and whether each is descending."""
    counting: "Counting | None" = None


@dataclass(frozen=True)
class Counting:
    """How many rows have each value; with ``each`` a row is an element of that array."""

    by: Path
    each: Path | None
    names: tuple[str, str]
    """Of the value and of the number in a row."""


FUNCTIONS = {
    "IS_DEFINED": {1},
    "IS_NULL": {1},
    "IS_STRING": {1},
    "IS_NUMBER": {1},
    "IS_OBJECT": {1},
    "ARRAY_CONTAINS": {2},
    "CONTAINS": {2, 3},
    "REPLACE": {3},
}
RESERVED = {
    "AS",
    "ASC",
    "BY",
    "COUNT",
    "DESC",
    "FROM",
    "GROUP",
    "IN",
    "JOIN",
    "ORDER",
    "SELECT",
    "TOP",
    "VALUE",
    "WHERE",
}
ELEMENT = "\0element"
"""The name under which a row has the element that a join gave it."""

COMPARISONS = {"=", "!=", "<", "<=", ">", ">="}

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<parameter>@\w+)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<symbol>\?\?|!=|<=|>=|[=<>(),.*\[\]{}:])
    )""",
    re.VERBOSE,
)


def parse_query(text: str, parameters: Mapping[str, Any]) -> Select:
    """A whole query."""
    reader = _Reader(text, parameters)
    reader.expect("SELECT")
    if reader.counts():
        return _parse_counting(reader)
    top = reader.top()
    reader.expect("*")
    reader.expect("FROM")
    reader.alias = reader.word()
    where = reader.expression() if reader.take("WHERE") else Constant(value=True)
    order: list[tuple[Path, bool]] = []
    if reader.take("ORDER"):
        reader.expect("BY")
        order.append(reader.sort_item())
        while reader.take(","):
            order.append(reader.sort_item())
    reader.end()
    return Select(top, where, order)


def _parse_counting(reader: "_Reader") -> Select:
    # What is selected is read once its aliases are known.
    selected = reader.mark()
    reader.skip_to("FROM")
    reader.alias = reader.word()
    each = None
    if reader.take("JOIN"):
        reader.element = reader.word()
        reader.expect("IN")
        each = reader.path()
    where = reader.expression() if reader.take("WHERE") else Constant(value=True)
    reader.expect("GROUP")
    reader.expect("BY")
    by = reader.path()
    reader.end()
    reader.back_to(selected)
    if reader.path() != by:
        raise SqlError("what is selected beside an aggregate is what is grouped by")
    value = reader.named()
    for symbol in (",", "COUNT", "(", "1", ")"):
        reader.expect(symbol)
    number = reader.named()
    reader.expect("FROM")
    return Select(None, where, (), Counting(by, each, (value, number)))


def parse_condition(text: str) -> Expression:
    """A patch's condition: ``FROM c WHERE ...``, without parameters."""
    reader = _Reader(text, {})
    reader.expect("FROM")
    reader.alias = reader.word()
    reader.expect("WHERE")
    condition = reader.expression()
    reader.end()
    return condition


@lru_cache(1_000)
def _tokens(text: str) -> Sequence[tuple[str, str]]:
    """Kind and text of each; the platform asks few queries, with other parameters."""
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise SqlError(f"syntax error at {text[place : place + 20]!r}")
        found.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


class _Reader:
    def __init__(self, text: str, parameters: Mapping[str, Any]) -> None:
        self.alias = ""
        self.element = ""
        self._parameters = parameters
        self._tokens = _tokens(text.rstrip())
        self._at = 0

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def take(self, word: str) -> bool:
        kind, text = self._peek()
        if kind in {"word", "symbol", "number"} and text.upper() == word:
            self._at += 1
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise SqlError(f"{word} expected, not {self._peek()[1]!r}")

    def end(self) -> None:
        if self._peek()[0] != "end":
            raise SqlError(f"unknown at the end: {self._peek()[1]!r}")

    def word(self) -> str:
        kind, text = self._next()
        if kind != "word":
            raise SqlError(f"a name expected, not {text!r}")
        return text

    def counts(self) -> bool:
        return any(token == ("word", "GROUP") for token in self._tokens)

    def mark(self) -> int:
        return self._at

    def back_to(self, mark: int) -> None:
        self._at = mark

    def skip_to(self, word: str) -> None:
        while not self.take(word):
            if self._next()[0] == "end":
                raise SqlError(f"{word} expected")

    def path(self) -> Path:
        path = self._primary()
        if not isinstance(path, Path) or not path.names:
            raise SqlError("a path expected")
        return path

    def named(self) -> str:
        self.expect("AS")
        name = self.word()
        if name.upper() in RESERVED:
            raise SqlError(f"{name} is a keyword")
        return name

    def top(self) -> int | None:
        if not self.take("TOP"):
            return None
        match self._primary():
            case Constant(int(count)) if count > 0:
                return count
        raise SqlError("TOP takes a positive integer")

    def sort_item(self) -> tuple[Path, bool]:
        path = self.path()
        descending = self.take("DESC")
        if not descending:
            self.take("ASC")
        return path, descending

    def expression(self) -> Expression:
        left = self._or()
        while self.take("??"):
            left = Call("??", (left, self._or()))
        return left

    def _or(self) -> Expression:
        parts = [self._and()]
        while self.take("OR"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Call("OR", tuple(parts))

    def _and(self) -> Expression:
        parts = [self._not()]
        while self.take("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else Call("AND", tuple(parts))

    def _not(self) -> Expression:
        return Call("NOT", (self._not(),)) if self.take("NOT") else self._comparison()

    def _comparison(self) -> Expression:
        left = self._primary()
        kind, text = self._peek()
        if kind == "symbol" and text in COMPARISONS:
            self._next()
            return Call(text, (left, self._primary()))
        if self.take("IN"):
            self.expect("(")
            choices = self._list(")")
            if not choices:
                raise SqlError("IN takes at least one value")
            return Call("OR", tuple([Call("=", (left, choice)) for choice in choices]))
        return left

    def _primary(self) -> Expression:
        kind, text = self._next()
        if kind in {"number", "string"}:
            return Constant(json.loads(text))
        if kind == "parameter":
            if text not in self._parameters:
                raise SqlError(f"{text} has no value")
            return Constant(self._parameters[text])
        if kind == "word":
            return self._named(text)
        if text == "(":
            inner = self.expression()
            self.expect(")")
            return inner
        if text == "[":
            return Constant([_value(item) for item in self._list("]")])
        if text == "{":
            return self._object()
        raise SqlError(f"unknown: {text!r}")

    def _named(self, text: str) -> Expression:
        if text in {"true", "false", "null"}:
            return Constant(json.loads(text))
        if self.take("("):
            arguments = tuple(self._list(")"))
            if len(arguments) not in FUNCTIONS.get(text, ()):
                raise SqlError(f"unknown function: {text} of {len(arguments)} arguments")
            return Call(text, arguments)
        if self.element and text == self.element:
            return Path((ELEMENT, *self._steps()))
        if text != self.alias:
            raise SqlError(f"unknown name: {text}")
        return Path(tuple(self._steps()))

    def _steps(self) -> list[str]:
        names: list[str] = []
        while True:
            if self.take("."):
                names.append(self.word())
            elif self.take("["):
                kind, text = self._next()
                if kind != "string":
                    raise SqlError(f"a name in quotes expected in brackets, not {text!r}")
                names.append(json.loads(text))
                self.expect("]")
            else:
                return names

    def _list(self, end: str) -> list[Expression]:
        items: list[Expression] = []
        while not self.take(end):
            if items:
                self.expect(",")
            items.append(self.expression())
        return items

    def _object(self) -> Constant:
        fields: dict[str, Any] = {}
        while not self.take("}"):
            if fields:
                self.expect(",")
            name = _value(self._primary())
            self.expect(":")
            fields[name] = _value(self.expression())
        return Constant(fields)


def _value(expression: Expression) -> Any:
    if not isinstance(expression, Constant):
        raise SqlError("arrays and objects are made of constants here")
    return expression.value
