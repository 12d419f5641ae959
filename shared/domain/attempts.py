"""Attempts: each one that was made at a step, at one of its items, or at undoing it, as its events tell."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from shared.domain.times import parse_rfc3339, rfc3339

type AttemptStatus = Literal["running", "waiting", "completed", "skipped", "failed", "cancelled"]

_BEGINS: Final = frozenset({"started", "compensating"})
_ENDS: Final[Mapping[str, AttemptStatus]] = {
    "retrying": "failed",
    "failed": "failed",
    "compensation_failed": "failed",
    "completed": "completed",
    "compensated": "completed",
    "skipped": "skipped",
}
"""What an attempt has come to, by the end of the type of the event that says so."""
_OPEN: Final[Mapping[str, AttemptStatus]] = {
    "running": "running",
    "waiting": "waiting",
    "cancelled": "cancelled",
}
"""What the last attempt is that no event has ended, by the status of its step."""
_BEGUN: Final[Mapping[str, Any]] = {"status": "running", "finished_at": None, "error": None}
"""Where an attempt stands of which the state is not told yet."""


@dataclass(frozen=True, slots=True)
class MadeAttempt:
    """One attempt. Times are RFC 3339 in UTC.

    Attributes:
        number: counted from 1.
        started_at: None: it came to its end before it began.
        finished_at: None: it has not.
        error: why it failed.
        next_at: when the next attempt was to begin behind it; None: none was.
    """

    number: int
    status: AttemptStatus
    started_at: str | None = None
    finished_at: str | None = None
    error: Mapping[str, Any] | None = None
    next_at: str | None = None


@dataclass(frozen=True, slots=True)
class StepDetail:
    """A step, or one item of it, with its attempts.

    Attributes:
        inputs: what its action was last given, with names for secrets; None: that is not known, or large.
        undoing: the attempts to undo it.
        waiting: as :class:`~shared.domain.executions.StepState` has it.
    """

    execution_id: str
    step: str
    item: int | None
    action: str
    status: str
    inputs: Mapping[str, Any] | None
    attempts: Sequence[MadeAttempt] = ()
    undoing: Sequence[MadeAttempt] = ()
    waiting: Sequence[Mapping[str, Any]] = ()
    outputs: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    kept_from: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def attempts_of(events: Sequence[Mapping[str, Any]], state: Mapping[str, Any]) -> list[MadeAttempt]:
    """Every attempt that these events tell of; ``state`` is where the last one stands."""
    told: dict[int, dict[str, Any]] = {}
    for event in events:
        what, data = event["type"].partition("_")[2], event["data"]
        number = data.get("attempt")
        if not number or what not in _BEGINS | _ENDS.keys():
            continue
        attempt = told.setdefault(number, {})
        if what in _BEGINS:
            attempt["started_at"] = event["time"]
            continue
        attempt |= {"status": _ENDS[what], "finished_at": event["time"], "error": data.get("error")}
        if what == "retrying":
            attempt["next_at"] = rfc3339(parse_rfc3339(event["time"]) + timedelta(seconds=data["delay"]))
    for number, attempt in told.items():
        if "status" not in attempt:
            last = state if number == state["attempts"] else _BEGUN
            attempt["status"] = _OPEN.get(last["status"], "running")
            attempt |= {"finished_at": last["finished_at"], "error": last["error"]}
    return [MadeAttempt(number, **told[number]) for number in sorted(told)]
