"""From a query of the documents port to SQL, and the cursor that continues it.

A value's place in a body is a column where the table has one and ``json_extract`` elsewhere. SQLite compares
values of different types and has no booleans, so conditions name the JSON type wherever that matters.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from localhost.sqlite.operations import COLUMNS, sql_number
from localhost.sqlite.search import FIELDS, Narrowing, Rows, element, indexed, narrowing
from shared.domain.errors import BadCursorError
from shared.ports.documents import Container, Json, Path, Query, Where

MINUS_INFINITY = "-9e999"
"""SQL for what a missing field sorts as; the indexes in ``documents.sql`` have it too."""

_UNSAFE_IN_PATH = re.compile(r'["\\\x00-\x1f]')

type Sql = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Selection:
    """The statement of one page; a row is seq, body, and its position (sort values, partition, id)."""

    sql: str
    parameters: list[Any]
    context: bytes
    """What a cursor of this query is bound to."""


def select(
    query: Query, *, tenant_id: str, now: float, rows: Rows, open_cursor: Callable[[bytes, str], bytes]
) -> Selection:
    """Build the statement for a page of ``query`` with one row more, which tells whether there is a next.

    Raises:
        BadCursorError: ``query.after`` is not a cursor of this query.
        ValueError: a limit below 1, or a path that cannot be written in SQL.
    """
    _check(query)
    narrowed = narrowing(query, tenant_id, rows)
    source, conditions = _matching(query, tenant_id, now, narrowed)
    order: list[tuple[str, str]] = [
        (_Field.at(query.container, path).value, way) for path, way in query.order
    ]
    ties = query.order[-1][1] if query.order else "asc"
    order += [("id", ties)] if query.partition is not None else [("partition", ties), ("id", ties)]
    context = _context(query, tenant_id)
    # Without statistics SQLite would rather walk the whole tenant in the order asked for than sort the few
    # documents that an index picks out: a plus keeps a term from choosing the index.
    picks = narrowed.few if narrowed else any(_picks(where) for where in query.where)
    order = [(("+" if picks else "") + expression, way) for expression, way in order]
    if query.after is not None:
        conditions.append(_behind(order, _position(open_cursor(context, query.after), len(order))))
    sql = (
        f"SELECT seq, body, {', '.join(expression for expression, _ in order)} FROM {source}"  # noqa: S608 - values are bound
        f" WHERE {_all(conditions)}"
        f" ORDER BY {', '.join(f'{expression} {way}' for expression, way in order)} LIMIT ?"
    )
    return Selection(sql, [*_bound(conditions), query.limit + 1], context)


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
    if narrowed and narrowed.match and not narrowed.rest:
        conditions: list[Sql] = [
            ("tokens MATCH ?", [narrowed.match]),
            ("rowid NOT IN (SELECT key FROM documents WHERE expires_at <= ?)", [now]),
            *_spoken("tokens.rowid", narrowed),
        ]
        matching: Sql = (f"SELECT rowid AS key FROM tokens WHERE {_all(conditions)}", _bound(conditions))  # noqa: S608 - bound
    elif query.where:
        source, conditions = _matching(query, tenant_id, now, narrowed)
        matching = f"SELECT documents.key AS key FROM {source} WHERE {_all(conditions)}", _bound(conditions)  # noqa: S608 - bound
    else:
        matching = "", []
    names = [tenant_id, field]
    if narrowed and narrowed.few:
        return (
            f"SELECT value, count(*) AS n FROM ({matching[0]}) AS matching"  # noqa: S608 - values are bound
            " CROSS JOIN postings ON postings.key = matching.key CROSS JOIN terms ON id = term"
            " WHERE tenant_id = ? AND field = ? GROUP BY value"
        ), [*matching[1], *names]
    if query.where:
        among = f"+key IN ({matching[0]})"
    else:
        among, matching = "key NOT IN (SELECT key FROM documents WHERE expires_at <= ?)", ("", [now])
    held = f"SELECT count(*) FROM postings WHERE term = terms.id AND {among}"  # noqa: S608 - bound
    return (
        f"SELECT value, n FROM (SELECT value, ({held}) AS n FROM terms"  # noqa: S608 - bound
        " WHERE tenant_id = ? AND field = ?) WHERE n"
    ), [*matching[1], *names]


def _check(query: Query) -> None:
    if query.limit < 1:
        raise ValueError(f"a page has at least one document, not {query.limit}")


def _matching(query: Query, tenant_id: str, now: float, narrowed: Narrowing | None) -> tuple[str, list[Sql]]:
    """What to select from, and the conditions that leave the query's documents."""
    source, conditions = "documents", list[Sql]()
    if narrowed and narrowed.match is None:
        conditions.append(("FALSE", []))
    elif narrowed and narrowed.few:
        source = "tokens CROSS JOIN documents ON documents.key = tokens.rowid"
        conditions.append(("tokens MATCH ?", [narrowed.match]))
    elif narrowed:
        conditions.append(("+key IN (SELECT rowid FROM tokens WHERE tokens MATCH ?)", [narrowed.match]))
    # Written into the text, not bound: SQLite takes a partial index only if it can see the values.
    conditions += [
        (f"container = {_literal(query.container.name)} AND kind = {_literal(query.kind)}", []),
        ("tenant_id = ?", [tenant_id]),
        ("(expires_at IS NULL OR expires_at > ?)", [now]),
    ]
    if query.partition is not None:
        conditions.append(("partition = ?", [query.partition]))
    conditions += _spoken("documents.key", narrowed) if narrowed else []
    rest = narrowed.rest if narrowed else query.where
    return source, [*conditions, *(_condition(query.container, where) for where in rest)]


def _spoken(key: str, narrowed: Narrowing) -> list[Sql]:
    """That the words are in the text of the document with that key, and not only their grams."""
    text = f"SELECT text FROM intents WHERE intents.key = {key}"  # noqa: S608 - a column's name
    return [(f"instr(({text}), ?)", [word]) for word in narrowed.words]


def _picks(where: Where) -> bool:
    return where.op == "in" and where.path[0] in COLUMNS


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
            if column in {"partition", "id", *COLUMNS}:
                value, kind = column, f"typeof({column})"
        return cls(f"coalesce({value}, {MINUS_INFINITY})", kind, json_path)


def _condition(container: Container, where: Where) -> Sql:
    field, value = _Field.at(container, where.path), where.value
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
