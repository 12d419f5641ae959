"""The transactions of the engine: what a turn, an entity batch and a lock grant write.

Every function runs on the writer's thread inside one transaction. Those that post messages return the ones
that were accepted, for delivery in memory once the transaction is durable.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable import history
from localhost.durable.errors import StaleTurnError
from localhost.durable.model import (
    COMPLETED,
    FAILED,
    PENDING,
    RUNNING,
    TERMINAL,
    Activity,
    LockRequest,
    Message,
    NewInstance,
    Parent,
    is_entity,
)
from localhost.durable.turns import Turn, open_children


def insert_messages(connection: sqlite3.Connection, messages: Iterable[Message]) -> None:
    connection.executemany(
        "INSERT INTO messages (id, target, execution_id, visible_at, chunk) VALUES (?, ?, ?, ?, ?)",
        [(m.id, m.target, m.execution_id, m.visible_at, m.chunk()) for m in messages],
    )


def post(connection: sqlite3.Connection, messages: Iterable[Message]) -> list[Message]:
    """Store messages for whom they can still reach: not finished, and of that generation."""
    accepted = [m for m in messages if is_entity(m.target) or _reaches(connection, m)]
    insert_messages(connection, accepted)
    return accepted


def _reaches(connection: sqlite3.Connection, message: Message) -> bool:
    row = connection.execute(
        "SELECT execution_id, status FROM instances WHERE id = ?", (message.target,)
    ).fetchone()
    if row is None or row["status"] in TERMINAL:
        return False
    return message.execution_id is None or message.execution_id == row["execution_id"]


def delete_consumed(connection: sqlite3.Connection, messages: Iterable[Message]) -> None:
    rows = [(m.id,) for m in messages if m.id]
    results = [(m.activity_id,) for m in messages if m.activity_id]
    if rows:
        connection.executemany("DELETE FROM messages WHERE id = ?", rows)
    if results:
        connection.executemany("DELETE FROM activities WHERE id = ?", results)


def insert_activities(connection: sqlite3.Connection, activities: Iterable[Activity]) -> None:
    connection.executemany(
        "INSERT INTO activities (id, instance_id, execution_id, request) VALUES (?, ?, ?, ?)",
        [(a.id, a.instance_id, a.execution_id, a.request.SerializeToString()) for a in activities],
    )


def erase(connection: sqlite3.Connection, instance_id: str) -> None:
    """Remove every trace of an instance."""
    for statement in (
        "DELETE FROM instances WHERE id = ?",
        "DELETE FROM inputs WHERE instance_id = ?",
        "DELETE FROM history WHERE instance_id = ?",
        "DELETE FROM messages WHERE target = ?",
        "DELETE FROM activities WHERE instance_id = ?",
        "DELETE FROM locks WHERE instance_id = ?",
        "DELETE FROM lock_requests WHERE instance_id = ?",
    ):
        connection.execute(statement, (instance_id,))


def create(connection: sqlite3.Connection, new: NewInstance, at: int) -> Message:
    """Insert an instance whose id is free, with its start message."""
    parent = new.parent
    connection.execute(
        "INSERT INTO instances (id, execution_id, name, version, status, tags, parent_id,"
        " parent_execution_id, parent_task_id, created_at, updated_at, scheduled_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.id,
            new.execution_id,
            new.name,
            new.version,
            PENDING,
            json.dumps(new.tags) if new.tags else None,
            parent.instance_id if parent else None,
            parent.execution_id if parent else None,
            parent.task_id if parent else None,
            at,
            at,
            new.scheduled_at,
        ),
    )
    _set_input(connection, new.id, new.input)
    insert_messages(connection, [new.start])
    return new.start


def _set_input(connection: sqlite3.Connection, instance_id: str, value: str | None) -> None:
    if value is None:
        connection.execute("DELETE FROM inputs WHERE instance_id = ?", (instance_id,))
    else:
        connection.execute("INSERT OR REPLACE INTO inputs VALUES (?, ?)", (instance_id, value))


def create_or_reuse(connection: sqlite3.Connection, new: NewInstance, at: int) -> Message | None:
    """Create an instance, in place of a finished one of that id if need be; None if one is still going."""
    row = connection.execute("SELECT status FROM instances WHERE id = ?", (new.id,)).fetchone()
    if row is not None:
        if row["status"] not in TERMINAL:
            return None
        erase(connection, new.id)
    return create(connection, new, at)


def commit_turn(connection: sqlite3.Connection, turn: Turn, next_id: Callable[[], int]) -> list[Message]:
    """Store a turn.

    Raises:
        StaleTurnError: the instance is no longer as the turn found it; nothing is stored.
    """
    snapshot = turn.snapshot
    changed = connection.execute(
        "UPDATE instances SET turn = turn + 1, status = ?, custom_status = ?, trace = ?, updated_at = ?"
        " WHERE id = ? AND execution_id = ? AND turn = ?",
        (
            turn.status,
            turn.custom_status,
            turn.trace,
            turn.at,
            snapshot.instance_id,
            turn.execution_id,
            snapshot.turn,
        ),
    ).rowcount
    if not changed:
        raise StaleTurnError(snapshot.instance_id)
    delete_consumed(connection, turn.consumed)
    delivered: list[Message] = []
    if turn.continued is not None:
        delivered.append(_continue(connection, turn, turn.continued))
    else:
        _append(connection, turn)
    if turn.activities:
        insert_activities(connection, turn.activities)
    delivered.extend(_create_child(connection, turn, child) for child in turn.children)
    if turn.rewound:
        delivered.extend(_rewind_children(connection, turn, next_id))
    if turn.terminal:
        delivered.extend(_finish(connection, turn, next_id))
    if turn.messages:
        delivered.extend(_post_all(connection, turn))
    if turn.lock_requests or turn.unlocks or turn.releases:
        _store_locks(connection, turn)
    return delivered


def _append(connection: sqlite3.Connection, turn: Turn) -> None:
    snapshot = turn.snapshot
    if turn.rewound:
        connection.execute("DELETE FROM history WHERE instance_id = ?", (snapshot.instance_id,))
        connection.execute(
            "UPDATE instances SET execution_id = ? WHERE id = ?",
            (turn.next_execution_id, snapshot.instance_id),
        )
    connection.execute(
        "INSERT INTO history (instance_id, turn, chunk) VALUES (?, ?, ?)",
        (snapshot.instance_id, snapshot.turn, pb.HistoryChunk(events=turn.history).SerializeToString()),
    )


def _continue(connection: sqlite3.Connection, turn: Turn, new: NewInstance) -> Message:
    connection.execute("DELETE FROM history WHERE instance_id = ?", (new.id,))
    connection.execute(
        "DELETE FROM messages WHERE target = ? AND execution_id = ?", (new.id, turn.execution_id)
    )
    connection.execute(
        "UPDATE instances SET execution_id = ?, version = ?, tags = ?, scheduled_at = NULL WHERE id = ?",
        (new.execution_id, new.version, json.dumps(new.tags) if new.tags else None, new.id),
    )
    _set_input(connection, new.id, new.input)
    insert_messages(connection, [new.start])
    return new.start


def _create_child(connection: sqlite3.Connection, turn: Turn, child: NewInstance) -> Message:
    """The child's start, or its failure for the parent if the id is taken by one that is still going."""
    started = create_or_reuse(connection, child, turn.at)
    if started is not None or child.parent is None:
        return started or child.start
    failure = history.child_failure(
        "OrchestrationAlreadyExists", f"Orchestration instance '{child.id}' already exists"
    )
    failed = history.child_result(turn.at, child.parent.task_id, child.id, FAILED, None, failure)
    message = Message(child.start.id, child.parent.instance_id, child.parent.execution_id, (failed,))
    insert_messages(connection, [message])
    return message


