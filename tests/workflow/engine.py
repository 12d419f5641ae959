"""A small durable engine: it runs the workflow and replays it from the start every turn.

What replays is a :class:`Runner`: here the plain generators; ``tests/replay`` has one for the functions as
the Durable Functions SDK has registered them. A turn must repeat every action of the turns before it.

Time and activities are whoever's the engine is: scripted and virtual in ``world.py``, the platform's own in
``live.py``.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Action:
    """What a workflow asks for. ``kind``: step, finish, segment, timer, signal, renew or done."""

    kind: str
    id: int
    data: Any = None
    target: str = ""
    payload: Any = None
    """What a signal brings."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a workflow is told. ``kind``: completed, failed, fired or raised (then ``data`` is a name)."""

    kind: str
    id: int = 0
    data: Any = None
    at: float = 0.0
    payload: Any = None
    """What an event that was raised brings."""


class Runner(Protocol):
    def replay(self, instance: "Instance", turns: Sequence[Sequence[Event]]) -> list[Action]:
        """All the actions of the present generation, from its start through ``turns``."""
        ...


@dataclass(slots=True)
class Instance:
    id: str
    orchestrator: str
    input: Any
    parent: tuple[str, int, int] | None = None
    """The parent's id, its generation, and the action that this is the answer to."""
    generation: int = 0
    turns: list[list[Event]] = field(default_factory=list[list[Event]])
    actions: list[Action] = field(default_factory=list[Action])
    inbox: list[Event] = field(default_factory=list[Event])
    now: float = 0.0
    began: float = 0.0
    """When the present generation did."""
    ended: bool = False
    suspended: bool = False


class Answer(Protocol):
    """Takes what an activity came to; after the first, nobody listens."""

    def __call__(self, result: Any = None, *, failed: bool = False) -> None: ...


class Engine(ABC):
    """The instances, and what they are told.

    ``lost`` are the segments that come to grief in the machinery, not in a step.
    """

    def __init__(self, runner: Runner, *, lost: frozenset[str] = frozenset()) -> None:
        self._runner = runner
        self._lost = lost
        self.instances: dict[str, Instance] = {}
        self.turns_run = 0

    @property
    @abstractmethod
    def now(self) -> float:
        """Seconds since some beginning."""

    @abstractmethod
    def _later(self, delay: float, happen: Callable[[], None]) -> None:
        """Have something happen after so many seconds."""

    @abstractmethod
    def _act(self, kind: str, request: Mapping[str, Any], answer: Answer) -> None:
        """Have an activity (``step`` or ``finish``) run."""

    def _begin(self, id: str, work: Any) -> None:
        """Begin an execution's orchestration, unless there is one."""
        if id not in self.instances:
            self._start(Instance(id, "execution", _json(work)))

    def _raise(self, id: str, name: str, payload: Any = None) -> None:
        instance = self.instances.get(id)
        if instance is not None:
            self._tell(instance, instance.generation, Event("raised", data=name, payload=payload))

    def _terminate(self, id: str) -> None:
        """End an instance and those that it has begun, where they stand."""
        for instance in self.instances.values():
            if instance.id == id or (instance.parent and instance.parent[0] == id and not instance.ended):
                instance.ended = True
                if instance.id != id:
                    self._terminate(instance.id)

    def _suspend(self, id: str, *, suspended: bool) -> None:
        if (instance := self.instances.get(id)) is not None:
            instance.suspended = suspended
            self._take_turn_later(instance)

    def _start(self, instance: Instance) -> None:
        self.instances[instance.id] = instance
        self._take_turn_later(instance)

    def _take_turn_later(self, instance: Instance) -> None:
        generation = instance.generation
        self._later(0, lambda: self._turn(instance, generation))

    def _turn(self, instance: Instance, generation: int) -> None:
        first = not instance.turns
        if instance.ended or instance.suspended or instance.generation != generation:
            return
        if not instance.inbox and not first:
            return
        instance.now = self.now
        instance.began = self.now if first else instance.began
        instance.turns.append(instance.inbox)
        instance.inbox = []
        self.turns_run += 1
        actions = self._runner.replay(instance, instance.turns)
        known = len(instance.actions)
        assert actions[:known] == instance.actions, "a replay decided otherwise"
        instance.actions = actions
        for action in actions[known:]:
            self._perform(instance, action)

    def _perform(self, instance: Instance, action: Action) -> None:
        match action.kind:
            case "step" | "finish":
                self._act(action.kind, action.data, self._answer(instance, action.id))
            case "segment" if action.target in self._lost:
                self._later(1, lambda: self._answer(instance, action.id)(failed=True))
            case "segment":
                parent = (instance.id, instance.generation, action.id)
                self._start(Instance(action.target, "execution_segment", _json(action.data), parent))
            case "timer":
                generation, fired = instance.generation, Event("fired", action.id)
                self._later(action.data, lambda: self._tell(instance, generation, fired))
            case "signal":
                self._raise(action.target, action.data, action.payload)
            case "renew":
                instance.generation += 1
                instance.input = _json(action.data["work"])
                instance.turns, instance.actions = [], []
                instance.inbox = [
                    Event("raised", data=name, payload=load) for name, load in action.data["events"]
                ]
                self._start(instance)
            case _:
                self._end(instance, action.data)

    def _answer(self, instance: Instance, id: int) -> Answer:
        generation = instance.generation

        def answer(result: Any = None, *, failed: bool = False) -> None:
            event = Event("failed", id) if failed else Event("completed", id, result)
            self._tell(instance, generation, event)

        return answer

    def _end(self, instance: Instance, result: Any) -> None:
        instance.ended = True
        if instance.parent is not None:
            parent, generation, action = instance.parent
            self._tell(self.instances[parent], generation, Event("completed", action, _json(result)))

    def _tell(self, instance: Instance, generation: int, event: Event) -> None:
        """Put the event in the inbox; what belongs to an earlier generation is dropped."""
        if instance.ended or instance.generation != generation:
            return
        instance.inbox.append(replace(event, at=self.now))
        self._take_turn_later(instance)


def _json(value: Any) -> Any:
    return json.loads(json.dumps(value))
