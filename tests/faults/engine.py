"""Orchestrations that run: the platform's own workflow, live, with activities delivered at least once."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from shared.bootstrap import Application
from shared.domain.errors import UnavailableError
from shared.ports.orchestrations import Orchestration
from shared.workflow import executions
from tests.workflow.generators import FakeTask, ReplayContext
from tests.workflow.world import Event

PAUSE = 0.05
"""Seconds until an activity that raised is delivered again."""

type Activity = Callable[[dict[str, Any]], Awaitable[Any]]


class LiveEngine:
    """Implements :class:`shared.ports.orchestrations.Orchestrations`.

    ``repeats`` is which part of all deliveries is made twice at the same time.
    """

    def __init__(self, chance: random.Random, *, repeats: float = 0.2) -> None:
        self.chance = chance
        self.repeats = repeats
        self.reachable = True
        self.instances: dict[str, Instance] = {}
        self.failures: list[BaseException] = []
        """What went wrong in the engine or was raised by an activity, and is no fault that passes."""
        self._platform: Application | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def platform(self) -> Application:
        assert self._platform is not None
        return self._platform

    @property
    def connected(self) -> bool:
        return True

    def serve(self, platform: Application) -> None:
        self._platform = platform

    def use(self, starter: str) -> None:
        """It is here."""

    async def start(self, *, instance_id: str, orchestrator: str, input: Any) -> None:
        self._reach()
        assert orchestrator == "execution"
        if instance_id not in self.instances:
            self.instances[instance_id] = Instance(self)
            self.instances[instance_id].begin(json.loads(json.dumps(input)))

    async def status(self, *, instance_id: str) -> Orchestration | None:
        self._reach()
        return Orchestration(instance_id, "running") if instance_id in self.instances else None

    async def raise_event(self, *, instance_id: str, name: str, data: Any = None) -> None:
        self._reach()
        if (instance := self.instances.get(instance_id)) is not None:
            instance.tell(Event("raised", data=name, payload=data))

    async def terminate(self, *, instance_id: str, reason: str) -> None:
        raise NotImplementedError

    async def suspend(self, *, instance_id: str, reason: str) -> None:
        raise NotImplementedError

    async def resume(self, *, instance_id: str, reason: str) -> None:
        raise NotImplementedError

    async def purge(self, *, instance_id: str) -> None:
        raise NotImplementedError

    async def purge_ended(self, *, created_before: datetime) -> bool:
        raise NotImplementedError

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    def _reach(self) -> None:
        if not self.reachable:
            raise UnavailableError


class Instance(ReplayContext):
    """One execution's orchestration, whose actions are carried out as it asks for them."""

    def __init__(self, engine: LiveEngine) -> None:
        super().__init__(began=0)
        self.ended = False
        self._engine = engine
        self._waited: Any = None

    def begin(self, work: dict[str, Any]) -> None:
        self._generator = executions.execution(self, work)
        self._advance(None)

    def tell(self, event: Event) -> None:
        if not self.ended:
            self.feed(event)
            self._resume()

    def _resume(self) -> None:
        while not self.ended and self._waited.is_complete:
            self._advance(self._waited.get_result())

    def _advance(self, value: Any) -> None:
        try:
            self._waited = self._generator.send(value)
        except StopIteration:
            self.ended = True

    def _do(self, kind: str, data: Any, target: str = "", payload: Any = None) -> FakeTask:
        task = super()._do(kind, data, target, payload)
        number, platform = self.actions[-1].id, self._engine.platform
        match kind:
            case "step":
                self._engine.spawn(self._activity(number, platform.steps.run, data))
            case "finish":
                self._engine.spawn(self._activity(number, platform.endings.finish, data))
            case "timer":
                self._engine.spawn(self._timer(number, data))
            case _:
                raise NotImplementedError(f"the plans of these tests need no {kind}")
        return task

    async def _activity(self, id: int, activity: Activity, data: dict[str, Any]) -> None:
        twice = self._engine.chance.random() < self._engine.repeats
        outcomes = await asyncio.gather(*(self._delivered(activity, data) for _ in range(1 + twice)))
        told = [outcome and (outcome["status"], outcome.get("token")) for outcome in outcomes]
        assert told.count(told[0]) == len(told), f"two deliveries of one attempt differ: {outcomes}"
        self.tell(Event("completed", id, outcomes[0]))

    async def _delivered(self, activity: Activity, data: dict[str, Any]) -> Any:
        """As ``INFRASTRUCTURE`` in ``functions/durable/executions.py`` has it, with shorter pauses."""
        while True:
            try:
                return await activity(json.loads(json.dumps(data)))
            except UnavailableError:
                await asyncio.sleep(PAUSE)

    async def _timer(self, id: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.tell(Event("fired", id, at=seconds))
