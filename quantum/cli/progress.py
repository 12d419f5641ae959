"""How an execution stands, made of its first state and of the events since: what a live view shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

STATUSES = {
    "started": "running",
    "completed": "completed",
    "skipped": "skipped",
    "retrying": "retrying",
    "failed": "failed",
    "kept": "completed",
    "compensating": "running",
    "compensated": "compensated",
    "compensation_failed": "failed",
    "requested": "waiting",
    "paused": "paused",
    "resumed": "running",
    "cancelled": "cancelled",
}
"""What an event makes of the step, item or execution that it is about, by the end of its type."""
SAID = 2
"""How much of what the items of a step wait for is said."""
GOING_ON = frozenset({"running", "retrying", "waiting"})
ENDED = frozenset({"completed", "failed", "cancelled"})


@dataclass(slots=True)
class ItemProgress:
    """One of the list that a step is run for."""

    status: str
    note: str = ""


@dataclass(slots=True)
class StepProgress:
    """One step.

    Attributes:
        command: what a person who may can type to have it go on.
        count: of a step that is run for a list, how many items that has.
        items: those that have begun, by their places.
        children: the executions that it waits for, by the item that has asked; None: the step itself.
    """

    id: str
    action: str
    status: str = "pending"
    attempt: int = 0
    began: datetime | None = None
    ended: datetime | None = None
    expected: float | None = None
    note: str = ""
    command: str = ""
    count: int | None = None
    items: dict[int, ItemProgress] = field(default_factory=dict)
    children: dict[int | None, "Progress"] = field(default_factory=dict)

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or has taken so far."""
        if self.began is None:
            return None
        return max(((self.ended or now) - self.began).total_seconds(), 0)

    def counted(self) -> str:
        """Of its items: how many of how many have ended, and how many of those badly."""
        if not self.items and self.count is None:
            return ""
        statuses = [item.status for item in self.items.values()]
        done, failed = sum(one not in GOING_ON for one in statuses), statuses.count("failed")
        whole = f"{done} of {self.count if self.count is not None else len(statuses)}"
        return f"{whole}, {failed} failed" if failed else whole


@dataclass(slots=True)
class Progress:
    """One execution. ``expected`` is when it will have ended, judged by those before it."""

    execution_id: str
    intent_id: str
    status: str
    steps: dict[str, StepProgress]
    percent: int = 0
    note: str = ""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    expected: datetime | None = None

    @classmethod
    def of(cls, execution: Mapping[str, Any]) -> "Progress":
        """The beginning: all steps, none of which has begun; the events tell the rest, from the first on."""
        steps = {
            step["id"]: StepProgress(step["id"], step["action"], expected=step.get("expected"))
            for step in execution["steps"]
        }
        made = cls(execution["execution_id"], execution["intent_id"], "pending", steps)
        made.began = at(execution["created_at"])
        made._expect(execution)
        return made

    def apply(self, event: Mapping[str, Any]) -> None:
        """What happened since."""
        self.percent = (event.get("progress") or {}).get("percent", self.percent)
        step = self.steps.get(event.get("step") or "")
        if step is None:
            if event["type"].startswith("execution_"):
                self._apply(event)
        elif event.get("item") is not None:
            self._apply_to_item(step, event)
        else:
            self._apply_to_step(step, event)

    def _apply(self, event: Mapping[str, Any]) -> None:
        self.status = _status(event) or self.status
        self.note = note(event)
        if self.status in ENDED:
            self.ended = at(event["time"])
            for step in self.steps.values():
                if step.status in GOING_ON:
                    step.status, step.ended = "cancelled", self.ended

    def _apply_to_step(self, step: StepProgress, event: Mapping[str, Any]) -> None:
        step.status = _status(event) or step.status
        step.attempt = event.get("attempt") or step.attempt
        step.count = event.get("items", step.count)
        step.note = note(event)
        step.command = self._command(step) if step.status == "waiting" else ""
        if event["type"] == "step_started" and step.began is None:
            step.began = at(event["time"])
        step.ended = None if step.status in GOING_ON else at(event["time"])

    def _apply_to_item(self, step: StepProgress, event: Mapping[str, Any]) -> None:
        step.items[event["item"]] = ItemProgress(_status(event) or "running", note(event))

    def _command(self, step: StepProgress) -> str:
        return f"quantum executions approve {self.execution_id} {step.id}"

    def look(self, execution: Mapping[str, Any]) -> None:
        """What no event tells: what is waited for, and when it will have ended."""
        for seen in execution["steps"]:
            step, waits = self.steps[seen["id"]], seen["waiting"]
            step.expected = seen.get("expected") or step.expected
            if step.status in GOING_ON and waits and not step.command:
                step.status = "waiting" if seen["status"] == "waiting" else step.status
                told = list(dict.fromkeys(map(waits_for, waits)))
                step.note = ", ".join(told[:SAID]) + (f" and {len(told) - SAID} more" if told[SAID:] else "")
        whole = [one for one in execution["waiting"] if one["step"] is None]
        if self.ended is None and whole:
            self.note = ", ".join(map(waits_for, whole))
        self._expect(execution)

    def _expect(self, execution: Mapping[str, Any]) -> None:
        expected = (execution.get("progress") or {}).get("expected_at")
        self.expected = at(expected) if expected else None


