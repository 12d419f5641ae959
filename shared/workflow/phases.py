"""An execution's phases: its steps; undoing what completed, if they came to a bad end; what runs last."""

from dataclasses import replace
from typing import Any

from shared.workflow.work import Lane, Node, Result, Work


def ended(work: Work, result: Result, *, cancelled: bool) -> dict[str, Any]:
    """What the execution has come to with the phase that came to ``result``: the first cause stays first."""
    if result.terminated:
        return _terminated(work, result)
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


def _terminated(work: Work, result: Result) -> dict[str, Any]:
    """Where it stands, it ends: what has not been undone stays, and what runs at last never does."""
    end = {"failed": [], "blocked": [], "cancelled": []} | work.end
    match work.phase:
        case "steps":
            uncompensated = _undoing(result)
        case "compensations":
            uncompensated = result.failed + result.cancelled
            result = Result()
        case "finally":
            uncompensated = end.get("uncompensated", []) + work.undoable
    return {
        "status": "cancelled",
        "terminated": True,
        "failed": end["failed"] + result.failed,
        "blocked": end["blocked"] + result.blocked,
        "cancelled": end["cancelled"]
        + result.cancelled
        + [step for node in work.last for step in node.steps],
        **({"uncompensated": uncompensated} if uncompensated else {}),
    }


def _undoing(result: Result) -> list[str]:
    """What can be undone of what completed, the last first."""
    # Sorting keeps the order in which they were known where the times are equal.
    completed = sorted(result.completed, key=lambda entry: entry[1])
    return [step for step, _ in reversed(completed)]


def following(work: Work, result: Result, end: dict[str, Any]) -> Work | None:
    """The work of the phase behind the one that came to ``result``; None if there is none."""
    if result.terminated:
        return None
    # Of a retry that has kept every step, what comes now is the very beginning.
    then = replace(work, first=work.first and not work.nodes, so_far=Result(), end=end)
    if work.phase == "steps" and end["status"] != "completed" and result.completed:
        return replace(then, phase="compensations", nodes=[Node(0, [Lane(_undoing(result))])])
    if work.phase != "finally" and work.last:
        undoable = _undoing(result) if work.phase == "steps" else []
        return replace(then, phase="finally", nodes=work.last, last=[], undoable=undoable)
    return None
