"""Replays the plain generators of ``shared/workflow``."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from shared.workflow import executions
from shared.workflow.context import Steps, Task
from tests.workflow.engine import Action, Event, Instance

EPOCH = datetime(2026, 1, 1)  # noqa: DTZ001  the durable clock is naive UTC, too


class FakeTask:
    def __init__(self) -> None:
        self.is_complete = False
        self.is_failed = False
        self.result: Any = None
        self.watchers: list[Callable[[FakeTask], None]] = []

    def get_result(self) -> Any:
        assert self.is_complete
        assert not self.is_failed
        return self.result

    def complete(self, result: Any = None, *, failed: bool = False) -> None:
        self.is_complete, self.is_failed, self.result = True, failed, result
        for watcher in self.watchers:
            watcher(self)


class ReplayContext:
    """A context that is fed from a history. Like the SDK's, it resumes the workflow at each event."""

    def __init__(self, began: float) -> None:
        self.actions: list[Action] = []
        self.time = began
        self._tasks: dict[int, FakeTask] = {}
        self._waits: dict[str, list[FakeTask]] = {}
        self._unread: list[tuple[str, Any]] = []
        self._arrived: list[FakeTask] = []
        self._awaited: FakeTask | None = None

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.time)

    def run_step(self, request: dict[str, Any]) -> Task:
        return self._do("step", request)

    def finish(self, request: dict[str, Any]) -> Task:
        return self._do("finish", request)

    def run_segment(self, instance_id: str, work: dict[str, Any]) -> Task:
        return self._do("segment", _copy(work), target=instance_id)

    def timer(self, seconds: float) -> Task:
        return self._do("timer", seconds)

    def signal(self, instance_id: str, event: str, data: Any = None) -> None:
        self._do("signal", event, target=instance_id, payload=data)

    def wait_event(self, name: str) -> Task:
        task = FakeTask()
        unread = next((event for event in self._unread if event[0] == name), None)
        if unread is not None:
            self._unread.remove(unread)
            task.complete(unread[1])
        else:
            self._waits.setdefault(name, []).append(task)
        return task

    def watch(self, task: Task) -> None:
        assert isinstance(task, FakeTask)
        if task.is_complete:
            self._arrive(task)
        else:
            task.watchers.append(self._arrive)

    def arrival(self) -> Task:
        self._awaited = FakeTask()
        if self._arrived:
            self._awaited.complete(self._arrived.pop(0))
        return self._awaited

    def _arrive(self, task: FakeTask) -> None:
        if self._awaited is None or self._awaited.is_complete:
            self._arrived.append(task)
        else:
            self._awaited.complete(task)

    def continue_as_new(self, work: dict[str, Any], waiting: Sequence[Task]) -> None:
        for tasks in self._waits.values():
            tasks[:] = [task for task in tasks if task not in waiting]
        self._do("renew", {"work": _copy(work), "events": self._unread})

    def done(self, result: Any) -> None:
        self._do("done", _copy(result))

    @property
    def renewed(self) -> bool:
        return bool(self.actions) and self.actions[-1].kind == "renew"

    def feed(self, event: Event) -> None:
        self.time = event.at
        if event.kind != "raised":
            task = self._tasks[event.id]
            if not task.is_complete:  # the SDK, too, passes over what is told again
                task.complete(_copy(event.data), failed=event.kind == "failed")
        elif waits := self._waits.get(event.data):
            waits.pop(0).complete(event.payload)
        else:
            self._unread.append((event.data, event.payload))

    def _do(self, kind: str, data: Any, target: str = "", payload: Any = None) -> FakeTask:
        action = Action(kind, len(self.actions) + 1, data, target, payload)
        self.actions.append(action)
        self._tasks[action.id] = FakeTask()
        return self._tasks[action.id]


class Generators:
    """The runner over ``executions.execution`` and ``executions.segment``."""

    def replay(self, instance: Instance, turns: Sequence[Sequence[Event]]) -> list[Action]:
        context = ReplayContext(instance.began)
        workflow = executions.execution if instance.orchestrator == "execution" else executions.segment
        generator = workflow(context, _copy(instance.input))
        started = _Resumable(generator)
        for event in (event for turn in turns for event in turn):
            if event.kind == "raised" or not started.ended:
                context.feed(event)
            started.resume()
        if not context.renewed and started.ended:
            context.done(started.result)
        return context.actions


class _Resumable:
    def __init__(self, generator: Steps[Any]) -> None:
        self._generator = generator
        self.ended = False
        self.result: Any = None
        self._waited: Any = None
        self._advance(None)

    def resume(self) -> None:
        while not self.ended and self._waited.is_complete:
            self._advance(self._waited.get_result())

    def _advance(self, value: Any) -> None:
        try:
            self._waited = self._generator.send(value)
        except StopIteration as stop:
            self.ended, self.result = True, stop.value


def _copy(value: Any) -> Any:
    """JSON that nobody else has a hand on."""
    return orjson.loads(orjson.dumps(value))