def children_of(execution: Mapping[str, Any]) -> dict[tuple[str, int | None], str]:
    """The executions that its steps wait for, by the step and the item that has asked."""
    found: dict[tuple[str, int | None], str] = {}
    for step in execution["steps"]:
        for one in step["waiting"]:
            if one["for"] == "child":
                found[step["id"], one.get("item")] = one["execution_id"]
    return found


def waits_for(waiting: Mapping[str, Any]) -> str:
    """What is waited for, in words."""
    what = {
        "approval": f"waits for approval by {_approvers(waiting)}{_so_far(waiting)}",
        "child": f"waits for {waiting.get('execution_id')}",
        "limit": f"waits for its turn: place {waiting.get('place')}",
        "pause": f"paused by {waiting.get('by')}"
        + (f": {waiting['reason']}" if waiting.get("reason") else ""),
        "dependency": f"waits for {', '.join(waiting.get('dependencies') or ())}",
        "retry": "waits for its next attempt",
        "poll": "waits for what it has begun",
        "callback": "waits to be called back",
    }.get(waiting["for"], f"waits for a {waiting['for']}")
    until = waiting.get("until")
    return f"{what} until {until[11:19]} UTC" if until and waiting["for"] != "poll" else what


def note(event: Mapping[str, Any]) -> str:
    """What is worth saying of an event."""
    if error := event.get("error"):
        return str(error.get("message", ""))
    approval = event.get("approval") or {}
    if approval.get("status") == "waiting":
        message = f": {approval['message']}" if approval.get("message") else ""
        return f"waits for approval by {_approvers(approval)}{_so_far(approval)}{message}"
    if event["type"] == "approval_decided":
        return f"{approval.get('status')} by {', '.join(one['by'] for one in approval.get('decisions', ()))}"
    by = f"by {event['by']}" if event.get("by") else ""
    return ": ".join(part for part in (by, str(event.get("reason") or "")) if part)


def _approvers(asked: Mapping[str, Any]) -> str:
    approvers = asked.get("approvers")
    if approvers is None:
        return "people"
    roles = " or ".join(approvers.get("roles") or ())
    attributes = " and ".join(
        f"{name}={value}" for name, value in (approvers.get("attributes") or {}).items()
    )
    said = " with ".join(part for part in (f"role {roles}" if roles else "", attributes) if part)
    return said or "anybody who may"


def _so_far(asked: Mapping[str, Any]) -> str:
    required = asked.get("required") or 1
    return f" ({asked.get('have') or 0} of {required} have approved)" if required > 1 else ""


def _status(event: Mapping[str, Any]) -> str | None:
    if event["type"] == "approval_decided":
        return "waiting" if (event.get("approval") or {}).get("status") == "waiting" else "running"
    return STATUSES.get(event["type"].partition("_")[2])


def at(time: str) -> datetime:
    return datetime.fromisoformat(time)


def took(seconds: float | None) -> str:
    """A duration, as people say it."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
