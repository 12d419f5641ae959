"""The state of an orchestration between two forgettings of its history: what is left, due and in the air."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.workflow.context import Context, Task
from shared.workflow.flights import Flight
from shared.workflow.nodes import Nodes
from shared.workflow.work import Lane, Node, Work


class Generation:
    """One generation of one orchestration.

    ``beginning.py`` begins what is due, ``landing.py`` takes what comes of it, ``stopping.py`` ends it early.
    """

    def __init__(self, context: Context, work: Work) -> None:
        self.context = context
        self.work = work
        self.result = work.so_far
        self.nodes = Nodes(work.nodes)
        self.due: deque[tuple[Node, Lane]] = deque()
        """What is to be begun at once, or to sleep until it may."""
        self.flights: dict[int, Flight] = {}
        self.landed = 0
        self.first = work.first
        """Whether nothing of the whole execution has come to anything yet."""
        self.cancelling = False
        self.expired = False
        """Whether it was cancelled because its time was over."""
        self.halted = False
        """Whether an item has failed, so that no other begins."""
        self.breath: Task | None = None
        """The timer until which nothing begins (``breathing.py``)."""
        self.breathe_at = work.breathe_after
        """How much must have landed before that is worth it."""

    @property
    def ending(self) -> bool:
        """Whether the whole execution comes to its end before all has run."""
        return self.cancelling or self.result.terminated

    @property
    def stopping(self) -> bool:
        """Whether nothing more begins."""
        return self.ending or self.halted

    @property
    def held(self) -> bool:
        """Whether something would begin if it were not paused."""
        return self.work.paused and bool(self.due or self.nodes.ready)

    @property
    def renewable(self) -> bool:
        """Whether to forget the history now: there is enough of it, and nothing but sleep in the air."""
        return (
            self.landed >= self.work.renew_after
            and not self.stopping
            and bool(self.due or self.nodes.ready or self.flights)
            and all(flight.asleep for flight in self.flights.values())
        )

    def rest(self) -> Work:
        """What is left, as the work of the next generation."""
        return replace(self.work, nodes=self.nodes.rest(), first=False, so_far=self.result)

    def now(self) -> str:
        return self.context.now().isoformat()

    def seconds_until(self, moment: datetime) -> float:
        return max(0.0, (moment - self.context.now()).total_seconds())

    def fly(
        self, task: Task, node: Node, lane: Lane | None = None, *, asleep: bool = False, instance: str = ""
    ) -> None:
        """Wait for what has been begun."""
        self.flights[id(task)] = Flight(task, node, self.now(), lane, asleep, instance)
        self.context.watch(task)

    def go_on(self, node: Node, lane: Lane, delay: float = 0) -> None:
        """Have the lane's first step tried after ``delay`` seconds, unless it is over.

        When nothing more begins, a step is tried again only to give up what it waits for.
        """
        if not lane.steps:
            self.end_lane(node, lane)
        elif self.stopping and not lane.gives_up:
            if lane.may_have_completed and self.work.phase == "steps":
                self.to_be_undone(lane.steps[0])
            self.end_lane(node, lane, cancelled=lane.steps)
        else:
            if self.stopping and not lane.giving_up:
                lane.giving_up, delay = True, 0
            lane.due = self.context.now() + timedelta(seconds=delay) if delay > 0 else None
            self.due.append((node, lane))

    def to_be_undone(self, step: str) -> None:
        """The step has completed, or it or some of its items may have: what undoes it looks."""
        if step in self.work.compensatable:
            self.result.completed.append((step, self.now()))

    def end_lane(
        self,
        node: Node,
        lane: Lane,
        *,
        blocked: Sequence[str] = (),
        cancelled: Sequence[str] = (),
        stopped: bool = False,
    ) -> None:
        self.result.blocked += blocked
        self.result.cancelled += cancelled
        self.result.stopped = self.result.stopped or stopped
        node.stopped = node.stopped or stopped
        node.lanes.remove(lane)
        if not node.lanes:
            self.end_node(node)

    def end_node(self, node: Node) -> None:
        self.result.blocked += self.nodes.end(node)
