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
    query: Query, *, tenant_id: str, now: float, open_cursor: Callable[[bytes, str], bytes]
) -> Selection:
    """Build the statement for a page of ``query`` with one row more, which tells whether there is a next.

    Raises:
        BadCursorError: ``query.after`` is not a cursor of this query.
        ValueError: a limit below 1, or a path that cannot be written in SQL.
    """
    if query.limit < 1:
        raise ValueError(f"a page has at least one document, not {query.limit}")
    # Written into the text, not bound: SQLite takes a partial index only if it can see the values.
    conditions: list[Sql] = [
        (f"container = {_literal(query.container.name)} AND kind = {_literal(query.kind)}", []),
        ("tenant_id = ?", [tenant_id]),
        ("(expires_at IS NULL OR expires_at > ?)", [now]),
    ]
    if query.partition is not None:
        conditions.append(("partition = ?", [query.partition]))
    conditions += [_condition(query.container, where) for where in query.where]
    order: list[tuple[str, str]] = [
        (_Field.at(query.container, path).value, way) for path, way in query.order
    ]
    ties = query.order[-1][1] if query.order else "asc"
    order += [("id", ties)] if query.partition is not None else [("partition", ties), ("id", ties)]
    context = _context(query, tenant_id)
    # Without statistics SQLite would rather walk the whole tenant in the order asked for than sort the few
    # documents that an `in` picks out of an index: a plus keeps a term from choosing the index.
    unindexed = "+" if any(where.op == "in" and where.path[0] in COLUMNS for where in query.where) else ""
    order = [(unindexed + expression, way) for expression, way in order]
    if query.after is not None:
        conditions.append(_behind(order, _position(open_cursor(context, query.after), len(order))))
    sql = (
        f"SELECT seq, body, {', '.join(expression for expression, _ in order)} FROM documents"  # noqa: S608 - values are bound
        f" WHERE {' AND '.join(text for text, _ in conditions)}"
        f" ORDER BY {', '.join(f'{expression} {way}' for expression, way in order)} LIMIT ?"
    )
    parameters = [value for _, values in conditions for value in values]
    return Selection(sql, [*parameters, query.limit + 1], context)


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
