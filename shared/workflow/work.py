"""The work of an orchestration: which steps it runs, in what order, as plain JSON in its input.

A *lane* is a list of steps, each following the one before it. A *node* is a set of lanes that begin
together, after the nodes that it waits for, and that are done when all of them are. The cut of a plan into
nodes is made once, when the execution starts, and travels in the input: a later release may cut
differently without disturbing what is running.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

type Phase = Literal["steps", "compensations", "finally"]
"""What an execution is at: its steps; when they have come to a bad end, undoing those that completed; and
what runs at last."""

RENEW_AFTER: Final = 12
"""Completions after which an orchestration forgets its history, at the next moment when nothing runs."""


@dataclass(slots=True, eq=False)
class Lane:
    """What is left of a lane: ``steps[0]`` is due or being tried.

    ``attempt``, ``token`` and ``due`` are where that first step stands; ``due`` is when to go on with it.
    """

    steps: list[str]
    attempt: int = 1
    token: Any = None
    due: datetime | None = None
    items: tuple[int, int] | None = None
    """Of a step that runs for each item of a list: those that are left to it, the second not included."""
    collect: bool = False
    """Whether the items of its first step have run, and what they came to is to be put together."""
    gives_up: bool = False
    """Whether its first step waits for something that it can have stopped (``giving_up`` says it is)."""
    giving_up: bool = False
    """Whether its first step is having that stopped. No history is forgotten at such a time."""
    nudged: bool = False
    """Whether a nudge came while the step was being asked. No history is forgotten at such a time."""

    @property
    def owes(self) -> bool:
        """Whether it may not be dropped: what it waits for is stopped first, or its items put together."""
        return self.gives_up or self.collect

    @property
    def may_have_completed(self) -> bool:
        """Whether its first step may have, although nobody said so: its items, or what was asked twice."""
        return self.collect or self.token is not None

    def is_at(self, item: int | None) -> bool:
        """Whether the item is the one that its first step is run for; None: whichever that is."""
        return item is None or self.items is None or self.items[0] == item

    def may_be_at(self, item: int | None) -> bool:
        """Whether the item is among those that its first step is still run for."""
        return item is None or self.items is None or self.items[0] <= item < self.items[1]

    def to_json(self) -> Any:
        """The bare list while its first step has not been tried."""
        more = {
            **({"items": list(self.items)} if self.items else {}),
            **({"collect": True} if self.collect else {}),
            **({"gives_up": True} if self.gives_up else {}),
        }
        if self.attempt == 1 and self.due is None and self.token is None and not more:
            return self.steps
        due = self.due.isoformat() if self.due else None
        return {"steps": self.steps, "attempt": self.attempt, "token": self.token, "due": due, **more}

    @classmethod
    def from_json(cls, data: Any) -> "Lane":
        if isinstance(data, list):
            return cls(list(data))
        due = datetime.fromisoformat(data["due"]) if data["due"] else None
        first, end = data.get("items", (0, 0))
        items = (first, end) if end else None
        return cls(
            list(data["steps"]),
            data["attempt"],
            data["token"],
            due,
            items,
            data.get("collect", False),
            data.get("gives_up", False),
        )


@dataclass(slots=True, eq=False)
class Node:
    """Lanes that begin together. ``after`` has the keys of the nodes that must end well before."""

    key: int
    lanes: list[Lane]
    after: list[int] = field(default_factory=list[int])
    apart: bool = False
    """Whether it runs as an orchestration of its own."""
    stopped: bool = False
    """Whether a failure has stopped one of its lanes."""

    @property
    def steps(self) -> list[str]:
        """The steps that are left in it."""
        return [step for lane in self.lanes for step in lane.steps]

    def to_json(self) -> list[Any]:
        return [self.key, [lane.to_json() for lane in self.lanes], self.after, self.apart, self.stopped]

    @classmethod
    def from_json(cls, data: Sequence[Any]) -> "Node":
        key, lanes, after, apart, stopped = data
        return cls(key, [Lane.from_json(lane) for lane in lanes], list(after), apart, stopped)


@dataclass(slots=True)
class Result:
    """What some work came to: the ids of the steps that did not end well, in the order it was known."""

    failed: list[str] = field(default_factory=list[str])
    blocked: list[str] = field(default_factory=list[str])
    """Never run, because a step that they depend on failed."""
    cancelled: list[str] = field(default_factory=list[str])
    """Not begun, or waiting between two attempts, when the cancellation came."""
    stopped: bool = False
    """Whether a failure stopped it short of its end (a tolerated failure does not)."""
    completed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Of the steps that can be undone, those that completed, and when (ISO 8601)."""
    terminated: bool = False
    """Whether it was ended where it stood."""

    def add(self, other: "Result") -> None:
        self.failed += other.failed
        self.blocked += other.blocked
        self.cancelled += other.cancelled
        self.stopped = self.stopped or other.stopped
        self.completed += other.completed
        self.terminated = self.terminated or other.terminated

    def to_json(self) -> dict[str, Any]:
        return {
            "failed": self.failed,
            "blocked": self.blocked,
            "cancelled": self.cancelled,
            "stopped": self.stopped,
            **({"completed": self.completed} if self.completed else {}),
            **({"terminated": True} if self.terminated else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Result":
        completed = [(step, at) for step, at in data.get("completed", ())]
        return cls(
            failed=list(data["failed"]),
            blocked=list(data["blocked"]),
            cancelled=list(data["cancelled"]),
            stopped=data["stopped"],
            completed=completed,
            terminated=data.get("terminated", False),
        )


@dataclass(slots=True)
class Work:
    """The input of an orchestration."""

    tenant_id: str
    execution_id: str
    nodes: list[Node]
    tolerant: frozenset[str] = frozenset()
    """The steps whose failure does not stop what depends on them (``continue_on_error``)."""
    renew_after: int = RENEW_AFTER
    breathe_after: int = 0
    """Completions after which it waits for such a moment (``breathing.py``); 0: it never does."""
    first: bool = True
    """Whether this is the very beginning of the execution."""
    so_far: Result = field(default_factory=Result)
    """What the generations before this one came to, in this phase."""
    compensatable: frozenset[str] = frozenset()
    """The steps that can be undone."""
    phase: Phase = "steps"
    last: list[Node] = field(default_factory=list[Node])
    """What runs when the steps have come to their end."""
    timeout: float | None = None
    """Seconds from the start after which the steps are cancelled."""
    deadline: datetime | None = None
    """When that is, once it has started."""
    undoable: list[str] = field(default_factory=list[str])
    """Of what runs at last: the steps that completed before it and could be undone, the last first."""
    limit: int = 0
    """Of the items of a step: the most that run at a time. What fails untolerated stops the others."""
    name: str = ""
    """What the orchestrations of its nodes are named after; empty: the execution."""
    paused: bool = False
    """Whether nothing more of it begins until it is resumed."""
    steered: int = 0
    """The number of the last word to pause or resume that was heeded (``steering.py``)."""
    end: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the phases before this one came to, as it is recorded at the end (``phases.py``)."""

    @property
    def names(self) -> dict[str, Any]:
        """Whose it is, as every activity is told."""
        return {"tenant_id": self.tenant_id, "execution_id": self.execution_id}

    def to_json(self) -> dict[str, Any]:
        return {
            "tenant_id": self.tenant_id,
            "execution_id": self.execution_id,
            "nodes": [node.to_json() for node in self.nodes],
            "tolerant": sorted(self.tolerant),
            "renew_after": self.renew_after,
            **({"breathe_after": self.breathe_after} if self.breathe_after else {}),
            "first": self.first,
            "so_far": self.so_far.to_json(),
            **({"phase": self.phase, "end": self.end} if self.phase != "steps" else {}),
            **({"compensatable": sorted(self.compensatable)} if self.compensatable else {}),
            **({"timeout": self.timeout} if self.timeout is not None else {}),
            **({"deadline": self.deadline.isoformat()} if self.deadline else {}),
            **({"undoable": self.undoable} if self.undoable else {}),
            **({"limit": self.limit, "name": self.name} if self.limit else {}),
            **({"last": [node.to_json() for node in self.last]} if self.last else {}),
            **({"paused": self.paused, "steered": self.steered} if self.steered else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Work":
        return cls(
            tenant_id=data["tenant_id"],
            execution_id=data["execution_id"],
            nodes=[Node.from_json(node) for node in data["nodes"]],
            tolerant=frozenset(data["tolerant"]),
            renew_after=data["renew_after"],
            breathe_after=data.get("breathe_after", 0),
            first=data["first"],
            so_far=Result.from_json(data["so_far"]),
            compensatable=frozenset(data.get("compensatable", ())),
            timeout=data.get("timeout"),
            deadline=datetime.fromisoformat(data["deadline"]) if "deadline" in data else None,
            undoable=data.get("undoable", []),
            limit=data.get("limit", 0),
            name=data.get("name", ""),
            phase=data.get("phase", "steps"),
            last=[Node.from_json(node) for node in data.get("last", ())],
            end=data.get("end", {}),
            paused=data.get("paused", False),
            steered=data.get("steered", 0),
        )
