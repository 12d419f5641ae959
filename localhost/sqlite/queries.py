"""From a query of the documents port to SQL, and the cursor that continues it.

A value's place in a body is a column where the table has one and ``json_extract`` elsewhere. SQLite compares
values of different types and has no booleans, so conditions name the JSON type wherever that matters.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from localhost.sqlite.operations import COLUMNS, sql_number
from localhost.sqlite.search import (
    FEW,
    FIELDS,
    Narrowing,
    Rows,
    element,
    indexed,
    narrowing,
    whole_gram,
)
from shared.domain.errors import BadCursorError
from shared.ports.documents import Container, Json, Path, Query, Where

MINUS_INFINITY = "-9e999"
"""SQL for what a missing field sorts as; the indexes in ``documents.sql`` have it too."""

RANGES: Sequence[Path] = [("updated_at",), ("created_at",)]
"""Where an index of intents can tell how many lie in a range."""

_UNSAFE_IN_PATH = re.compile(r'["\\\x00-\x1f]')

type Sql = tuple[str, list[Any]]


WALKED = 3000
"""So many documents are looked at in the order asked for, before all that match are looked up."""


@dataclass(frozen=True, slots=True)
class Selection:
    """How to get one page; a row is seq, body, and its position (sort values, partition, id)."""

    statements: Sequence[Sql]
    """To be tried one behind the other until one fills the page; what the last finds is all that there is."""
    context: bytes
    """What a cursor of this query is bound to."""


def select(
    query: Query, *, tenant_id: str, now: float, rows: Rows, open_cursor: Callable[[bytes, str], bytes]
) -> Selection:
    """Build the statements for a page of ``query`` with one row more, which tells whether there is a next.

    Raises:
        BadCursorError: ``query.after`` is not a cursor of this query.
        ValueError: a limit below 1, or a path that cannot be written in SQL.
    """
    _check(query)
    narrowed = narrowing(query, tenant_id, rows)
    # Without statistics SQLite would rather walk the whole tenant in the order asked for than sort the few
    # documents that an index picks out, or sort them all: a plus keeps a term from choosing the index.
    picks = narrowed.keys is not None if narrowed else _picks(query, tenant_id, rows)
    source, conditions = _matching(query, tenant_id, now, narrowed, picks=picks)
    order: list[tuple[str, str]] = [
        (("+" if picks else "") + _Field.at(query.container, path).value, way) for path, way in query.order
    ]
    ties = query.order[-1][1] if query.order else "asc"
    last = ["id"] if query.partition is not None else ["partition", "id"]
    order += [(("+" if picks else "") + name, ties) for name in last]
    context = _context(query, tenant_id)
    behind: list[Sql] = []
    if query.after is not None:
        behind.append(_behind(order, _position(open_cursor(context, query.after), len(order))))
    conditions += behind
    if not indexed(query):
        return Selection([_sorted("seq, body", source, conditions, order, query.limit + 1)], context)
    whole = _with_bodies(_sorted("key", source, conditions, order, query.limit + 1), order)
    if narrowed is None or narrowed.keys is not None:
        return Selection([whole], context)
    walk = _sorted("key", "documents", [*_of_tenant(query, tenant_id), *behind], order, WALKED)
    wanted = [
        *_held("placed.key", narrowed),
        ("(expires_at IS NULL OR expires_at > ?)", [now]),
        *(_condition(query.container, where) for where in narrowed.rest),
    ]
    text, bound = _with_bodies(walk, order)
    first = f"{text} WHERE {_all(wanted)} LIMIT ?", [*bound, *_bound(wanted), query.limit + 1]
    return Selection([first, whole], context)


def _sorted(
    columns: str, source: str, conditions: Sequence[Sql], order: Sequence[tuple[str, str]], limit: int
) -> Sql:
    """The first rows in order: the columns, and their places."""
    places = ", ".join(f"{expression} AS place{number}" for number, (expression, _) in enumerate(order))
    direction = ", ".join(f"{expression} {way}" for expression, way in order)
    text = f"SELECT {columns}, {places} FROM {source} WHERE {_all(conditions)} ORDER BY {direction} LIMIT ?"  # noqa: S608 - values are bound
    return text, [*_bound(conditions), limit]


def _with_bodies(keys: Sql, order: Sequence[tuple[str, str]]) -> Sql:
    """Rows as a selection has them, of sorted keys: bodies are large, and are not sorted with them."""
    places = ", ".join(f"place{number}" for number in range(len(order)))
    # The outer loop keeps the order of the inner one's rows.
    text = (
        f"SELECT seq, body, {places} FROM ({keys[0]}) AS placed"  # noqa: S608 - values are bound
        " CROSS JOIN documents ON documents.key = placed.key"
    )
    return text, keys[1]


def tally(query: Query, by: Path, *, each: bool, tenant_id: str, now: float, rows: Rows) -> Sql:
    """The statement that counts what matches by its strings at ``by``; a row is value, count, all values.

    With ``each`` the elements of the array there are counted.

    Raises:
        ValueError: a limit below 1, or a path that cannot be written in SQL.
    """
    _check(query)
    field = _Field.at(query.container, by)
    narrowed = narrowing(query, tenant_id, rows)
    if indexed(query) and len(by) == 1 and by[0] in FIELDS:
        counts, bound = _tally_of_terms(query, element(by[0]) if each else by[0], tenant_id, now, narrowed)
    else:
        source, conditions = _matching(query, tenant_id, now, narrowed)
        counts = (
            "SELECT element.value AS value, count(DISTINCT matching.key) AS n"  # noqa: S608 - values are bound
            f" FROM (SELECT documents.key, body FROM {source} WHERE {_all(conditions)}) AS matching"
            f" CROSS JOIN json_each(body, {field.path}) AS element WHERE element.type = 'text'"
            f" AND json_type(body, {field.path}) = '{'array' if each else 'text'}' GROUP BY element.value"
        )
        bound = _bound(conditions)
    sql = f"SELECT value, n, count(*) OVER () FROM ({counts}) ORDER BY n DESC, value LIMIT ?"  # noqa: S608 - bound
    return sql, [*bound, query.limit]


def _tally_of_terms(query: Query, field: str, tenant_id: str, now: float, narrowed: Narrowing | None) -> Sql:
    """Counts by a field that the index has: through the documents if they are few, or else its terms."""
    if narrowed and not narrowed.rest:
        source, key, chosen = "tokens", "tokens.rowid", _sql("tokens MATCH ?", narrowed.match)
        if narrowed.keys is not None:
            # By another name: the words are looked for in the table itself.
            source, key, chosen = "intents AS chosen", "chosen.key", _among(narrowed.keys)
        conditions = [chosen, (f"rowid NOT IN ({_EXPIRED})", [now]), *_spoken(key, narrowed)]
        matching = f"SELECT rowid AS key FROM {source} WHERE {_all(conditions)}", _bound(conditions)  # noqa: S608 - bound
    elif query.where:
        source, conditions = _matching(query, tenant_id, now, narrowed)
        matching = f"SELECT documents.key AS key FROM {source} WHERE {_all(conditions)}", _bound(conditions)  # noqa: S608 - bound
    else:
        matching = "", []
    names = [tenant_id, field]
    if narrowed and narrowed.keys is not None:
        return (
            f"SELECT value, count(*) AS n FROM ({matching[0]}) AS matching"  # noqa: S608 - values are bound
            " CROSS JOIN postings ON postings.key = matching.key CROSS JOIN terms ON id = term"
            " WHERE tenant_id = ? AND field = ? GROUP BY value"
        ), [*matching[1], *names]
    if query.where:
        number = f"SELECT count(*) FROM postings WHERE term = terms.id AND +key IN ({matching[0]})"  # noqa: S608 - bound
    else:
        # All that the term has, but what has expired and is still there.
        number = f"held - (SELECT count(*) FROM postings WHERE term = terms.id AND key IN ({_EXPIRED}))"  # noqa: S608 - bound
        matching = "", [now]
    # Materialized, so that each number is counted once and not again for every place where it stands.
    return (
        f"WITH counted AS MATERIALIZED (SELECT value, ({number}) AS n FROM terms"  # noqa: S608 - bound
        " WHERE tenant_id = ? AND field = ?) SELECT value, n FROM counted WHERE n"
    ), [*matching[1], *names]


_EXPIRED = "SELECT key FROM documents WHERE expires_at <= ? AND +container = 'registry' AND +kind = 'intent'"


def _check(query: Query) -> None:
    if query.limit < 1:
        raise ValueError(f"a page has at least one document, not {query.limit}")


def _matching(
    query: Query, tenant_id: str, now: float, narrowed: Narrowing | None, *, picks: bool = True
) -> tuple[str, list[Sql]]:
    """What to select from, and the conditions that leave the query's documents.

    Without ``picks`` they are met on a walk in the query's order, which no condition may keep SQLite from.
    """
    source, conditions = "documents", list[Sql]()
    if narrowed and narrowed.keys is not None:
        source = "documents NOT INDEXED"  # but by their keys
        conditions.append(_among(narrowed.keys))
    elif narrowed:
        conditions.append(("+key IN (SELECT rowid FROM tokens WHERE tokens MATCH ?)", [narrowed.match]))
    conditions += _of_tenant(query, tenant_id)
    conditions.append(("(expires_at IS NULL OR expires_at > ?)", [now]))
    conditions += _spoken("documents.key", narrowed) if narrowed else []
    walked = query.order[0][0] if query.order else None
    for where in narrowed.rest if narrowed else query.where:
        aside = indexed(query) and not picks and where.path != walked
        conditions.append(_condition(query.container, where, aside=aside))
    return source, conditions


def _of_tenant(query: Query, tenant_id: str) -> list[Sql]:
    # Written into the text, not bound: SQLite takes a partial index only if it can see the values.
    kind = "" if query.kind is None else f" AND kind = {_literal(query.kind)}"
    conditions: list[Sql] = [
        (f"container = {_literal(query.container.name)}{kind}", []),
        ("tenant_id = ?", [tenant_id]),
    ]
    if query.partition is not None:
        conditions.append(("partition = ?", [query.partition]))
    return conditions


def _spoken(key: str, narrowed: Narrowing) -> list[Sql]:
    """That the long words are in the text of the document with that key, and not only their grams."""
    return _written(key, [word for word in narrowed.words if not whole_gram(word)])


def _held(key: str, narrowed: Narrowing) -> list[Sql]:
    """That the document with that key has the terms and the words, without the inverted index."""
    chosen = [f"({', '.join(map(str, choices))})" for choices in narrowed.terms]
    terms: list[Sql] = [
        (f"EXISTS (SELECT 1 FROM postings WHERE postings.key = {key} AND term IN {choices})", [])  # noqa: S608 - numbers
        for choices in chosen
    ]
    return [*terms, *_written(key, narrowed.words)]


def _written(key: str, words: Sequence[str]) -> list[Sql]:
    text = f"SELECT text FROM intents WHERE intents.key = {key}"  # noqa: S608 - a column's name
    return [(f"instr(({text}), ?)", [word]) for word in words]


def _picks(query: Query, tenant_id: str, rows: Rows) -> bool:
    """Whether a condition leaves so few documents that they are better sorted than met on a walk."""
    if not indexed(query):
        return any(where.op == "in" and where.path[0] in COLUMNS for where in query.where)
    ranges = [where for where in query.where if where.path in RANGES and where.op in {"<", "<=", ">", ">="}]
    if not ranges:
        return False
    conditions = [*_of_tenant(query, tenant_id), *(_condition(query.container, where) for where in ranges)]
    some = f"SELECT count(*) FROM (SELECT 1 FROM documents WHERE {_all(conditions)} LIMIT {FEW})"  # noqa: S608 - values are bound
    ((found,),) = rows(some, _bound(conditions))
    return bool(found < FEW)


def _among(keys: Sequence[int]) -> Sql:
    return _sql("key IN (SELECT value FROM json_each(?))", orjson.dumps(keys).decode())


def _sql(text: str, *bound: Any) -> Sql:
    return text, [*bound]


def _all(conditions: Sequence[Sql]) -> str:
    return " AND ".join(text for text, _ in conditions)


def _bound(conditions: Sequence[Sql]) -> list[Any]:
    return [value for _, values in conditions for value in values]


def encode_position(values: Sequence[Any]) -> bytes:
    """The position of a row; minus infinity, which JSON lacks, becomes null."""
    return orjson.dumps(values)


def _position(encoded: bytes, length: int) -> list[Any]:
    values = orjson.loads(encoded)
    if len(values) != length:
        raise BadCursorError
    return [float("-inf") if value is None else value for value in values]


def _context(query: Query, tenant_id: str) -> bytes:
    shape = [
        query.container.name,
        query.kind,
        tenant_id,
        query.partition,
        [[list(where.path), where.op, _plain(where.value)] for where in query.where],
        [[list(path), way] for path, way in query.order],
    ]
    # Its text, not its JSON: conditions hold integers that JSON numbers cannot.
    return repr(shape).encode()


def _plain(value: Json) -> Json:
    return (
        list(value) if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str) else value
    )


def _behind(order: Sequence[tuple[str, str]], position: Sequence[Any]) -> Sql:
    """Rows after ``position``: the first fields are equal and the next one is further on."""
    choices: list[str] = []
    parameters: list[Any] = []
    for depth, (expression, way) in enumerate(order):
        equal = [f"{before} = ?" for before, _ in order[:depth]]
        choices.append(" AND ".join([*equal, f"{expression} {'>' if way == 'asc' else '<'} ?"]))
        parameters += position[: depth + 1]
    # The first clause says nothing new; it is what lets SQLite seek to the place in an index.
    first, way = order[0]
    seek = f"{first} {'>=' if way == 'asc' else '<='} ?"
    return f"{seek} AND ({' OR '.join(choices)})", [position[0], *parameters]


@dataclass(frozen=True, slots=True)
class _Field:
    """The SQL for a place in a body: its value (minus infinity if missing or null) and its JSON type."""

    value: str
    type: str
    path: str

    @classmethod
    def at(cls, container: Container, path: Path) -> "_Field":
        if not path or any(not name or _UNSAFE_IN_PATH.search(name) for name in path):
            raise ValueError(
                f"names in a path are not empty and have no quote, backslash or control: {path!r}"
            )
        json_path = _literal("$" + "".join(f'."{name}"' for name in path))
        value, kind = f"json_extract(body, {json_path})", f"json_type(body, {json_path})"
        if len(path) == 1:
            column = "partition" if path[0] == container.partition_field else path[0]
            if column in {"partition", "id"}:  # never missing: an index of them serves ranges, too
                return cls(column, f"typeof({column})", json_path)
            if column in COLUMNS:
                value, kind = column, f"typeof({column})"
        return cls(f"coalesce({value}, {MINUS_INFINITY})", kind, json_path)


def _condition(container: Container, where: Where, *, aside: bool = False) -> Sql:
    """The condition; ``aside``: no index is to be chosen for it."""
    field, value = _Field.at(container, where.path), where.value
    if aside:
        field = replace(field, value="+" + field.value)
    match where.op:
        case "=":
            return _equal(field, value)
        case "!=":
            text, parameters = _equal(field, value)
            return f"({text}) IS NOT TRUE", parameters
        case "in":
            return _any(field, value)
        case "contains":
            element, parameters = _equal(_ELEMENT, value)
            elements = f"SELECT 1 FROM json_each(body, {field.path}) AS element WHERE {element}"  # noqa: S608 - bound
            return f"json_type(body, {field.path}) = 'array' AND EXISTS ({elements})", parameters
        case "text":
            return f"{field.type} = 'text' AND instr(casefold({field.value}), ?)", [str(value).casefold()]
        case "<" | "<=" | ">" | ">=":
            return _range(field, where.op, value)


_ELEMENT = _Field("element.value", "element.type", "")


def _equal(field: _Field, value: Json) -> Sql:
    if isinstance(value, bool):
        return f"{_json_type(field)} = ?", ["true" if value else "false"]
    if value is None:
        return f"{_json_type(field)} = 'null'", []
    if isinstance(value, str):
        return f"{field.value} = ? AND {field.type} = 'text'", [value]
    if isinstance(value, int | float):
        return f"{field.value} = ? AND {field.type} IN ('integer', 'real')", [sql_number(value)]
    raise ValueError(f"fields are compared with strings, numbers, booleans and null, not {value!r}")


def _range(field: _Field, op: str, value: Json) -> Sql:
    if isinstance(value, str):
        return f"{field.value} {op} ? AND {field.type} = 'text'", [value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{field.value} {op} ? AND {field.type} IN ('integer', 'real')", [sql_number(value)]
    raise ValueError(f"{op} compares with strings and numbers, not {value!r}")


def _any(field: _Field, choices: Sequence[Json]) -> Sql:
    if choices and all(isinstance(choice, str) for choice in choices):
        # One IN, not a chain of OR: an index can serve it.
        return f"{field.value} IN ({', '.join('?' * len(choices))}) AND {field.type} = 'text'", [*choices]
    conditions = [_equal(field, choice) for choice in choices]
    texts = " OR ".join(text for text, _ in conditions) or "FALSE"
    return f"({texts})", [bound for _, parameters in conditions for bound in parameters]


def _json_type(field: _Field) -> str:
    # A column holds only strings and numbers: the other types are in the body.
    return field.type if field is _ELEMENT else f"json_type(body, {field.path})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
