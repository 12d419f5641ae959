"""What clients ask about instances and entities: single states, pages, histories.

A page ends with a cursor, the sort key of its last row; it stays right while instances come and go.
"""

import base64
import binascii
import json
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable.errors import InvalidCursorError
from localhost.durable.model import TERMINAL, EntityStatus, InstanceStatus, micros, moment

MOST_PER_PAGE = 1000
_INSTANCE = "SELECT i.*, n.input FROM instances i LEFT JOIN inputs n ON n.instance_id = i.id"


@dataclass(frozen=True, slots=True)
class InstanceFilter:
    """Which instances; times are compared with creation, ``from`` included, ``to`` excluded."""

    statuses: Collection[int] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    id_prefix: str = ""


@dataclass(frozen=True, slots=True)
class EntityFilter:
    id_prefix: str = ""
    modified_from: datetime | None = None
    modified_to: datetime | None = None
    transient: bool = False
    """Also entities that have no state."""


class _Where:
    """Conditions joined by AND, with their parameters."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.parameters: list[Any] = []

    def add(self, condition: str, *parameters: Any) -> None:
        self._conditions.append(condition)
        self.parameters.extend(parameters)

    def time(self, condition: str, bound: datetime | None) -> None:
        if bound is not None:
            self.add(condition, micros(bound))

    def statuses(self, statuses: Collection[int]) -> None:
        if statuses:
            self.add(f"status IN ({', '.join('?' * len(statuses))})", *statuses)

    def prefix(self, prefix: str) -> None:
        if prefix:
            self.add("substr(id, 1, ?) = ?", len(prefix), prefix)

    def __str__(self) -> str:
        return " WHERE " + " AND ".join(self._conditions) if self._conditions else ""


def encode_cursor(*key: int | str) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def decode_cursor(cursor: str, *types: type) -> list[Any]:
    """The key in ``cursor``.

    Raises:
        InvalidCursorError: it is not one that was given out for this kind of page.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (binascii.Error, ValueError):
        raise InvalidCursorError from None
    if not isinstance(key, list) or [type(part) for part in key] != list(types):
        raise InvalidCursorError
    return key


def status(connection: sqlite3.Connection, instance_id: str) -> InstanceStatus | None:
    row = connection.execute(f"{_INSTANCE} WHERE i.id = ?", (instance_id,)).fetchone()  # constant
    return None if row is None else _status(row)


def _status(row: sqlite3.Row) -> InstanceStatus:
    return InstanceStatus(
        instance_id=row["id"],
        execution_id=row["execution_id"],
        name=row["name"],
        version=row["version"],
        status=row["status"],
        created_at=moment(row["created_at"]),
        updated_at=moment(row["updated_at"]),
        completed_at=None if row["completed_at"] is None else moment(row["completed_at"]),
        scheduled_at=None if row["scheduled_at"] is None else moment(row["scheduled_at"]),
        input=row["input"],
        output=row["output"],
        custom_status=row["custom_status"],
        failure=None if row["failure"] is None else pb.TaskFailureDetails.FromString(row["failure"]),
        tags=json.loads(row["tags"]) if row["tags"] else {},
        parent_id=row["parent_id"],
    )


def _instances(chosen: InstanceFilter) -> _Where:
    where = _Where()
    where.statuses(chosen.statuses)
    where.time("created_at >= ?", chosen.created_from)
    where.time("created_at < ?", chosen.created_to)
    where.prefix(chosen.id_prefix)
    return where


def page(
    connection: sqlite3.Connection, chosen: InstanceFilter, size: int, cursor: str | None
) -> tuple[list[InstanceStatus], str | None]:
    """A page of instances, oldest first, and the cursor of the next one."""
    where = _instances(chosen)
    if cursor:
        where.add("(i.created_at, i.id) > (?, ?)", *decode_cursor(cursor, int, str))
    size = min(size, MOST_PER_PAGE) if size > 0 else MOST_PER_PAGE
    rows = connection.execute(
        f"{_INSTANCE}{where} ORDER BY i.created_at, i.id LIMIT ?",
        (*where.parameters, size + 1),  # ours
    ).fetchall()
    found = [_status(row) for row in rows[:size]]
    more = len(rows) > size
    return found, encode_cursor(rows[size - 1]["created_at"], rows[size - 1]["id"]) if more else None


def finished(connection: sqlite3.Connection, chosen: InstanceFilter, limit: int) -> list[str]:
    """Ids of finished instances, for purging."""
    where = _instances(chosen)
    where.add(f"status IN ({', '.join(str(int(one)) for one in TERMINAL)})")
    rows = connection.execute(f"SELECT id FROM instances{where} LIMIT ?", (*where.parameters, limit))  # noqa: S608 # ours
    return [row["id"] for row in rows]