def _finish(connection: sqlite3.Connection, turn: Turn, next_id: Callable[[], int]) -> list[Message]:
    instance_id = turn.snapshot.instance_id
    connection.execute(
        "UPDATE instances SET output = ?, failure = ?, completed_at = ? WHERE id = ?",
        (
            turn.output,
            None if turn.failure is None else turn.failure.SerializeToString(),
            turn.at,
            instance_id,
        ),
    )
    # Whatever else was on its way comes too late.
    connection.execute("DELETE FROM messages WHERE target = ?", (instance_id,))
    if not turn.recurse:
        return []
    children = connection.execute("SELECT id FROM instances WHERE parent_id = ?", (instance_id,)).fetchall()
    end = history.terminated(turn.at, turn.output, recurse=True)
    return post(connection, [Message(next_id(), row["id"], None, (end,)) for row in children])


def _post_all(connection: sqlite3.Connection, turn: Turn) -> list[Message]:
    """Post what the turn sends. What it sends itself is for the generation that goes on, if one does."""
    instance_id = turn.snapshot.instance_id
    own = [m for m in turn.messages if m.target == instance_id]
    others = [m for m in turn.messages if m.target != instance_id]
    if turn.terminal:
        own = []
    elif turn.continued is not None:
        own = [m for m in own if m.execution_id is None]
    insert_messages(connection, own)
    return own + post(connection, others)


def _store_locks(connection: sqlite3.Connection, turn: Turn) -> None:
    connection.executemany("DELETE FROM locks WHERE entity_id = ? AND critical_section = ?", turn.unlocks)
    if turn.releases:
        instance_id = turn.snapshot.instance_id
        connection.execute("DELETE FROM locks WHERE instance_id = ?", (instance_id,))
        connection.execute("DELETE FROM lock_requests WHERE instance_id = ?", (instance_id,))
        return
    connection.executemany(
        "INSERT INTO lock_requests VALUES (?, ?, ?, ?, ?)",
        [
            (r.id, r.critical_section, r.instance_id, r.execution_id, json.dumps(r.lock_set))
            for r in turn.lock_requests
        ],
    )


