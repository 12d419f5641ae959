"""What an orchestration has begun and waits for."""

from dataclasses import dataclass
from typing import Any

from shared.workflow.context import Task
from shared.workflow.work import Lane, Node, Work


@dataclass(slots=True, eq=False)
class Flight:
    """Something begun that will land: an attempt, a sleep or all items of a lane, or (no lane) a segment."""

    task: Task
    node: Node
    began: str
    lane: Lane | None = None
    asleep: bool = False
    instance: str = ""
    """Of the orchestration that it is, if it is one."""


def attempt(work: Work, lane: Lane, *, first: bool, terminated: bool) -> dict[str, Any]:
    """What the activity of the lane's next attempt is asked (``shared.domain.executions.Attempt``)."""
    request: dict[str, Any] = {
        **work.names,
        "step": lane.steps[0],
        "attempt": lane.attempt,
        "first": first,
        "token": lane.token,
    }
    if lane.items is not None:
        # Undone are the last ones first.
        request["item"] = lane.items[1] - 1 if work.phase == "compensations" else lane.items[0]
    if lane.giving_up:
        request["gives_up"] = "terminate" if terminated else "cancel"
    if lane.collect:
        request["collect"] = True
    if work.phase != "steps":
        request["ending"] = work.end["status"]
    if work.phase == "compensations":
        request["compensates"] = True
    return request
