"""How an execution runs: its steps in the order of their graph, and the end that is recorded once.

Everything here is decided from the input and from what the context hands back, in that order, so that a
replay decides the same. One step attempt is one activity; what it came to is data.
"""

import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from shared.workflow.context import Context, Steps, Task
from shared.workflow.cutting import cut_items
from shared.workflow.flights import Flight, attempt
from shared.workflow.phases import ended, following
from shared.workflow.work import Lane, Node, Result, Work

CANCEL: Final = "cancel"
"""The event that stops an execution: what runs is awaited, nothing more begins."""
NUDGE: Final = "nudge"
"""The event that something happened which a step waits for: ``{"step": id}`` is asked again at once.

What happened is in the store; so a nudge may come twice, or for a step that waits no more.
"""


def execution(context: Context, data: dict[str, Any]) -> Steps[None]:
    """Run the :class:`Work` in ``data`` and record how the execution ended."""
    work: Work | None = Work.from_json(data)
    nudge: Task | None = None
    while work is not None:
        run = _Run(context, work, nudge)
        result = yield from run.to_end()
        if result is None:
            return
        end = ended(work, result, cancelled=run.cancelling)
        if run.expired:
            end["expired"] = True
        names = work.names
        work, nudge = following(work, result, end), run.nudge
    yield context.finish(names | end)


def segment(context: Context, data: dict[str, Any]) -> Steps[dict[str, Any] | None]:
    """Run a part of an execution: what it came to, for the orchestration that it belongs to."""
    result = yield from _Run(context, Work.from_json(data)).to_end()
    return None if result is None else result.to_json()


