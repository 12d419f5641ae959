"""The phases of an execution: its steps, then what runs at last, whatever the steps came to."""

from dataclasses import replace
from typing import Any

from shared.workflow.work import Result, Work


def ended(work: Work, result: Result, *, cancelled: bool) -> dict[str, Any]:
    """What the execution has come to with the phase that came to ``result``: the first cause stays first."""
    if work.phase == "steps":
        return {
            "status": "cancelled" if cancelled else "failed" if result.failed else "completed",
            "failed": result.failed,
            "blocked": result.blocked,
            "cancelled": result.cancelled,
        }
    end = work.end
    status = "failed" if end["status"] == "completed" and result.failed else end["status"]
    return end | {
        "status": status,
        "failed": end["failed"] + result.failed,
        "blocked": end["blocked"] + result.blocked,
    }


def following(work: Work, end: dict[str, Any]) -> Work | None:
    """The work of the next phase; None if there is none."""
    if work.phase == "finally" or not work.last:
        return None
    return replace(work, phase="finally", nodes=work.last, last=[], end=end, first=False, so_far=Result())
