"""Waking a step that waits for something, once that has happened."""

from typing import Any, Final

from shared.workflow.context import Context, Task
from shared.workflow.generations import Generation

NUDGE: Final = "nudge"
"""The event that something happened which a step waits for: ``{"step": id}`` is asked again at once.

What happened is in the store; so a nudge may come twice, or for a step that waits no more.
"""


def await_nudge(context: Context) -> Task:
    """The wait for the next nudge."""
    nudge = context.wait_event(NUDGE)
    context.watch(nudge)
    return nudge


def nudge(run: Generation, data: dict[str, Any]) -> None:
    """Wake the step that is told of; one that is just being asked is asked again after that."""
    step = data["step"]
    for flight in list(run.flights.values()):
        if flight.lane is None:
            if step in flight.node.steps:
                run.context.signal(flight.instance, NUDGE, data)
        elif flight.lane.steps[0] != step:
            continue
        elif flight.instance:
            run.context.signal(flight.instance, NUDGE, data)
        elif not flight.asleep:
            flight.lane.nudged = True
        elif flight.lane.token is not None:
            del run.flights[id(flight.task)]
            flight.lane.due = None
            run.due.append((flight.node, flight.lane))
