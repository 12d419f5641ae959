"""From a query of the documents port to Cosmos DB's SQL, and the position that continues it.

A list is read in segments. In the service, a document without a field is in no index that an order could
use, null and missing stand apart, and the documentation leaves open how they sort. So documents that lack an
order's field and those that have it are asked for apart, one behind the other, and in every statement all
fields that it sorts by are there.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, Self

from shared.adapters.cosmos.bodies import escaped_id, escaped_name, reference, unescaped
from shared.adapters.cosmos.containers import TENANT_FIELD
from shared.domain.errors import BadCursorError
from shared.ports.documents import Container, Json, Path, Query, Where

type Key = tuple[Path, str]
"""A field to sort by and its direction."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: in which segment, and the values there of its keys."""

    segment: int
    values: Sequence[str | float]

    def encode(self) -> str:
        return json.dumps([self.segment, *self.values])

    @classmethod
    def decode(cls, text: str) -> Self:
        segment, *values = json.loads(text)
        return cls(segment, values)


@dataclass(frozen=True, slots=True)
class Segment:
    """Documents that lack the same fields of the order; ``keys`` are what the rest is sorted by."""

    number: int
    absent: Sequence[Path]
    present: Sequence[Path]
    keys: Sequence[Key]

    def sorted(self, rows: Sequence[dict[str, Json]]) -> list[dict[str, Json]]:
        """Rows of several physical partitions, each in order, as one."""
        merged = list(rows)
        for path, way in reversed(self.keys):
            merged.sort(key=partial(_sort_value, path), reverse=way == "desc")
        return merged

    def position(self, row: dict[str, Json]) -> Position:
        return Position(self.number, [_value(row, path) for path, _ in self.keys])


class Statement:
    """The SQL of one segment and its parameters."""

    def __init__(self) -> None:
        self.parameters: list[dict[str, Json]] = []
        self._conditions: list[str] = []

    def bind(self, value: Json) -> str:
        name = f"@p{len(self.parameters)}"
        self.parameters.append({"name": name, "value": value})
        return name

    def require(self, condition: str) -> None:
        self._conditions.append(f"({condition})")

    def text(self, keys: Sequence[Key], limit: int) -> str:
        order = ", ".join(f"{reference(path)} {way.upper()}" for path, way in keys)
        return f"SELECT TOP {limit} * FROM c WHERE {' AND '.join(self._conditions)} ORDER BY {order}"  # noqa: S608 - bound

    def tally(self, by: Path, *, each: bool) -> str:
        """How many rows have each string at ``by``, or in the array there; a row is ``v`` and ``n``.

        An order cannot be asked for beside ``GROUP BY``.

        Raises:
            ValueError: a path that cannot be written in SQL.
        """
        field, joined = reference(by), ""
        if each:
            field, joined = "e", f" JOIN e IN {field}"
        self.require(f"IS_STRING({field})")
        return (
            f"SELECT {field} AS v, COUNT(1) AS n FROM c{joined}"  # noqa: S608 - bound
            f" WHERE {' AND '.join(self._conditions)} GROUP BY {field}"
        )


def segments(query: Query) -> list[Segment]:
    """The segments of a query, in the order in which they follow each other."""
    always = {("id",), ("kind",), (TENANT_FIELD,), (query.container.partition_field,)}
    implied = {where.path for where in query.where if _needs_value(where)}
    order = list({path: (path, way) for path, way in reversed(query.order)}.values())[::-1]
    ties = query.order[-1][1] if query.order else "asc"
    choices = [
        [False] if path in always | implied else [True, False] if way == "asc" else [False, True]
        for path, way in order
    ]
    found: list[Segment] = []
    for lacks in product(*choices):
        keys: list[Key] = [key for key, lacking in zip(order, lacks, strict=True) if not lacking]
        named = {path for path, _ in keys}
        last: list[Path] = [(query.container.partition_field,), ("id",)]
        keys += [(path, ties) for path in last if path not in named]
        absent = [path for (path, _), lacking in zip(order, lacks, strict=True) if lacking]
        present = [path for path in named if path not in always | implied]
        found.append(Segment(len(found), absent, present, keys))
    return found


def statement(query: Query, segment: Segment, *, tenant_id: str, after: Position | None) -> Statement:
    """The conditions of one segment; ``after`` is a position in it.

    Raises:
        ValueError: a path that cannot be written in SQL, or a value that cannot be compared.
    """
    made = conditions(query, tenant_id=tenant_id)
    for path in segment.absent:
        made.require(f"NOT IS_DEFINED({reference(path)}) OR IS_NULL({reference(path)})")
    for path in segment.present:
        made.require(f"IS_DEFINED({reference(path)}) AND NOT IS_NULL({reference(path)})")
    if after is not None:
        if len(after.values) != len(segment.keys):
            raise BadCursorError
        made.require(_behind(made, segment.keys, after.values))
    return made


