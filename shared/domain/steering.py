"""Steering what runs: what is wished of an execution, and what that makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.domain.errors import ConflictError
from shared.domain.executions import QUEUED, TERMINAL_STATUSES, waits_for_turn

type Verb = Literal["cancel", "pause", "resume", "terminate"]

PERMISSIONS: Final[Mapping[Verb, str]] = {
    "cancel": "executions.cancel",
    "pause": "executions.pause",
    "resume": "executions.pause",
    "terminate": "executions.terminate",
}
"""What one must be permitted to wish for it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of an execution: ``by`` is who, ``at`` when (RFC 3339), ``reason`` why, if told.

    To wish for what is so already changes nothing.
    """

    verb: Verb
    by: str
    at: str
    reason: str | None = None

    def change(self, head: Mapping[str, Any]) -> dict[str, Any] | None:
        """The fields of the execution's head that change, and what they become; None: nothing does.

        Raises:
            ConflictError: it is too late for that.
        """
        status = head["status"]
        if status in TERMINAL_STATUSES:
            raise ConflictError(f"The execution has already ended: it is {status}")
        match self.verb:
            case "cancel" if status != "cancelling":
                return self._stop("cancel", head)
            case "terminate" if not terminated(head):
                return self._stop("terminate", head)
            case "pause" | "resume" if status == "cancelling":
                raise ConflictError(f"The execution is being cancelled: there is nothing to {self.verb}")
            case "pause" if status != "paused":
                queued = {"in_queue": True} if status == QUEUED else {}
                return {"status": "paused", "paused": self._told, **queued}
            case "resume" if waits_for_turn(head):
                return {"status": QUEUED, "paused": None, "in_queue": False} if status == "paused" else None
            case "resume" if status == "paused":
                return {"status": "running" if head["started_at"] else "pending", "paused": None}
            case _:
                return None

    def _stop(self, how: str, head: Mapping[str, Any]) -> dict[str, Any]:
        """``held`` says whether it was paused until then."""
        stop = {"how": how, **self._told, "held": head["status"] == "paused"}
        return {"status": "cancelling", "paused": None, "stop": stop}

    @property
    def _told(self) -> dict[str, Any]:
        return {"by": self.by, "at": self.at, "reason": self.reason}


def terminated(head: Mapping[str, Any]) -> bool:
    """Whether it is to end where it stands."""
    return (head.get("stop") or {}).get("how") == "terminate"


def stopped_because(head: Mapping[str, Any]) -> dict[str, Any] | None:
    """Why it was stopped, as the cause of its end; None if nobody said."""
    stop = head.get("stop")
    if stop is None or (stop["how"] == "cancel" and stop["reason"] is None):
        return None
    code, done = ("TERMINATED", "terminated") if stop["how"] == "terminate" else ("CANCELLED", "cancelled")
    why = f": {stop['reason']}" if stop["reason"] else ""
    told = {"code": code, "message": f"{stop['by']} {done} the execution{why}", "by": stop["by"]}
    return told | ({"reason": stop["reason"]} if stop["reason"] else {})
