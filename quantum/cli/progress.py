"""How an execution stands, made of its first state and of the events since: what a live view shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

STATUSES = {
    "step_started": "running",
    "step_completed": "completed",
    "step_skipped": "skipped",
    "step_retrying": "retrying",
    "step_failed": "failed",
    "step_compensated": "compensated",
    "approval_requested": "waiting",
    "approval_decided": "running",
    "execution_started": "running",
    "execution_paused": "paused",
    "execution_resumed": "running",
    "execution_completed": "completed",
    "execution_failed": "failed",
    "execution_cancelled": "cancelled",
}
"""What an event makes of the step or execution that it is about."""
GOING_ON = frozenset({"running", "retrying", "waiting"})


@dataclass(slots=True)
class StepProgress:
    id: str
    action: str
    status: str = "pending"
    attempt: int = 0
    began: datetime | None = None
    ended: datetime | None = None
    expected: float | None = None
    note: str = ""

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or has taken so far."""
        if self.began is None:
            return None
        return max(((self.ended or now) - self.began).total_seconds(), 0)


@dataclass(slots=True)
class Progress:
    execution_id: str
    intent_id: str
    status: str
    steps: dict[str, StepProgress]
    percent: int = 0
    note: str = ""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None

    @classmethod
    def of(cls, execution: Mapping[str, Any]) -> "Progress":
        """The beginning: all steps, none of which has begun; the events tell the rest, from the first on."""
        steps = {
            step["id"]: StepProgress(step["id"], step["action"], expected=step.get("expected"))
            for step in execution["steps"]
        }
        made = cls(execution["execution_id"], execution["intent_id"], "pending", steps)
        made.began = at(execution["created_at"])
        return made

    def apply(self, event: Mapping[str, Any]) -> None:
        """What happened since."""
        status, now = STATUSES.get(event["type"]), at(event["time"])
        self.percent = (event.get("progress") or {}).get("percent", self.percent)
        step = self.steps.get(event.get("step") or "")
        if step is not None:
            step.status = status or step.status
            step.attempt = event.get("attempt") or step.attempt
            step.note = note(event)
            if event["type"] == "step_started" and step.began is None:
                step.began = now
            step.ended = None if step.status in GOING_ON else now
        elif event["type"].startswith("execution_"):
            self.status = status or self.status
            self.note = note(event)
            self.ended = now if self.status in {"completed", "failed", "cancelled"} else None

    def look(self, execution: Mapping[str, Any]) -> None:
        """What no event tells: what is waited for."""
        for seen in execution["steps"]:
            step = self.steps[seen["id"]]
            if step.status in GOING_ON and seen["waiting"]:
                step.status, step.note = "waiting", ", ".join(map(waits_for, seen["waiting"]))
        whole = [one for one in execution["waiting"] if one["step"] is None]
        if whole and self.ended is None:
            self.note = ", ".join(map(waits_for, whole))


def waits_for(waiting: Mapping[str, Any]) -> str:
    """What is waited for, in words."""
    what = {
        "approval": f"waits for people: {waiting.get('have')} of {waiting.get('required')} have approved",
        "child": f"waits for {waiting.get('execution_id')}",
        "limit": f"waits for its turn: place {waiting.get('place')}",
        "pause": f"paused by {waiting.get('by')}",
        "dependency": f"waits for {', '.join(waiting.get('dependencies') or ())}",
    }.get(waiting["for"], f"waits for a {waiting['for']}")
    return f"{what} until {waiting['until'][11:19]} UTC" if waiting.get("until") else what


def note(event: Mapping[str, Any]) -> str:
    """What is worth saying of an event."""
    if error := event.get("error"):
        return str(error.get("message", ""))
    if event["type"] == "approval_requested":
        approval = event.get("approval") or {}
        who = ", ".join(approval.get("approvers", {}).get("roles", ())) or "anybody who may"
        return f"waits for {who}" + (f": {approval['message']}" if approval.get("message") else "")
    return str(event.get("reason") or "")


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