def conditions(query: Query, *, tenant_id: str) -> Statement:
    """What every document of the query satisfies.

    Raises:
        ValueError: a path that cannot be written in SQL, or a value that cannot be compared.
    """
    made = Statement()
    # The tenant is the partition key's prefix already; it is said again where every row is looked at.
    made.require(f"{reference((TENANT_FIELD,))} = {made.bind(tenant_id)}")
    if query.kind is not None:
        made.require(f"{reference(('kind',))} = {made.bind(query.kind)}")
    if query.partition is not None:
        made.require(f"{reference((query.container.partition_field,))} = {made.bind(query.partition)}")
    for where in query.where:
        made.require(_condition(made, where))
    return made


def context(query: Query, tenant_id: str) -> list[str]:
    """What a position of this query is bound to."""
    where = [(tuple(one.path), one.op, _plain(one.value)) for one in query.where]
    order = [(tuple(path), way) for path, way in query.order]
    shape = [query.container.name, tenant_id, query.kind, query.partition, where, order]
    # Its text, not its JSON: conditions hold integers that JSON numbers cannot.
    return [repr(shape)]


def check(query: Query) -> None:
    """Whether it can be asked at all, apart from its conditions.

    Raises:
        ValueError: a limit below 1.
    """
    if query.limit < 1:
        raise ValueError(f"a page has at least one document, not {query.limit}")


def _plain(value: Json) -> Json:
    listed = isinstance(value, Sequence | set | frozenset) and not isinstance(value, str)
    return list(value) if listed else value


def _needs_value(where: Where) -> bool:
    """Whether no document without the field, or with null there, satisfies it."""
    match where.op:
        case "=":
            return where.value is not None
        case "in":
            return None not in where.value
        case "!=":
            return False
    return True


def _behind(made: Statement, keys: Sequence[Key], values: Sequence[str | float]) -> str:
    """Rows after a position: the first keys are equal and the next one is further on."""
    choices: list[str] = []
    names = [made.bind(value) for value in values]
    for depth, ((path, way), name, value) in enumerate(zip(keys, names, values, strict=True)):
        equal = [f"{reference(key)} = {names[place]}" for place, (key, _) in enumerate(keys[:depth])]
        choices.append(" AND ".join([*equal, f"({_beyond(reference(path), way, name, value)})"]))
    return " OR ".join(f"({choice})" for choice in choices)


def _beyond(field: str, way: str, name: str, value: str | float) -> str:
    """Numbers stand before strings, and a range is of one type only."""
    if way == "asc":
        return f"{field} > {name}" if isinstance(value, str) else f"{field} > {name} OR IS_STRING({field})"
    return f"{field} < {name} OR IS_NUMBER({field})" if isinstance(value, str) else f"{field} < {name}"


def _condition(made: Statement, where: Where) -> str:
    if where.path == ("id",):
        where = _stored_ids(where)
    field, value = reference(where.path), where.value
    match where.op:
        case "=":
            return f"{field} = {made.bind(_comparable(value))}"
        case "!=":
            # Undefined where the field is missing or of another type: that is not equal, either.
            return f"NOT (({field} = {made.bind(_comparable(value))}) ?? false)"
        case "in":
            choices = [made.bind(_comparable(choice)) for choice in value]
            return f"{field} IN ({', '.join(choices)})" if choices else "false"
        case "contains":
            return f"ARRAY_CONTAINS({field}, {made.bind(_comparable(value))})"
        case "text":
            text = unescaped(field) if where.path == ("id",) else field
            return f"CONTAINS({text}, {made.bind(str(value))}, true)"
        case "<" | "<=" | ">" | ">=":
            return f"{field} {where.op} {made.bind(_ranged(where.op, value))}"


def _stored_ids(where: Where) -> Where:
    """The condition on the ids as they are stored; their order is the same."""
    if where.op == "text":
        return where
    if where.op == "in":
        return replace(where, value=[_stored_id(choice) for choice in where.value])
    return replace(where, value=_stored_id(where.value))


def _stored_id(value: Json) -> Json:
    return escaped_id(value) if isinstance(value, str) else value


def _ranged(op: str, value: Json) -> Json:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return value
    raise ValueError(f"{op} compares with strings and numbers, not {value!r}")


def _comparable(value: Json) -> Json:
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(f"fields are compared with strings, numbers, booleans and null, not {value!r}")


def _value(row: dict[str, Json], path: Path) -> Any:
    value: Json = row[escaped_name(path[0])]
    for name in path[1:]:
        value = value[name]
    return value


def _sort_value(path: Path, row: dict[str, Json]) -> tuple[bool, Any]:
    value = _value(row, path)
    return isinstance(value, str), value


def container_key(container: Container, tenant_id: str, partition: str | None) -> list[str]:
    """The partition key of a query: the whole of one, or the tenant's prefix.

    Raises:
        ValueError: an empty part: the SDK would ask for all tenants.
    """
    key = [tenant_id] if partition is None else [tenant_id, partition]
    if not all(key):
        raise ValueError(f"a query of {container.name} names a tenant, and a partition that is not empty")
    return key
