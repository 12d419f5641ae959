"""How an execution runs: its steps in the order of their graph, and the end that is recorded once.

Everything here is decided from the input and from what the context hands back, in that order, so that a
replay decides the same. One step attempt is one activity; what it came to is data.
"""

from typing import Any

from shared.workflow.beginning import begin_all
from shared.workflow.breathing import holds_breath
from shared.workflow.context import Context, Steps, Task
from shared.workflow.generations import Generation
from shared.workflow.landing import land
from shared.workflow.phases import ended, following
from shared.workflow.steering import await_nudge, steer
from shared.workflow.stopping import await_cancel, await_deadline, cancel, expire
from shared.workflow.work import Result, Work


def execution(context: Context, data: dict[str, Any]) -> Steps[None]:
    """Run the :class:`Work` in ``data`` and record how the execution ended."""
    work: Work | None = Work.from_json(data)
    nudged: Task | None = None
    while work is not None:
        run = _Run(context, work, nudged)
        result = yield from run.to_end()
        if result is None:
            return
        end = ended(work, result, cancelled=run.state.cancelling)
        if run.state.expired:
            end["expired"] = True
        names = work.names
        work, nudged = following(work, result, end), run.nudged
    yield context.finish(names | end)


def segment(context: Context, data: dict[str, Any]) -> Steps[dict[str, Any] | None]:
    """Run a part of an execution: what it came to, for the orchestration that it belongs to."""
    result = yield from _Run(context, Work.from_json(data)).to_end()
    return None if result is None else result.to_json()


class _Run:
    """The loop of one generation: begin what may begin, wait, and take what comes."""

    def __init__(self, context: Context, work: Work, nudged: Task | None = None) -> None:
        self._context = context
        self.state = Generation(context, work)
        self.nudged = nudged or await_nudge(context)
        """The wait for the next nudge; the one of the phase before is still the first in the queue."""

    def to_end(self) -> Steps[Result | None]:
        """Run everything; None when the rest goes on in a new generation."""
        run = self.state
        cancelled = await_cancel(run)
        deadline = await_deadline(run)
        while True:
            self._take_nudges()
            if cancelled is not None and cancelled.is_complete:
                cancel(run)
            if deadline is not None and deadline.is_complete:
                expire(run)
            if run.renewable:
                waiting = [self.nudged] if cancelled is None else [cancelled, self.nudged]
                self._context.continue_as_new(run.rest().to_json(), waiting)
                return None
            if not holds_breath(run):
                begin_all(run)
            if not (run.flights or run.held):
                if run.halted and not run.ending:
                    run.result.cancelled.clear()
                return run.result
            landed = yield self._context.arrival()
            flight = run.flights.pop(id(landed), None)
            if flight is not None:
                run.first = False
                land(run, flight)

    def _take_nudges(self) -> None:
        while self.nudged.is_complete:
            steer(self.state, self.nudged.get_result())
            self.nudged = await_nudge(self._context)
