"""A small durable engine in virtual time: it runs the workflow and replays it from the start every turn.

What replays is a :class:`Runner`: here the plain generators; ``tests/replay`` has one for the functions as
the Durable Functions SDK has registered them. A turn must repeat every action of the turns before it.
"""

import heapq
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

type Outcome = Mapping[str, Any]
type Word = Mapping[str, Any]


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


@dataclass(frozen=True, slots=True)
class Attempt:
    """One activity call as it was made, and when it began and ended (virtual seconds)."""

    request: Mapping[str, Any]
    began: float
    ended: float
    outcome: Outcome | None


class World:
    """Runs an execution to its end. ``act`` gives each attempt's duration and outcome (None: it raises).

    ``lost`` are the segments that come to grief in the machinery, not in a step.
    """

    def __init__(
        self,
        runner: Runner,
        act: Callable[[Mapping[str, Any]], tuple[float, Outcome | None]],
        *,
        lost: frozenset[str] = frozenset(),
    ) -> None:
        self._runner = runner
        self._act = act
        self._lost = lost
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.now = 0.0
        self.instances: dict[str, Instance] = {}
        self.attempts: list[Attempt] = []
        self.finished: list[Mapping[str, Any]] = []
        self.marked: list[Mapping[str, Any]] = []
        """That the execution is being cancelled."""
        self.turns_run = 0

    def run(
        self,
        work: Mapping[str, Any],
        *,
        cancel_at: float | None = None,
        nudges: Sequence[tuple[float, str | Word]] = (),
    ) -> None:
        """Run ``work`` until nothing is left to happen; ``nudges`` are times and the steps or words told."""
        root = work["execution_id"]
        for at, said in nudges:
            self._nudge_later(at, root, {"step": said} if isinstance(said, str) else said)
        if cancel_at is not None:
            self._later(cancel_at, lambda: self._raise(root, "cancel"))
        self._start(Instance(root, "execution", _json(work)))
        while self._agenda:
            self.now, _, happen = heapq.heappop(self._agenda)
            happen()

    def _nudge_later(self, at: float, root: str, word: Word) -> None:
        self._later(at, lambda: self._raise(root, "nudge", word))

    def _later(self, delay: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now + delay, next(self._order), happen))

    def _start(self, instance: Instance) -> None:
        self.instances[instance.id] = instance
        self._later(0, lambda: self._turn(instance, instance.generation))

    def _turn(self, instance: Instance, generation: int) -> None:
        first = not instance.turns
        if instance.ended or instance.generation != generation or not (instance.inbox or first):
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
            case "step":
                self._attempt(instance, action)
            case "finish":
                ends = self.marked if action.data["status"] == "cancelling" else self.finished
                ends.append(action.data)
                self._tell_later(0, instance, Event("completed", action.id))
            case "segment" if action.target in self._lost:
                self._tell_later(1, instance, Event("failed", action.id))
            case "segment":
                parent = (instance.id, instance.generation, action.id)
                self._start(Instance(action.target, "execution_segment", _json(action.data), parent))
            case "timer":
                self._tell_later(action.data, instance, Event("fired", action.id))
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

    def _attempt(self, instance: Instance, action: Action) -> None:
        duration, outcome = self._act(action.data)
        self.attempts.append(Attempt(action.data, self.now, self.now + duration, outcome))
        event = Event("failed", action.id) if outcome is None else Event("completed", action.id, outcome)
        self._tell_later(duration, instance, event)

    def _end(self, instance: Instance, result: Any) -> None:
        instance.ended = True
        if instance.parent is not None:
            parent, generation, action = instance.parent
            self._tell(self.instances[parent], generation, Event("completed", action, _json(result)))

    def _raise(self, id: str, name: str, payload: Any = None) -> None:
        instance = self.instances.get(id)
        if instance is not None:
            self._tell(instance, instance.generation, Event("raised", data=name, payload=payload))

    def _tell_later(self, delay: float, instance: Instance, event: Event) -> None:
        generation = instance.generation
        self._later(delay, lambda: self._tell(instance, generation, event))

    def _tell(self, instance: Instance, generation: int, event: Event) -> None:
        """Put the event in the inbox; what belongs to an earlier generation is dropped."""
        if instance.ended or instance.generation != generation:
            return
        instance.inbox.append(replace(event, at=self.now))
        self._later(0, lambda: self._turn(instance, generation))


def _json(value: Any) -> Any:
    return json.loads(json.dumps(value))
