"""What clients do to instances, as transactions: start, message, purge, restart, rewind."""

import sqlite3
from collections.abc import Callable, Collection, Sequence

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable import history
from localhost.durable.commits import create, erase, insert_messages, rewind
from localhost.durable.errors import InstanceExistsError, InstanceNotFoundError, NotAllowedError
from localhost.durable.model import FAILED, TERMINAL, Message, NewInstance


def start(connection: sqlite3.Connection, new: NewInstance, replaceable: Collection[int], at: int) -> Message:
    """Create an instance, replacing one of that id whose status is in ``replaceable``.

    Raises:
        InstanceExistsError: there is one with another status.
    """
    row = connection.execute("SELECT status FROM instances WHERE id = ?", (new.id,)).fetchone()
    if row is not None:
        if row["status"] not in replaceable:
            raise InstanceExistsError(new.id)
        erase(connection, new.id)
    return create(connection, new, at)


def send(connection: sqlite3.Connection, message: Message, at: int) -> Message | None:
    """Put a message into an instance's inbox; None if it is finished, and then nothing happens.

    Raises:
        InstanceNotFoundError: there is no such instance.
    """
    if _status(connection, message.target) in TERMINAL:
        return None
    connection.execute("UPDATE instances SET updated_at = ? WHERE id = ?", (at, message.target))
    insert_messages(connection, [message])
    return message


def _status(connection: sqlite3.Connection, instance_id: str) -> int:
    row = connection.execute("SELECT status FROM instances WHERE id = ?", (instance_id,)).fetchone()
    if row is None:
        raise InstanceNotFoundError(instance_id)
    return int(row["status"])


def purge(connection: sqlite3.Connection, instance_ids: Sequence[str], *, recursive: bool) -> list[str]:
    """Erase those that are finished, with their finished descendants if asked; what was erased."""
    erased: list[str] = []
    waiting = list(instance_ids)
    while waiting:
        instance_id = waiting.pop()
        row = connection.execute("SELECT status FROM instances WHERE id = ?", (instance_id,)).fetchone()
        if row is None or row["status"] not in TERMINAL:
            continue
        if recursive:
            children = connection.execute("SELECT id FROM instances WHERE parent_id = ?", (instance_id,))
            waiting.extend(child["id"] for child in children)
        erase(connection, instance_id)
        erased.append(instance_id)
    return erased


def purge_entity(connection: sqlite3.Connection, entity_id: str) -> int:
    return connection.execute("DELETE FROM entities WHERE id = ?", (entity_id,)).rowcount


def restart(
    connection: sqlite3.Connection,
    instance_id: str,
    build: Callable[[pb.ExecutionStartedEvent], NewInstance],
    at: int,
) -> Message:
    """Run a finished instance again, under its id or another, with what it was started with.

    Raises:
        InstanceNotFoundError: there is no such instance.
        NotAllowedError: it is not finished.
    """
    if _status(connection, instance_id) not in TERMINAL:
        raise NotAllowedError(f"Orchestration instance '{instance_id}' is not in a terminal state")
    new = build(_started(connection, instance_id))
    if new.id == instance_id:
        erase(connection, instance_id)
    return create(connection, new, at)


def _started(connection: sqlite3.Connection, instance_id: str) -> pb.ExecutionStartedEvent:
    """What the instance was started with: of its history if there is one, else of its row."""
    first = connection.execute(
        "SELECT chunk FROM history WHERE instance_id = ? ORDER BY turn LIMIT 1", (instance_id,)
    ).fetchone()
    events = pb.HistoryChunk.FromString(first["chunk"]).events if first is not None else ()
    for one in events:
        if one.HasField("executionStarted"):
            return one.executionStarted
    row = connection.execute(
        "SELECT name, version, input FROM instances LEFT JOIN inputs ON instance_id = id WHERE id = ?",
        (instance_id,),
    ).fetchone()
    return pb.ExecutionStartedEvent(
        name=row["name"], version=history.text(row["version"]), input=history.text(row["input"])
    )


def rewind_failed(
    connection: sqlite3.Connection, instance_id: str, reason: str | None, message_id: int, at: int
) -> Message:
    """Set a failed instance going again from its failed steps.

    Raises:
        InstanceNotFoundError: there is no such instance.
        NotAllowedError: it is not failed.
    """
    if _status(connection, instance_id) != FAILED:
        raise NotAllowedError(f"Orchestration instance '{instance_id}' is not in a failed state")
    row = connection.execute("SELECT execution_id FROM instances WHERE id = ?", (instance_id,)).fetchone()
    again = history.rewound(at, reason)
    return rewind(
        connection, instance_id, Message(message_id, instance_id, row["execution_id"], (again,)), at
    )