def completed_ids(
    connection: sqlite3.Connection,
    statuses: Collection[int],
    since: datetime | None,
    until: datetime | None,
    size: int,
    cursor: str | None,
) -> tuple[list[str], str | None]:
    """Ids of finished instances by time of completion, and the cursor of the next page."""
    where = _Where()
    where.add("completed_at IS NOT NULL")
    where.statuses(statuses)
    where.time("completed_at >= ?", since)
    where.time("completed_at < ?", until)
    if cursor:
        at, separator, instance_id = cursor.partition("|")
        if not separator or not at.isdecimal():
            raise InvalidCursorError
        where.add("(completed_at, id) > (?, ?)", int(at), instance_id)
    size = min(size, MOST_PER_PAGE) if size > 0 else 100
    rows = connection.execute(
        f"SELECT id, completed_at FROM instances{where} ORDER BY completed_at, id LIMIT ?",  # noqa: S608 # ours
        (*where.parameters, size + 1),
    ).fetchall()
    more = len(rows) > size
    # The protocol calls this cursor the last key, and shows the id in it.
    last = f"{rows[size - 1]['completed_at']}|{rows[size - 1]['id']}" if more else None
    return [row["id"] for row in rows[:size]], last


def history_chunks(connection: sqlite3.Connection, instance_id: str) -> Iterator[pb.HistoryChunk]:
    """The history, a chunk for each turn."""
    for row in connection.execute(
        "SELECT chunk FROM history WHERE instance_id = ? ORDER BY turn", (instance_id,)
    ):
        yield pb.HistoryChunk.FromString(row["chunk"])


_ENTITY = (
    "SELECT e.id, e.state, e.updated_at, (SELECT instance_id FROM locks WHERE entity_id = e.id) AS locked_by,"
    " (SELECT count(*) FROM messages WHERE target = e.id) AS backlog FROM entities e"
)


def entity(connection: sqlite3.Connection, entity_id: str) -> EntityStatus | None:
    """An entity that has a state."""
    row = connection.execute(
        f"{_ENTITY} WHERE e.id = ? AND e.state IS NOT NULL",
        (entity_id,),  # constant
    ).fetchone()
    return None if row is None else _entity(row)


def _entity(row: sqlite3.Row) -> EntityStatus:
    return EntityStatus(row["id"], row["state"], moment(row["updated_at"]), row["backlog"], row["locked_by"])


def entities(
    connection: sqlite3.Connection, chosen: EntityFilter, size: int, cursor: str | None
) -> tuple[list[EntityStatus], str | None]:
    """A page of entities by id, and the cursor of the next one."""
    where = _Where()
    where.prefix(chosen.id_prefix)
    where.time("updated_at >= ?", chosen.modified_from)
    where.time("updated_at < ?", chosen.modified_to)
    if not chosen.transient:
        where.add("state IS NOT NULL")
    if cursor:
        where.add("id > ?", *decode_cursor(cursor, str))
    size = min(size, MOST_PER_PAGE) if size > 0 else MOST_PER_PAGE
    rows = connection.execute(
        f"{_ENTITY}{where} ORDER BY id LIMIT ?", (*where.parameters, size + 1)
    ).fetchall()  # ours
    found = [_entity(row) for row in rows[:size]]
    return found, encode_cursor(rows[size - 1]["id"]) if len(rows) > size else None


def clean_entities(connection: sqlite3.Connection, *, empty: bool, orphaned: bool) -> tuple[int, list[str]]:
    """Remove entities without a state, and locks whose holder is gone; how many, and which were unlocked."""
    removed = 0
    unlocked: list[str] = []
    if orphaned:
        terminal = ", ".join(str(int(one)) for one in TERMINAL)
        rows = connection.execute(
            "SELECT entity_id FROM locks WHERE instance_id NOT IN"  # noqa: S608 # constants
            f" (SELECT id FROM instances WHERE status NOT IN ({terminal}))"
        ).fetchall()
        unlocked = [row["entity_id"] for row in rows]
        connection.executemany("DELETE FROM locks WHERE entity_id = ?", [(one,) for one in unlocked])
    if empty:
        removed = connection.execute(
            "DELETE FROM entities WHERE state IS NULL AND id NOT IN (SELECT target FROM messages)"
            " AND id NOT IN (SELECT entity_id FROM locks)"
        ).rowcount
    return removed, unlocked