def rewind(
    connection: sqlite3.Connection,
    instance_id: str,
    message: Message,
    at: int,
    parent_execution_id: str | None = None,
) -> Message:
    """Set a failed instance going again; its next turn gets the rewind and nothing else."""
    connection.execute(
        "UPDATE instances SET status = ?, turn = turn + 1, output = NULL, failure = NULL,"
        " completed_at = NULL, updated_at = ?, parent_execution_id = coalesce(?, parent_execution_id)"
        " WHERE id = ?",
        (RUNNING, at, parent_execution_id, instance_id),
    )
    insert_messages(connection, [message])
    return message


def _rewind_children(connection: sqlite3.Connection, turn: Turn, next_id: Callable[[], int]) -> list[Message]:
    """Set the children going that the rewritten history waits for."""
    delivered: list[Message] = []
    reason = next(
        (e.executionRewound.reason.value for e in reversed(turn.history) if e.HasField("executionRewound")),
        None,
    )
    for created in open_children(turn.history):
        delivered.extend(_rewind_child(connection, turn, created, reason, next_id))
    return delivered


def _rewind_child(
    connection: sqlite3.Connection,
    turn: Turn,
    created: pb.HistoryEvent,
    reason: str | None,
    next_id: Callable[[], int],
) -> list[Message]:
    """A failed child is rewound; one that is gone, or was terminated, starts afresh; a result is repeated."""
    asked = created.subOrchestrationInstanceCreated
    execution_id = turn.next_execution_id
    parent = Parent(turn.snapshot.instance_id, execution_id, created.eventId)
    row = connection.execute(
        "SELECT status, output, failure, execution_id FROM instances WHERE id = ?", (asked.instanceId,)
    ).fetchone()
    status = None if row is None else row["status"]
    if status is None or (status in TERMINAL and status not in (COMPLETED, FAILED)):
        fresh = history.new_instance(
            message_id=next_id(),
            instance_id=asked.instanceId,
            name=asked.name,
            at=turn.at,
            input=history.maybe(asked, "input"),
            version=history.maybe(asked, "version"),
            tags=dict(asked.tags),
            parent=parent,
            parent_name=turn.snapshot.name,
        )
        started = create_or_reuse(connection, fresh, turn.at)
        return [] if started is None else [started]
    if status == FAILED:
        again = history.rewound(turn.at, reason, execution_id)
        message = Message(next_id(), asked.instanceId, row["execution_id"], (again,))
        return [rewind(connection, asked.instanceId, message, turn.at, execution_id)]
    if status == COMPLETED:
        result = history.child_result(turn.at, created.eventId, asked.instanceId, status, row["output"], None)
        message = Message(next_id(), turn.snapshot.instance_id, execution_id, (result,))
        insert_messages(connection, [message])
        return [message]
    connection.execute(
        "UPDATE instances SET parent_execution_id = ?, turn = turn + 1 WHERE id = ?",
        (execution_id, asked.instanceId),
    )
    return []


@dataclass(slots=True)
class Batch:
    """Everything a batch of operations on one entity changes."""

    entity_id: str
    at: int
    consumed: Sequence[Message]
    state: str | None
    messages: list[Message] = field(default_factory=list)
    instances: list[NewInstance] = field(default_factory=list)


def commit_batch(connection: sqlite3.Connection, batch: Batch) -> list[Message]:
    connection.execute(
        "INSERT OR REPLACE INTO entities (id, state, updated_at) VALUES (?, ?, ?)",
        (batch.entity_id, batch.state, batch.at),
    )
    delete_consumed(connection, batch.consumed)
    delivered = post(connection, batch.messages)
    for new in batch.instances:
        started = create_or_reuse(connection, new, batch.at)
        if started is not None:
            delivered.append(started)
    return delivered


def grant(connection: sqlite3.Connection, request: LockRequest, granted: Message, at: int) -> list[Message]:
    """Give a request its whole set, if who asked is still there; the request is done with either way."""
    connection.execute("DELETE FROM lock_requests WHERE id = ?", (request.id,))
    delivered = post(connection, [granted])
    if delivered:
        connection.executemany(
            "INSERT OR REPLACE INTO locks VALUES (?, ?, ?)",
            [(entity, request.critical_section, request.instance_id) for entity in request.lock_set],
        )
        connection.executemany(
            "INSERT OR IGNORE INTO entities (id, state, updated_at) VALUES (?, NULL, ?)",
            [(entity, at) for entity in request.lock_set],
        )
    return delivered


def record_results(connection: sqlite3.Connection, messages: Sequence[Message]) -> None:
    """Keep activity results that no turn has consumed, so that a new process need not run them again."""
    for message in messages:
        # A turn that was cut off while it was being committed may have consumed the result after all.
        if connection.execute("DELETE FROM activities WHERE id = ?", (message.activity_id,)).rowcount:
            post(connection, [message])
