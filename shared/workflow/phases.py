"""An execution's phases: its steps; undoing what completed, if they came to a bad end; what runs last."""

from dataclasses import replace
from typing import Any

from shared.workflow.work import Lane, Node, Result, Work


def ended(work: Work, result: Result, *, cancelled: bool) -> dict[str, Any]:
    """What the execution has come to with the phase that came to ``result``: the first cause stays first."""
    end = work.end
    match work.phase:
        case "steps":
            return {
                "status": "cancelled" if cancelled else "failed" if result.failed else "completed",
                "failed": result.failed,
                "blocked": result.blocked,
                "cancelled": result.cancelled,
            }
        case "compensations":
            return end | ({"uncompensated": result.failed} if result.failed else {})
        case "finally":
            return end | {
                "status": "failed" if end["status"] == "completed" and result.failed else end["status"],
                "failed": end["failed"] + result.failed,
                "blocked": end["blocked"] + result.blocked,
            }


def following(work: Work, result: Result, end: dict[str, Any]) -> Work | None:
    """The work of the phase behind the one that came to ``result``; None if there is none."""
    then = replace(work, first=False, so_far=Result(), end=end)
    if work.phase == "steps" and end["status"] != "completed" and result.completed:
        # Sorting keeps the order in which they were known where the times are equal.
        completed = sorted(result.completed, key=lambda entry: entry[1])
        lane = Lane([step for step, _ in reversed(completed)])
        return replace(then, phase="compensations", nodes=[Node(0, [lane])])
    if work.phase != "finally" and work.last:
        return replace(then, phase="finally", nodes=work.last, last=[])
    return None