class _Run:
    """The state of one generation of one orchestration."""

    def __init__(self, context: Context, work: Work, nudge: Task | None = None) -> None:
        self._context = context
        self.nudge = nudge or self._await_nudge()
        """The wait for the next nudge; the one of the phase before is still the first in the queue."""
        self._work = work
        self._result = work.so_far
        self._nodes = {node.key: node for node in work.nodes}
        self._begun: set[int] = set()
        self._waits = {node.key: set(node.after) for node in work.nodes}
        self._dependents: dict[int, list[int]] = {node.key: [] for node in work.nodes}
        for node in work.nodes:
            for key in node.after:
                self._dependents[key].append(node.key)
        self._ready = deque(node for node in work.nodes if not node.after)
        self._due: deque[tuple[Node, Lane]] = deque()
        self._flights: dict[int, Flight] = {}
        self._landed = 0
        self._first = work.first
        self._halted = False
        """Whether an item has failed, so that no other begins."""
        self.cancelling = False
        self.expired = False
        """Whether it was cancelled because its time was over."""

    def to_end(self) -> Steps[Result | None]:
        """Run everything; None when the rest goes on in a new generation."""
        # What runs at last cannot be cancelled.
        cancel = self._context.wait_event(CANCEL) if self._work.phase == "steps" else None
        if cancel is not None:
            self._context.watch(cancel)
        deadline = self._until_deadline()
        while True:
            while self.nudge.is_complete:
                self._nudge(self.nudge.get_result())
                self.nudge = self._await_nudge()
            if cancel is not None and cancel.is_complete and not self.cancelling:
                self._cancel()
            if deadline is not None and deadline.is_complete and not self.cancelling:
                self._expire()
            if self._renewable():
                waiting = [self.nudge] if cancel is None else [cancel, self.nudge]
                self._context.continue_as_new(self._rest().to_json(), waiting)
                return None
            self._launch()
            if not self._flights:
                if self._halted and not self.cancelling:
                    self._result.cancelled.clear()
                return self._result
            landed = yield self._context.arrival()
            self._first = False
            flight = self._flights.pop(id(landed), None)
            if flight is not None:
                self._landed += 1
                self._land(flight)

    def _renewable(self) -> bool:
        """Whether to forget the history now: there is enough of it, and nothing but sleep in the air."""
        return (
            self._landed >= self._work.renew_after
            and not self.cancelling
            and bool(self._due or self._ready or self._flights)
            and all(flight.asleep for flight in self._flights.values())
        )

    def _rest(self) -> Work:
        """What is left, as the work of the next generation."""
        for node in self._nodes.values():
            node.after = sorted(self._waits[node.key])
        return replace(self._work, nodes=list(self._nodes.values()), first=False, so_far=self._result)

    def _launch(self) -> None:
        """Begin everything that may begin."""
        limit = self._work.limit or sys.maxsize
        while self._ready and len(self._flights) + len(self._due) < limit:
            node = self._ready.popleft()
            self._begun.add(node.key)
            if node.apart:
                self._begin_segment(node)
            else:
                self._due.extend((node, lane) for lane in node.lanes)
        while self._due:
            self._begin(*self._due.popleft())

    def _begin(self, node: Node, lane: Lane) -> None:
        if lane.due is not None:
            self._fly(self._context.timer(self._seconds_until(lane.due)), node, lane, asleep=True)
            return
        self._fly(self._context.run_step(attempt(self._work, lane, first=self._first)), node, lane)

    def _begin_segment(self, node: Node) -> None:
        work = self._work
        steps = {step for lane in node.lanes for step in lane.steps}
        part = Work(
            tenant_id=work.tenant_id,
            execution_id=work.execution_id,
            nodes=[Node(node.key, node.lanes)],
            tolerant=work.tolerant & steps,
            compensatable=work.compensatable & steps,
            renew_after=work.renew_after,
            first=self._first,
            phase=work.phase,
            end=work.end,
        )
        self._fly_apart(f"{work.name or work.execution_id}:{node.key}", part, node)

    def _begin_items(self, node: Node, lane: Lane, outcome: dict[str, Any]) -> None:
        """Run the items of the lane's first step, in an orchestration that holds them to their limit."""
        work, step = self._work, lane.steps[0]
        name = f"{work.execution_id}:{step}"
        part = Work(
            tenant_id=work.tenant_id,
            execution_id=work.execution_id,
            nodes=cut_items(step, outcome["count"], outcome["limit"]),
            tolerant=work.tolerant & {step},
            renew_after=work.renew_after,
            first=False,
            phase=work.phase,
            end=work.end,
            limit=outcome["limit"],
            name=name,
        )
        self._fly_apart(name, part, node, lane)

    def _fly_apart(self, instance: str, part: Work, node: Node, lane: Lane | None = None) -> None:
        task = self._context.run_segment(instance, part.to_json())
        self._fly(task, node, lane, instance=instance)

    def _fly(
        self, task: Task, node: Node, lane: Lane | None = None, *, asleep: bool = False, instance: str = ""
    ) -> None:
        self._flights[id(task)] = Flight(task, node, self._now(), lane, asleep, instance)
        self._context.watch(task)

    def _now(self) -> str:
        return self._context.now().isoformat()

    def _land(self, flight: Flight) -> None:
        if flight.lane is None:
            self._land_segment(flight)
        elif flight.instance:
            self._land_items(flight.node, flight.lane, flight.task)
        elif flight.asleep:
            flight.lane.due = None
            self._due.append((flight.node, flight.lane))
        else:
            outcome = {"status": "failed"} if flight.task.is_failed else flight.task.get_result()
            self._land_attempt(flight.node, flight.lane, outcome)

    def _land_attempt(self, node: Node, lane: Lane, outcome: dict[str, Any]) -> None:
        step = lane.steps[0]
        match outcome["status"]:
            case "items":
                self._begin_items(node, lane, outcome)
            case "retry":
                lane.attempt += 1
                lane.token = None
                self._go_on(node, lane, outcome.get("delay", 0))
            case "pending":
                lane.token = outcome.get("token")
                delay = 0 if lane.nudged else outcome.get("delay", 0)
                lane.nudged = False
                self._go_on(node, lane, delay)
            case "cancelled":
                self._end_lane(node, lane, cancelled=lane.steps)
                if not self.cancelling:
                    self._cancel()
            case "failed" if self._work.phase == "compensations":
                self._result.failed.append(step)
                self._next_step(node, lane)
            case "failed" if step not in self._work.tolerant:
                if lane.items is None:
                    self._result.failed.append(step)
                self._end_lane(node, lane, blocked=lane.steps[1:], stopped=True)
                self._halt()
            case status:
                if status == "completed" and lane.items is None and step in self._work.compensatable:
                    self._result.completed.append((step, self._now()))
                self._next_step(node, lane)

    def _next_step(self, node: Node, lane: Lane) -> None:
        first, end = lane.items or (0, 0)
        lane.items = (first + 1, end) if first + 1 < end else None
        if lane.items is None:
            del lane.steps[0]
        lane.attempt, lane.token, lane.nudged, lane.collect = 1, None, False, False
        self._go_on(node, lane, 0)

    def _land_items(self, node: Node, lane: Lane, task: Task) -> None:
        """Have the items put together, whatever they came to: that is in the store."""
        if not task.is_failed and task.get_result()["cancelled"] and not self.cancelling:
            self._cancel()
        lane.collect = True
        self._go_on(node, lane, 0)

    def _go_on(self, node: Node, lane: Lane, delay: float) -> None:
        if not lane.steps:
            self._end_lane(node, lane)
        elif self.cancelling or self._halted:
            self._end_lane(node, lane, cancelled=lane.steps)
        else:
            lane.due = self._context.now() + timedelta(seconds=delay) if delay > 0 else None
            self._due.append((node, lane))

    def _end_lane(
        self,
        node: Node,
        lane: Lane,
        *,
        blocked: Sequence[str] = (),
        cancelled: Sequence[str] = (),
        stopped: bool = False,
    ) -> None:
        self._result.blocked += blocked
        self._result.cancelled += cancelled
        self._result.stopped = self._result.stopped or stopped
        node.stopped = node.stopped or stopped
        node.lanes.remove(lane)
        if not node.lanes:
            self._end_node(node)

    def _land_segment(self, flight: Flight) -> None:
        node = flight.node
        if flight.task.is_failed:
            # Not a step failed but the machinery: nobody knows how far the segment came.
            result = Result(stopped=True)
            for lane in node.lanes:
                result.failed.append(lane.steps[0])
                result.blocked += lane.steps[1:]
                result.completed += [
                    (step, self._now()) for step in lane.steps if step in self._work.compensatable
                ]
        else:
            result = Result.from_json(flight.task.get_result())
            # The segment's clock may be another machine's: what depends on it must stand behind it.
            result.completed = [
                (step, min(max(at, flight.began), self._now())) for step, at in result.completed
            ]
        self._result.add(result)
        node.stopped = result.stopped
        self._end_node(node)
        if result.cancelled and not self.cancelling and not self._halted:
            self._cancel()
        if result.stopped:
            self._halt()

    def _end_node(self, node: Node) -> None:
        """Let what waited for the node begin, or block all of it."""
        del self._nodes[node.key]
        if node.stopped:
            self._block(node.key)
            return
        for key in self._dependents[node.key]:
            self._waits[key].discard(node.key)
            if key in self._nodes and not self._waits[key]:
                self._ready.append(self._nodes[key])

    def _block(self, stopped: int) -> None:
        queue = deque(self._dependents[stopped])
        while queue:
            node = self._nodes.pop(queue.popleft(), None)
            if node is not None:
                self._result.blocked += [step for lane in node.lanes for step in lane.steps]
                queue.extend(self._dependents[node.key])

    def _await_nudge(self) -> Task:
        nudge = self._context.wait_event(NUDGE)
        self._context.watch(nudge)
        return nudge

    def _nudge(self, data: dict[str, Any]) -> None:
        """Wake the step that is told of; one that is just being asked is asked again after that."""
        step = data["step"]
        for flight in list(self._flights.values()):
            if flight.lane is None:
                if any(step in lane.steps for lane in flight.node.lanes):
                    self._context.signal(flight.instance, NUDGE, data)
            elif flight.lane.steps[0] != step:
                continue
            elif flight.instance:
                self._context.signal(flight.instance, NUDGE, data)
            elif not flight.asleep:
                flight.lane.nudged = True
            elif flight.lane.token is not None:
                del self._flights[id(flight.task)]
                flight.lane.due = None
                self._due.append((flight.node, flight.lane))

    def _until_deadline(self) -> Task | None:
        """The timer of the deadline, if the steps have one."""
        work = self._work
        if work.timeout is None or work.phase != "steps":
            return None
        work.deadline = work.deadline or self._context.now() + timedelta(seconds=work.timeout)
        timer = self._context.timer(self._seconds_until(work.deadline))
        self._context.watch(timer)
        return timer

    def _seconds_until(self, moment: datetime) -> float:
        return max(0.0, (moment - self._context.now()).total_seconds())

    def _expire(self) -> None:
        """Cancel what is left, and have that written down, so that what runs gives up."""
        self.expired = True
        self._context.finish(self._work.names | {"status": "cancelling"})
        self._cancel()

    def _cancel(self) -> None:
        """Begin nothing more, wake what sleeps, and pass the word on; what runs is awaited."""
        self.cancelling = True
        self._stop()

    def _halt(self) -> None:
        """Begin no other item: one has failed."""
        if self._work.limit and not self._halted and not self.cancelling:
            self._halted = True
            self._stop()

    def _stop(self) -> None:
        for flight in list(self._flights.values()):
            if flight.instance:
                self._context.signal(flight.instance, CANCEL)
            elif flight.asleep and flight.lane is not None:
                del self._flights[id(flight.task)]
                self._end_lane(flight.node, flight.lane, cancelled=flight.lane.steps)
        for node, lane in self._due:
            self._end_lane(node, lane, cancelled=lane.steps)
        self._due.clear()
        self._ready.clear()
        for node in [node for key, node in self._nodes.items() if key not in self._begun]:
            self._result.cancelled += [step for lane in node.lanes for step in lane.steps]
            del self._nodes[node.key]
