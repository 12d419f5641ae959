"""What a running orchestration is told: what a step waits for has happened; pause, resume, terminate."""

from typing import Any

from shared.workflow.context import Context, Task
from shared.workflow.generations import Generation
from shared.workflow.stopping import NUDGE, terminate

type Word = dict[str, Any]
"""What the event :data:`NUDGE` brings, which is one of these.

``{"step": id}`` has the step asked again at once: what it waits for has happened, and is in the store.
Of a step that runs for each item of a list, ``item`` may say which of them; without it all are asked.
``{"pause": number}`` has nothing more begin, and ``{"resume": number}`` goes on. Numbers grow from wish to
wish: a word that comes late, behind one that was wished for later, says nothing.
``{"terminate": true}`` ends it, with nothing undone.

So a word may come twice, and for what has ended.
"""


def asking(step: str, item: int | None = None) -> Word:
    """The word that what a step, or one of its items, waits for has happened."""
    return {"step": step} | ({} if item is None else {"item": item})


def await_nudge(context: Context) -> Task:
    """The wait for the next word."""
    nudge = context.wait_event(NUDGE)
    context.watch(nudge)
    return nudge


def steer(run: Generation, word: Word) -> None:
    """Do as the word says."""
    match word:
        case {"step": step}:
            _nudge(run, step, word)
        case {"pause": number} if number > run.work.steered:
            _hold(run, word, paused=True, number=number)
        case {"resume": number} if number >= run.work.steered:
            _hold(run, word, paused=False, number=number)
        case {"terminate": _}:
            terminate(run)


def _nudge(run: Generation, step: str, word: Word) -> None:
    """Wake the step; one that is just being asked is asked again after that."""
    item: int | None = word.get("item")
    for flight in list(run.flights.values()):
        if flight.lane is None:
            if step in flight.node.steps and any(lane.may_be_at(item) for lane in flight.node.lanes):
                run.context.signal(flight.instance, NUDGE, word)
        elif flight.lane.steps[0] != step or not flight.lane.is_at(item):
            continue
        elif flight.instance:
            run.context.signal(flight.instance, NUDGE, word)
        elif not flight.asleep:
            flight.lane.nudged = True
        elif flight.lane.token is not None or flight.lane.giving_up:
            del run.flights[id(flight.task)]
            flight.lane.due = None
            run.due.append((flight.node, flight.lane))
    for _, lane in run.due if run.work.paused else ():
        # It began to wait while it was paused, and its sleep has not begun.
        if lane.steps[0] == step and lane.is_at(item) and lane.token is not None:
            lane.due = None


def _hold(run: Generation, word: Word, *, paused: bool, number: int) -> None:
    """Hold back what would begin, or let it; everything that it consists of does likewise."""
    run.work.steered = number
    if paused and run.stopping:
        return
    run.work.paused = paused
    for flight in run.flights.values():
        if flight.instance:
            run.context.signal(flight.instance, NUDGE, word)
