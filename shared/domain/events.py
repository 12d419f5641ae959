"""What happens to intents and executions, as facts in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

EVENT_TYPES = (
    "intent_created",
    "intent_updated",
    "intent_rolled_back",
    "intent_archived",
    "execution_started",
    "step_started",
    "step_completed",
    "step_skipped",
    "step_retrying",
    "step_failed",
    "step_kept",
    "step_compensating",
    "step_compensated",
    "step_compensation_failed",
    "item_started",
    "item_retrying",
    "item_completed",
    "item_failed",
    "item_compensating",
    "item_compensated",
    "item_compensation_failed",
    "approval_requested",
    "approval_decided",
    "callback_received",
    "execution_paused",
    "execution_resumed",
    "execution_completed",
    "execution_failed",
    "execution_cancelled",
)
"""Every type of event that there is."""

EXECUTION_TERMINAL = frozenset({"execution_completed", "execution_failed", "execution_cancelled"})
"""The events after which an execution's stream ends."""

type Counter = Literal["completed", "skipped", "failed"]

STEP_TERMINAL: Mapping[str, Counter] = {
    "step_completed": "completed",
    "step_skipped": "skipped",
    "step_failed": "failed",
}
"""The events that end a step, and the progress counter that each moves."""


def counter_of(type: str, data: Mapping[str, Any]) -> Counter | None:
    """The progress counter that an event moves: those that end a step do, or keep one that has ended."""
    return cast("Counter", data["status"]) if type == "step_kept" else STEP_TERMINAL.get(type)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an execution; ``cursor`` resumes its stream behind it."""

    cursor: str
    type: str
    execution_id: str
    time: str
    data: Mapping[str, Any]
    """What the type adds: ``step``, ``attempt``, ``result``, ``error``, ``progress``."""

    @property
    def terminal(self) -> bool:
        return self.type in EXECUTION_TERMINAL
