"""What intents are searched by: the functions that ``search.sql`` calls, and questions to its index.

The index answers, exactly, which documents have a value in a field, an element in an array, or up to three
characters in a row in their text. Longer words are looked for by all their grams, then in the text itself.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from shared.ports.documents import REGISTRY, Query, Where

FIELDS = ("status", "created_by", "actions", "label_pairs")
"""Fields of an intent that hold a string or an array of strings, and are indexed."""

TEXT = "search"
"""The field whose text is indexed."""

_UNIT = 4
"""Hexadecimal digits of one unit of UTF-16."""
_GRAM = 3 * _UNIT
_END = "\n\n"
"""Behind the text, so that something begins with each of its last characters."""

FEW = 2000
"""So many documents are sooner sorted than found on a walk in their order."""

type Term = tuple[str, str]
"""A field and a value."""

EVERYTHING: Term = ("", "")
"""What every document of the tenant has."""

type Rows = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

_TERM = "SELECT id FROM terms WHERE tenant_id = ? AND field = ? AND value = ?"
_UNTOLD = "SELECT key, gone, terms, text FROM untold ORDER BY n"
_ADD = "INSERT INTO tokens (rowid, held) VALUES (?, ?)"
_REMOVE = "INSERT INTO tokens (tokens, rowid, held) VALUES ('delete', ?, ?)"
_SOME = "SELECT rowid FROM tokens WHERE tokens MATCH ? LIMIT ?"


def install(connection: sqlite3.Connection) -> None:
    """Give a connection that writes what the triggers call."""
    connection.create_function("search_terms", 1, search_terms, deterministic=True)
    connection.create_function("search_text", 1, search_text, deterministic=True)


def tell(connection: sqlite3.Connection) -> None:
    """Bring the inverted index to where the documents are: the last of every transaction."""
    if untold := connection.execute(_UNTOLD).fetchall():
        for key, gone, terms, text in untold:
            connection.execute(_REMOVE if gone else _ADD, (key, f"{terms} {grams(text)}"))
        connection.execute("DELETE FROM untold")


def forget(connection: sqlite3.Connection, tenant_id: str) -> None:
    """Take out the terms that no document of the tenant has any more: they are kept for others to come."""
    connection.execute("DELETE FROM terms WHERE tenant_id = ? AND held = 0", (tenant_id,))


def merge(connection: sqlite3.Connection) -> None:
    """Write the full-text index anew, without what was taken out of it.

    Source: https://www.sqlite.org/fts5.html#the_optimize_command
    """
    connection.execute("INSERT INTO tokens (tokens) VALUES ('optimize')")


def search_terms(body: str) -> str:
    """JSON: each term of the document once, as a field (``field[]`` for an array's element) and a value."""
    document = orjson.loads(body)
    found: list[Term] = [EVERYTHING]
    for name in FIELDS:
        value = document.get(name)
        if isinstance(value, str):
            found.append((name, value))
        elif isinstance(value, list):
            strings = dict.fromkeys(one for one in value if isinstance(one, str))
            found += [(element(name), one) for one in strings]
    return orjson.dumps(found).decode()


def search_text(body: str) -> str:
    text = orjson.loads(body).get(TEXT)
    return text.casefold() if isinstance(text, str) else ""


def grams(text: str) -> str:
    """The tokens of a text: every three units in a row, once; the last two stand in one with its end."""
    digits = _digits(text + _END)
    return " ".join({digits[place : place + _GRAM] for place in range(0, len(digits) - 2 * _UNIT, _UNIT)})


def _sought(word: str) -> set[str]:
    """The tokens, or the beginning of one, that a text has which has the word."""
    digits = _digits(word)
    if len(digits) < _GRAM:
        return {digits + "*"}
    return {digits[place : place + _GRAM] for place in range(0, len(digits) - 2 * _UNIT, _UNIT)}


def whole_gram(word: str) -> bool:
    """Whether a text has the word exactly if it has the word's token."""
    return len(_digits(word)) <= _GRAM and "\n" not in word


def _digits(text: str) -> str:
    return text.encode("utf-16-be").hex()


def element(name: str) -> str:
    """The field of the terms that an array's elements are."""
    return name + "[]"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The part of a query's conditions that the index answers, and the rest.

    A document has one of each of ``terms`` (by their numbers) and all ``words``. ``match`` is the full-text
    query for that, but for words that are longer than a gram; ``keys`` are the documents that match it, if
    they are fewer than :data:`FEW`.
    """

    match: str
    keys: Sequence[int] | None
    terms: Sequence[Sequence[int]]
    words: Sequence[str]
    rest: Sequence[Where]


def indexed(query: Query) -> bool:
    """Whether the documents that the query asks for are in the index."""
    return query.container == REGISTRY and query.kind == "intent" and query.partition is None


def narrowing(query: Query, tenant_id: str, rows: Rows) -> Narrowing | None:
    """What the index can do for a query; None if nothing."""
    if not indexed(query):
        return None
    needed: list[list[Term]] = []
    sought: set[str] = set()
    words: list[str] = []
    rest: list[Where] = []
    for where in query.where:
        if (choices := _choices(where)) is not None:
            needed.append(choices)
        elif where.op == "text" and where.path == (TEXT,) and where.value:
            word = str(where.value).casefold()
            sought |= _sought(word)
            words.append(word)
        else:
            rest.append(where)
    if not needed and not words:
        return None
    asked = needed or [[EVERYTHING]]
    known = [[row[0] for term in choices for row in rows(_TERM, (tenant_id, *term))] for choices in asked]
    if not all(known):
        return Narrowing("", [], [], words, rest)
    terms = ["(" + " OR ".join(f"t{number}" for number in numbers) + ")" for numbers in known]
    match = " AND ".join([*terms, *sorted(sought)])
    keys = [key for (key,) in rows(_SOME, (match, FEW))]
    return Narrowing(match, keys if len(keys) < FEW else None, known if needed else [], words, rest)


def _choices(where: Where) -> list[Term] | None:
    """The terms of which a document that satisfies the condition has one; None if it is not of terms."""
    if len(where.path) != 1 or where.path[0] not in FIELDS:
        return None
    name = where.path[0]
    match where.op:
        case "=" if isinstance(where.value, str):
            return [(name, where.value)]
        case "contains" if isinstance(where.value, str):
            return [(element(name), where.value)]
        case "in" if all(isinstance(one, str) for one in where.value):
            return [(name, one) for one in where.value]
    return None
