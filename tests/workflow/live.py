"""The durable engine over the platform's own activities, in the time of the event loop that it runs in.

Activities are delivered at least once. What the engine knows is a store of its own: it outlives the processes
of the platform, which come with ``serve`` and go with ``lose``.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.bootstrap import Application
from shared.domain.errors import UnavailableError
from shared.ports.orchestrations import Orchestration
from tests.workflow.engine import Answer, Engine
from tests.workflow.generators import Generators

PAUSE = 0.05
"""Seconds until an activity that raised is delivered again: ``INFRASTRUCTURE`` in ``functions/durable`` has
longer ones."""


@dataclass(frozen=True, slots=True)
class Unreliability:
    """How badly messages are handled: parts of all of them, and the seconds in which it happens."""

    twice: float = 0.2
    """Of the activities: delivered twice at the same time."""
    late: float = 0.0
    """Of the activities: delivered again, up to ``lag`` seconds after they were answered."""
    slow: float = 0.0
    """Of the events and answers: they come up to ``lag`` seconds late."""
    echoed: float = 0.0
    """Of the events and answers: they come again, up to ``lag`` seconds later."""
    lag: float = 0.0


@dataclass(eq=False, slots=True)
class Errand:
    """An activity that the engine waits for."""

    kind: str
    request: Mapping[str, Any]
    answer: Answer
    answered: bool = False


@dataclass(eq=False, slots=True)
class Server:
    """A process of the platform, and what it is about."""

    platform: Application
    tasks: dict[asyncio.Task[None], None] = field(default_factory=dict[asyncio.Task[None], None])
    """A set that keeps its order, so that a run repeats itself."""


class LiveEngine(Engine):
    """Implements :class:`shared.ports.orchestrations.Orchestrations`.

    ``recut`` may make the work of an execution another than the one it is started with.
    """

    def __init__(
        self,
        chance: random.Random,
        unreliability: Unreliability = Unreliability(),
        *,
        recut: Callable[[Any], Any] = lambda work: work,
    ) -> None:
        super().__init__(Generators())
        self.unreliability = unreliability
        self.reachable = True
        self.failures: list[BaseException] = []
        """What went wrong in the engine or was raised by an activity, and is no fault that passes."""
        self.answers: list[tuple[Mapping[str, Any], Any]] = []
        """What each delivery of a step's attempt was asked and came to, in order."""
        self._chance = chance
        self._recut = recut
        self._servers: list[Server] = []
        self._errands: dict[Errand, None] = {}
        self._held: list[Callable[[], None]] = []
        """What happened while there was no process."""
        self._began: float | None = None

    @property
    def connected(self) -> bool:
        return True

    @property
    def now(self) -> float:
        time = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = time
        return time - self._began

    @property
    def busy(self) -> bool:
        """Whether an activity is waited for, or runs without anybody waiting."""
        return bool(self._errands) or any(server.tasks for server in self._servers)

    def serve(self, platform: Application) -> None:
        """Use one more process. If it is the first one, it is handed what the last one left."""
        self._servers.append(Server(platform))
        if len(self._servers) == 1:
            held, self._held = self._held, []
            for happen in held:
                self._happen(happen)
            for errand in list(self._errands):
                self._deliver(errand)

    def lose(self, platform: Application) -> None:
        """A process is gone; what it was about is handed to another."""
        (server,) = (one for one in self._servers if one.platform is platform)
        self._servers.remove(server)
        for task in server.tasks:
            task.cancel()
        if self._servers:
            for errand in list(self._errands):
                self._deliver(errand)

    async def stop(self) -> None:
        tasks = [task for server in self._servers for task in server.tasks]
        self._servers.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def use(self, starter: str) -> None:
        """It is here."""

    async def start(self, *, instance_id: str, orchestrator: str, input: Any) -> None:
        self._reach()
        assert orchestrator == "execution"
        self._begin(instance_id, self._recut(input))

    async def status(self, *, instance_id: str) -> Orchestration | None:
        self._reach()
        return Orchestration(instance_id, "running") if instance_id in self.instances else None

    async def raise_event(self, *, instance_id: str, name: str, data: Any = None) -> None:
        self._reach()
        self._sometimes_again(lambda: self._raise(instance_id, name, data))

    async def terminate(self, *, instance_id: str, reason: str) -> None:
        self._reach()
        self._terminate(instance_id)

    async def suspend(self, *, instance_id: str, reason: str) -> None:
        self._reach()
        self._suspend(instance_id, suspended=True)

    async def resume(self, *, instance_id: str, reason: str) -> None:
        self._reach()
        self._suspend(instance_id, suspended=False)

    async def purge(self, *, instance_id: str) -> None:
        self._reach()
        if (instance := self.instances.get(instance_id)) is not None and instance.ended:
            del self.instances[instance_id]

    async def purge_ended(self, *, created_before: datetime) -> bool:
        raise NotImplementedError

    def _reach(self) -> None:
        if not self.reachable:
            raise UnavailableError

    def _happens(self, part: float) -> bool:
        return part > 0 and self._chance.random() < part

    def _later(self, delay: float, happen: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(delay, self._happen, happen)

    def _happen(self, happen: Callable[[], None]) -> None:
        if not self._servers:
            self._held.append(happen)
            return
        try:
            happen()
        except Exception as error:  # noqa: BLE001 - it is told at the end
            self.failures.append(error)

    def _sometimes_again(self, happen: Callable[[], None]) -> None:
        """Have it happen: at once or later, and perhaps again."""
        how = self.unreliability
        if self._happens(how.slow):
            self._later(self._chance.uniform(0, how.lag), happen)
        else:
            happen()
        if self._happens(how.echoed):
            self._later(self._chance.uniform(0, how.lag), happen)

    def _act(self, kind: str, request: Mapping[str, Any], answer: Answer) -> None:
        errand = Errand(kind, json.loads(json.dumps(request)), answer)
        self._errands[errand] = None
        for _ in range(1 + self._happens(self.unreliability.twice)):
            self._deliver(errand)

    def _deliver(self, errand: Errand) -> None:
        server = self._chance.choice(self._servers)
        task = asyncio.ensure_future(self._run(server.platform, errand))
        server.tasks[task] = None
        task.add_done_callback(lambda task: self._done(server, task))

    def _done(self, server: Server, task: asyncio.Task[None]) -> None:
        server.tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None and server in self._servers:
            self.failures.append(error)

    async def _run(self, platform: Application, errand: Errand) -> None:
        activities: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Any]]] = {
            "step": platform.steps.run,
            "finish": platform.endings.finish,
        }
        while True:
            try:
                outcome = await activities[errand.kind](json.loads(json.dumps(errand.request)))
                break
            except (UnavailableError, LookupError):  # a replica may not have seen what is there
                await asyncio.sleep(PAUSE)
        if errand.kind == "step":
            self.answers.append((errand.request, outcome))
        self._answered(errand, json.loads(json.dumps(outcome)))

    def _answered(self, errand: Errand, outcome: Any) -> None:
        if errand.answered:
            return
        errand.answered = True
        del self._errands[errand]
        self._sometimes_again(lambda: errand.answer(outcome))
        if self._happens(self.unreliability.late):
            self._later(self._chance.uniform(0, self.unreliability.lag), lambda: self._deliver(errand))
