"""What the workflow needs of a durable engine: a few replay-safe calls, and tasks to wait for.

A workflow is a generator: it yields a :class:`Task` and is resumed when that has completed. It is run
again from the start whenever something happened (a replay), so everything that it learns of the world
comes from here, in recorded order.
"""

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any, Protocol

type Steps[T] = Generator["Task", Any, T]
"""A workflow, or a part of one, that comes to a ``T``."""


class Task(Protocol):
    """Something that will have completed, well or not."""

    @property
    def is_complete(self) -> bool: ...

    @property
    def is_failed(self) -> bool: ...

    def get_result(self) -> Any:
        """What it came to; raises if it failed."""
        ...


class Context(Protocol):
    """The engine, as one running workflow sees it."""

    def now(self) -> datetime:
        """The time of the turn being run or replayed. Only differences of it mean anything."""
        ...

    def run_step(self, request: dict[str, Any]) -> Task:
        """Run one attempt of a step; the task comes to its outcome (``shared.domain.executions.Outcome``)."""
        ...

    def run_segment(self, instance_id: str, work: dict[str, Any]) -> Task:
        """Run a part of the plan as a workflow of its own; the task comes to what that returns."""
        ...

    def signal(self, instance_id: str, event: str, data: Any = None) -> None:
        """Send an event to a segment; nothing happens if it has ended."""
        ...

    def finish(self, request: dict[str, Any]) -> Task:
        """Record the end of the execution; with the status ``cancelling``, that it is on its way there."""
        ...

    def timer(self, seconds: float) -> Task: ...

    def wait_event(self, name: str) -> Task:
        """A task that comes to the data of the first event ``name`` that no earlier wait took."""
        ...

    def watch(self, task: Task) -> None:
        """Have :meth:`arrival` tell when ``task`` has completed."""
        ...

    def arrival(self) -> Task:
        """A task that comes to a watched task once that has completed, whether well or not.

        Each is told once, in the order of completion; what completes between two calls is kept. Only one
        arrival may be awaited at a time. (Waiting for the first of many tasks anew after each would cost
        the square of their number, in every replay.)
        """
        ...

    def continue_as_new(self, work: dict[str, Any], waiting: Sequence[Task]) -> None:
        """Forget the history and start again with ``work``; the generator must return right away.

        ``waiting`` are the event waits not yet answered: what arrives for them from now on is kept for
        the next generation. Nothing but them and timers may be outstanding.
        """
        ...
