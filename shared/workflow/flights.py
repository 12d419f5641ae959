"""What an orchestration has begun and waits for."""

from dataclasses import dataclass

from shared.workflow.context import Task
from shared.workflow.work import Lane, Node


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
