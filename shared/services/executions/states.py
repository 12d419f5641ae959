"""What is stored of executions and their steps, as the domain knows them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from shared.domain.children import Lineage
from shared.domain.executions import (
    EXECUTION_STATUSES,
    QUEUED,
    TERMINAL_STATUSES,
    Execution,
    ExecutionFilter,
    ExecutionStatus,
    Progress,
    StepState,
    StepStatus,
)
from shared.domain.intents import Reference
from shared.domain.steps import RUN_INTENT
from shared.domain.waiting import Waiting
from shared.ports.documents import Where

_UNSHOWN: Final = frozenset({"token", "waiting"})


def shown_status(stored: str) -> ExecutionStatus:
    """The status of an execution, of that in its head."""
    return cast("ExecutionStatus", "pending" if stored == QUEUED else stored)


def execution_of(head: Mapping[str, Any], steps: Sequence[StepState] = ()) -> Execution:
    """The execution with this head."""
    counts = head["progress"]
    return Execution(
        execution_id=head["execution_id"],
        intent_id=head["intent_id"],
        tenant_id=head["tenant_id"],
        status="waiting" if _waits(head) else shown_status(head["status"]),
        parameters=head["parameters"],
        plan_hash=head["plan_hash"],
        progress=Progress(counts["total"], counts["completed"], counts["failed"], counts["skipped"]),
        created_at=head["created_at"],
        created_by=head["created_by"],
        schedule=head.get("schedule"),
        parent=_parent(head),
        started_at=head["started_at"],
        finished_at=head["finished_at"],
        error=head["error"],
        steps=steps,
        dry_run=head.get("dry_run", False),
        undecided=head.get("undecided"),
        retry_of=head.get("retry_of"),
        retried_by=head.get("retried_by"),
        waiting=_pause(head),
    )


def _parent(head: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Whose child it is, as it is shown."""
    if head.get("parent") is None:
        return None
    return Lineage.from_json(head).shown()


def step_state_of(
    id: str, action: str, stored: Mapping[str, Any] | None, *, execution: str = "running"
) -> StepState:
    """How a step stands, of its document; without one it has not begun.

    Then it is cancelled if the ``execution`` of that status was, while it waited for its turn.
    """
    if stored is None:
        return StepState(id, action, "cancelled" if execution == "cancelled" else "pending")
    return StepState(
        id=id,
        action=action,
        status=cast("StepStatus", stored["status"]),
        attempts=stored["attempts"],
        started_at=stored["started_at"],
        finished_at=stored["finished_at"],
        outputs=stored["outputs"],
        error=stored["error"],
        compensation=_compensation(stored.get("compensation")),
        waiting=waits_of(id, stored),
        child=_child(stored) if action == RUN_INTENT else None,
        would=stored.get("would"),
        unknown=stored.get("unknown", ()),
        kept_from=stored.get("kept_from"),
    )


def _waits(head: Mapping[str, Any]) -> bool:
    waits: bool = head["status"] == "running" and head.get("load", 0) < 0
    return waits


def conditions_of(matching: ExecutionFilter) -> list[Where]:
    """What holds for the heads of the executions that match."""
    return [
        *of_intent(matching.intent),
        *_status(matching.status),
        *_ended(matching),
        *([Where(("parent", "execution_id"), "=", matching.parent)] if matching.parent else []),
        *([Where(("dry_run",), "=", matching.dry_run)] if matching.dry_run is not None else []),
        *([Where(("created_at",), ">=", matching.since)] if matching.since else []),
        *([Where(("created_at",), "<", matching.until)] if matching.until else []),
    ]


def of_intent(intent: str | None) -> list[Where]:
    """That they are of the intent (a name: of any version; an id: of that one)."""
    if intent is None:
        return []
    reference = Reference.parse(intent)
    versioned = reference is not None and reference.version is not None
    return [Where(("intent_id",) if versioned else ("intent",), "=", intent)]


def _status(status: str | None) -> list[Where]:
    """That they have this status, as :func:`execution_of` has it."""
    match status:
        case None:
            return []
        case "waiting":
            return [Where(("status",), "=", "running"), Where(("load",), "<", 0)]
        case "running":
            return [Where(("status",), "=", "running"), Where(("load",), ">=", 0)]
        case "pending":
            return [Where(("status",), "in", ["pending", QUEUED])]
        case _:
            return [Where(("status",), "=", status)]


def _ended(matching: ExecutionFilter) -> list[Where]:
    if matching.ended is None:
        return []
    stored = (*EXECUTION_STATUSES, QUEUED)
    statuses = [one for one in stored if (one in TERMINAL_STATUSES) is matching.ended]
    return [Where(("status",), "in", statuses)]


def _pause(head: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """That it is paused, as what all of it waits for."""
    if head["status"] != "paused":
        return []
    paused = head["paused"]
    told = {"by": paused["by"], **({"reason": paused["reason"]} if paused["reason"] else {})}
    return [{"step": None, **Waiting("pause", facts=told).since(paused["at"])}]


def waits_of(step: str, stored: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a step or one of its items waits for, of its document; or what undoing the step does."""
    states = [stored, stored.get("compensation") or {}]
    place = {"step": step} | ({"item": stored["item"]} if "item" in stored else {})
    return [{"for": waits["for"], **place, **waits} for state in states if (waits := state.get("waiting"))]


def _child(stored: Mapping[str, Any]) -> str | None:
    """The child of a step: it is waited for by its id, and told of when it has ended."""
    child = (stored["outputs"] or {}).get("execution_id")
    child = child or ((stored["error"] or {}).get("child") or {}).get("execution_id") or stored["token"]
    return child if isinstance(child, str) else None


def _compensation(stored: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return {key: value for key, value in stored.items() if key not in _UNSHOWN} if stored else None
