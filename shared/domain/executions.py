"""Executions: one run of a plan, the states it passes through, and what a step attempt comes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.domain.approvals import Approval
from shared.domain.estimates import NO_ESTIMATE, Estimate
from shared.domain.intents import Deprecation
from shared.domain.places import Place

type ExecutionStatus = Literal[
    "pending", "running", "waiting", "paused", "cancelling", "completed", "failed", "cancelled"
]
type StepStatus = Literal[
    "pending",
    "running",
    "waiting",
    "retrying",
    "completed",
    "skipped",
    "failed",
    "cancelled",
    "compensated",
]
type TerminalStatus = Literal["completed", "failed", "cancelled"]

EXECUTION_STATUSES: tuple[ExecutionStatus, ...] = ExecutionStatus.__value__.__args__
TERMINAL_STATUSES = frozenset({"completed", "failed", "cancelled"})
STEP_TERMINAL_STATUSES = frozenset({"completed", "skipped", "failed", "cancelled", "compensated"})
QUEUED: Final = "queued"
"""The stored status of an execution that waits for its turn (``limits.py``); it is shown as ``pending``."""

MAX_OUTPUT_BYTES: Final = 16 * 1024 * 1024
"""The largest outputs of a step, and of an execution, as JSON, unless an operator says otherwise."""


def waits_for_turn(head: Mapping[str, Any]) -> bool:
    """Whether a limit holds the execution with this head back, be it paused or not: it is not started yet."""
    return head["status"] == QUEUED or (head["status"] == "paused" and head.get("in_queue") is True)


@dataclass(frozen=True, slots=True)
class Progress:
    """How many steps have come to an end, and how."""

    total: int
    completed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def percent(self) -> int:
        """The whole percent of steps that have come to an end, whichever way (0 to 100)."""
        ended = self.completed + self.failed + self.skipped
        return 100 * ended // self.total if self.total else 100

    def counting(self, counter: str) -> "Progress":
        """This progress with one more step in ``counter``."""
        counts = {"completed": self.completed, "failed": self.failed, "skipped": self.skipped}
        counts[counter] += 1
        return Progress(self.total, **counts)

    def to_json(self) -> dict[str, int]:
        return {
            "total": self.total,
            "completed": self.completed,
            "failed": self.failed,
            "skipped": self.skipped,
            "percent": self.percent,
        }


@dataclass(frozen=True, slots=True)
class StepState:
    """How one step of an execution stands. Times are RFC 3339 in UTC."""

    id: str
    action: str
    status: StepStatus = "pending"
    attempts: int = 0
    started_at: str | None = None
    finished_at: str | None = None
    outputs: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    compensation: Mapping[str, Any] | None = None
    """How undoing it stands: ``status``, ``attempts``, ``started_at``, ``finished_at``, ``error``."""
    approval: Approval | None = None
    """What it has asked people for."""
    waiting: Sequence[Mapping[str, Any]] = ()
    """What it waits for: ``for``, ``step``, ``since``, ``until`` and more, as ``waiting.py`` has it."""
    child: str | None = None
    """The id of the execution that it has had executed."""
    would: Mapping[str, Any] | None = None
    """Of a dry run: what the action would do."""
    unknown: Sequence[str] = ()
    """Of a dry run: what only a real run can tell, as pointers into the step (``dry_runs.py``)."""
    kept_from: str | None = None
    """The execution in which it ran, if this one is a retry that has kept it."""
    duration: float | None = None
    """Seconds that its last attempt took, or has taken so far."""
    expected: float | None = None
    """Seconds that it takes as a rule."""

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "action": self.action,
            "status": self.status,
            "attempts": self.attempts,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "duration": self.duration,
            "expected": self.expected,
            "outputs": self.outputs,
            "error": self.error,
            "compensation": self.compensation,
            "waiting": list(self.waiting),
            "approval": self._approval(),
            "child": self.child,
            "kept_from": self.kept_from,
            "would": self.would,
            "unknown": list(self.unknown),
        }

    def _approval(self) -> dict[str, Any] | None:
        """What it has asked people for; ``withdrawn`` when it ended before they decided."""
        if self.approval is None:
            return None
        withdrawn = self.approval.waits and self.status in STEP_TERMINAL_STATUSES
        return self.approval.shown() | ({"status": "withdrawn"} if withdrawn else {})


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of an intent. ``steps`` is empty where only the head was asked for.

    ``schedule`` is the one that started it, ``{"name", "scheduled_at"}``; None: a member did.
    ``parent`` is the step that asked for it, ``{"execution_id", "step", "item", "root", "depth"}``.
    ``deprecation`` is its intent's, for who has just started it. ``retry_of`` is the execution that it is a
    retry of, ``retried_by`` the one that is its retry.
    """

    execution_id: str
    intent_id: str
    tenant_id: str
    status: ExecutionStatus
    parameters: Mapping[str, Any]
    plan_hash: str
    progress: Progress
    created_at: str
    created_by: str
    schedule: Mapping[str, str] | None = None
    started_at: str | None = None
    finished_at: str | None = None
    error: Mapping[str, Any] | None = None
    steps: Sequence[StepState] = ()
    outputs: Mapping[str, Any] | None = None
    deprecation: Deprecation | None = None
    waiting: Sequence[Mapping[str, Any]] = ()
    """What it waits for, over all of its steps, where they were asked for."""
    parent: Mapping[str, Any] | None = None
    dry_run: bool = False
    undecided: Mapping[str, Any] | None = None
    """Of a dry run that has ended: the ``steps`` and ``outputs`` that only a real run can decide."""
    retry_of: str | None = None
    retried_by: str | None = None
    estimate: Estimate = NO_ESTIMATE
    """How long it will still take, where its steps were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """Which executions: those that all of this holds for.

    ``intent`` is a name (every version) or an id (that version), ``parent`` whose steps have asked for them,
    ``dry_run`` whether only those that are dry runs, or only the others, ``ended`` whether only those that
    have. ``since`` and ``until`` are when they were created, as :func:`~shared.domain.times.rfc3339` spells
    it, the first included, the second not.
    """

    intent: str | None = None
    status: str | None = None
    parent: str | None = None
    dry_run: bool | None = None
    since: str | None = None
    until: str | None = None
    ended: bool | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one step, as the orchestrator asks an activity for it.

    ``first`` marks the steps that start an execution. ``token`` is what a pending action left to be
    polled with, None before the action has begun. ``ending`` is what the execution has come to when the
    attempt is one of what comes after its steps; with ``compensates`` it is to undo the step.
    ``item`` is the place in the list of a step with ``foreach``; with ``collect`` all of them have run.
    ``gives_up`` is why what a pending action has begun is to be stopped: its execution is.
    """

    tenant_id: str
    execution_id: str
    step: str
    attempt: int
    first: bool = False
    token: Any = None
    ending: TerminalStatus | None = None
    compensates: bool = False
    item: int | None = None
    collect: bool = False
    gives_up: Literal["cancel", "terminate"] | None = None

    @property
    def place(self) -> Place:
        return Place(self.execution_id, self.step, self.attempt, self.item, self.compensates)

    @property
    def key(self) -> str:
        return self.place.key

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> "Attempt":
        return cls(**payload)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to, as data: an orchestrator never has to guess about an exception.

    ``delay`` (seconds) says when to go on: before the next attempt of a ``retry``, before polling
    a ``pending`` one with ``token``. Of ``items`` there are ``count`` to run, at most ``limit`` at a time.
    One that was ``cancelled`` may be so because its execution is ``terminated``.
    With ``gives_up`` the action can stop what it has begun, and is asked to when nothing more begins.
    """

    status: Literal["completed", "skipped", "failed", "retry", "pending", "cancelled", "items"]
    delay: float = 0
    token: Any = None
    error: Mapping[str, Any] | None = None
    count: int = 0
    limit: int = 0
    terminated: bool = False
    gives_up: bool = False

    def to_json(self) -> dict[str, Any]:
        """The short form that an orchestration's history keeps: absent means the default."""
        out: dict[str, Any] = {"status": self.status}
        if self.delay:
            out["delay"] = self.delay
        if self.token is not None:
            out["token"] = self.token
        if self.error is not None:
            out["error"] = dict(self.error)
        if self.count:
            out |= {"count": self.count, "limit": self.limit}
        if self.terminated:
            out["terminated"] = True
        if self.gives_up:
            out["gives_up"] = True
        return out
