"""What ends an orchestration before all has run: cancelling, terminating, a deadline, a failed item."""

from datetime import timedelta
from typing import Any, Final

from shared.workflow.context import Task
from shared.workflow.generations import Generation

CANCEL: Final = "cancel"
"""The event that stops an execution: what runs is awaited, nothing more begins."""
NUDGE: Final = "nudge"
"""The event that steers an orchestration in every phase (``steering.py``)."""


def await_cancel(run: Generation) -> Task | None:
    """The wait for a cancellation; what runs at last cannot be cancelled."""
    if run.work.phase != "steps":
        return None
    cancelled = run.context.wait_event(CANCEL)
    run.context.watch(cancelled)
    return cancelled


def await_deadline(run: Generation) -> Task | None:
    """The timer of the deadline, if the steps have one."""
    work = run.work
    if work.timeout is None or work.phase != "steps":
        return None
    work.deadline = work.deadline or run.context.now() + timedelta(seconds=work.timeout)
    timer = run.context.timer(run.seconds_until(work.deadline))
    run.context.watch(timer)
    return timer


def cancel(run: Generation) -> None:
    """Begin nothing more, wake what sleeps, and pass the word on; what runs is awaited."""
    if not run.ending:
        run.cancelling = True
        _stop(run)


def expire(run: Generation) -> None:
    """Cancel what is left, and have that written down, so that what runs gives up."""
    if not run.ending:
        run.expired = True
        run.context.finish(run.work.names | {"status": "cancelling"})
        cancel(run)


def terminate(run: Generation) -> None:
    """As :func:`cancel`, and nothing is undone, nor does anything run at last."""
    if not run.result.terminated:
        run.result.terminated = True
        _stop(run, NUDGE, {"terminate": True})


def halt(run: Generation) -> None:
    """Begin no other item: one has failed."""
    if run.work.limit and not run.stopping:
        run.halted = True
        _stop(run)


def _stop(run: Generation, event: str = CANCEL, word: Any = None) -> None:
    """Let go what waits, or have it stopped; tell ``event`` to what runs apart; a pause is over with that."""
    run.work.paused = False
    due = [*run.due, *((node, lane) for node in run.nodes.take_owing() for lane in node.lanes)]
    run.due.clear()
    for flight in list(run.flights.values()):
        if flight.instance:
            run.context.signal(flight.instance, event, word)
        elif flight.asleep and flight.lane is not None:
            del run.flights[id(flight.task)]
            run.go_on(flight.node, flight.lane)
    for node, lane in due:
        run.go_on(node, lane)
    run.result.cancelled += run.nodes.drop()
