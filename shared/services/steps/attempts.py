"""How a step attempt is written down: its documents, its events and the head's progress, in one transaction.

Activities are delivered at least once, and two deliveries of an attempt may come to different ends. One of
them records: the beginning is an event that is created once, and whatever follows is written on condition
that the step still stands where this delivery knows it to.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from shared.domain.executions import STEP_TERMINAL_STATUSES, Attempt, Outcome, StepStatus
from shared.domain.plans import PlanStep
from shared.domain.times import rfc3339
from shared.domain.waiting import Waiting, load
from shared.ports.documents import Create, Operation, Patch, Path
from shared.services.executions.runs import Run, item_document_id, item_kind, step_document_id
from shared.services.records import event, event_id
from shared.services.steps.packing import Packed

HEAD: Final = "execution"
"""The id of an execution's head document."""
OUTPUTS: Final = "outputs"
"""The id, and the kind, of the document with what an execution came to."""

_TERMINATED: Final = {"code": "TERMINATED", "message": "the execution was terminated while this ran"}
"""The error of what was broken off because of that."""

type End = Literal["completed", "skipped", "failed"]
type Stored = Mapping[str, Any]
"""What something waits for, as :class:`~shared.domain.waiting.Waiting` has it stored."""


class _Record:
    """What both kinds of records know of the delivery that writes them.

    Attributes:
        started: when the attempt began.
        announced: whether its beginning is stored.
        foreseen: of a dry run, what the step tells beside: what it would do, and what is unknown.
        items: of a step that is run for a list of items, how many those are.
        standing: what the stored state says while it is this delivery's to change; None: there is none.
        weight: bytes of the large outputs that are stored with it.
    """

    _at: Path = ()
    """Where the state is in the step's document."""

    def __init__(self, run: Run, attempt: Attempt, *, started: datetime) -> None:
        self._run = run
        self._attempt = attempt
        self._trace = run.trace
        self._prefix = "step" if attempt.item is None else "item"
        """Of the types of its events."""
        self.document_id = _document_id(attempt)
        self.started = started
        self.announced = False
        self.weight = 0
        self.items: int | None = None
        self.foreseen: Mapping[str, Any] = {}
        self.standing: StepStatus | None = "retrying" if attempt.attempt > 1 else None

    def take_up(self, status: StepStatus = "running") -> None:
        """The beginning is stored, by whichever delivery, and the state says ``status`` since."""
        self.announced, self.standing = True, status

    def _counted(self, status: StepStatus, progress: End | None = None) -> Sequence[Operation]:
        """Have the head count that the state says ``status`` from now on."""
        change = self._load(status) - self._load(self.standing)
        counts: dict[Path, int] = {("progress", progress): 1} if progress else {}
        if change and self._run.loaded:
            counts["load",] = change
        if self.weight and self._run.weighed:
            counts["weight",] = self.weight
        return (Patch(HEAD, increment=counts),) if counts else ()

    def _load(self, status: StepStatus | None) -> int:
        """Of a step that has its items run, or undone, they are what runs or waits."""
        attempt = self._attempt
        spreads = attempt.item is None and self._run.plan.step(attempt.step).foreach is not None
        return 0 if spreads else load(status)

    @property
    def _unchanged(self) -> dict[Path, Any]:
        """What the stored state says if no other delivery has recorded anything since."""
        if self.standing is None:
            return {}
        attempts = self._attempt.attempt - (not self.announced)
        return {(*self._at, "status"): self.standing, (*self._at, "attempts"): attempts}


class AttemptRecord(_Record):
    """The documents of one attempt of a step, or of one of its items, as they change."""

    def __init__(self, run: Run, attempt: Attempt, step: PlanStep, *, started: datetime) -> None:
        super().__init__(run, attempt, started=started)
        self._step = step

    @property
    def first_event_id(self) -> str:
        """Of the event that tells the beginning of the first attempt."""
        return event_id(f"{self._key}:1", f"{self._prefix}_started")

    @property
    def _key(self) -> str:
        return f"{self._attempt.step}{_place(self._attempt)}"

    def state_in(self, stored: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Where the attempts stand, of the step's document; None: none was recorded."""
        return stored

    def begin(self) -> list[Operation]:
        """The attempt has begun: ``step_started``, and the step's document."""
        count = {} if self.items is None else {"items": self.items}
        started = self._event("started", self.started, **count)
        return [started, self._state("running"), *self._counted("running")]

    def end(
        self, ended: End, *, now: datetime, outputs: Packed | None, error: Mapping[str, Any] | None
    ) -> list[Operation]:
        """The step has come to its end; the head counts it."""
        data = {"result": outputs.shown} if outputs else {}
        return [
            *self._start_event(ended),
            self._event(ended, now, **data, **({"error": error} if error else {}), **self.foreseen),
            self._state(ended, finished=now, outputs=outputs, error=error),
            *self._counted(ended, ended if self._attempt.item is None else None),
        ]

    def retrying(self, *, now: datetime, delay: float, error: Mapping[str, Any]) -> list[Operation]:
        """The attempt failed and another will follow after ``delay`` seconds."""
        return [
            *self._start_event("retrying"),
            self._event("retrying", now, error=error, delay=delay),
            self._state("retrying", error=error, waiting=_retry(now, delay)),
            *self._counted("retrying"),
        ]

    def waiting(self, *, token: Any, waiting: Stored) -> list[Operation]:
        """The action has begun something that takes long; ``token`` is what to ask it with."""
        return [
            *self._start_event("waiting"),
            self._state("waiting", token=token, waiting=waiting),
            *self._counted("waiting"),
        ]

    def given_up(
        self, *, now: datetime, terminated: bool, error: Mapping[str, Any] | None = None
    ) -> list[Operation]:
        """The action was broken off, or what it had begun was stopped; ``error`` is why that failed.

        There is no event of it: the end of the execution tells.
        """
        error = error or (_TERMINATED if terminated else None)
        cancelled = self._state("cancelled", finished=now, error=error, token=self._attempt.token)
        return [*self._start_event("cancelled"), cancelled, *self._counted("cancelled")]

    def _start_event(self, what: str) -> Sequence[Operation]:
        if self.announced or what == "skipped":
            return ()
        return (self._event("started", self.started),)

    def _event(self, what: str, now: datetime, **data: Any) -> Operation:
        attempt = self._attempt
        item = {} if attempt.item is None else {"item": attempt.item}
        body = event(
            key=f"{self._key}:{attempt.attempt}",
            type=f"{self._prefix}_{what}",
            now=now,
            data={"step": attempt.step, **item, "attempt": attempt.attempt, **self._run.mark, **data},
            trace=self._trace,
        )
        return Create(body)

    def _state(
        self,
        status: StepStatus,
        *,
        finished: datetime | None = None,
        outputs: Packed | None = None,
        error: Mapping[str, Any] | None = None,
        token: Any = None,
        waiting: Stored | None = None,
    ) -> Operation:
        state = {
            "status": status,
            "attempts": self._attempt.attempt,
            "started_at": None if status == "skipped" else rfc3339(self.started),
            "finished_at": rfc3339(finished) if finished else None,
            **(outputs.fields if outputs else {"outputs": None}),
            "error": error,
            "token": token,
            "waiting": waiting,
            **self.foreseen,
            # Whoever retries the execution asks what may have taken effect (``domain/retrying.py``).
            **({"acted": False} if error and self._step.side_effect != "pure" and not self.announced else {}),
        }
        if self.standing is not None:
            changes: dict[Path, Any] = {(name,): value for name, value in state.items()}
            return Patch(self.document_id, set=changes, where=self._unchanged)
        about = {"id": self.document_id, **_kind(self._attempt)}
        return Create({**about, "step": self._attempt.step, "action": self._step.action, **state})


class CompensationRecord(_Record):
    """One attempt to undo a step, or one of its items, as it changes: ``compensation`` of its document.

    Attributes:
        marks: whether what was undone is marked as ``compensated``: it had completed as a whole.
    """

    _at = ("compensation",)
    marks = True

    @property
    def first_event_id(self) -> str:
        return event_id(f"{self._key}:1", f"{self._prefix}_compensating")

    @property
    def _key(self) -> str:
        return f"{self._attempt.step}{_place(self._attempt)}:compensation"

    def state_in(self, stored: Mapping[str, Any]) -> Mapping[str, Any] | None:
        state: Mapping[str, Any] | None = stored.get("compensation")
        return state

    def begin(self) -> list[Operation]:
        return [
            self._event("compensating", self.started),
            self._state("running"),
            *self._counted("running"),
        ]

    def end(
        self, ended: End, *, now: datetime, outputs: Packed | None, error: Mapping[str, Any] | None
    ) -> list[Operation]:
        """It has been undone, or will not be."""
        undone = ended != "failed"
        data = {"result": outputs.shown} if outputs else {}
        return [
            *self._start_event(),
            self._event(
                "compensated" if undone else "compensation_failed",
                now,
                **data,
                **({"error": error} if error else {}),
            ),
            self._state(ended, finished=now, error=error, undone=undone),
            *self._counted(ended),
        ]

    def retrying(self, *, now: datetime, delay: float, error: Mapping[str, Any]) -> list[Operation]:
        return [
            *self._start_event(),
            self._event("retrying", now, error=error, delay=delay),
            self._state("retrying", error=error, waiting=_retry(now, delay)),
            *self._counted("retrying"),
        ]

    def waiting(self, *, token: Any, waiting: Stored) -> list[Operation]:
        return [
            *self._start_event(),
            self._state("waiting", token=token, waiting=waiting),
            *self._counted("waiting"),
        ]

    def given_up(
        self, *, now: datetime, terminated: bool, error: Mapping[str, Any] | None = None
    ) -> list[Operation]:
        error = error or (_TERMINATED if terminated else None)
        return [
            *self._start_event(),
            self._state("cancelled", finished=now, error=error),
            *self._counted("cancelled"),
        ]

    def _start_event(self) -> Sequence[Operation]:
        return () if self.announced else (self._event("compensating", self.started),)

    def _event(self, what: str, now: datetime, **data: Any) -> Operation:
        attempt = self._attempt
        item = {} if attempt.item is None else {"item": attempt.item}
        body = event(
            key=f"{self._key}:{attempt.attempt}",
            type=f"{self._prefix}_{what}",
            now=now,
            data={"step": attempt.step, **item, "attempt": attempt.attempt, "compensation": True, **data},
            trace=self._trace,
        )
        return Create(body)

    def _state(
        self,
        status: StepStatus,
        *,
        finished: datetime | None = None,
        error: Mapping[str, Any] | None = None,
        token: Any = None,
        waiting: Stored | None = None,
        undone: bool = False,
    ) -> Operation:
        state = {
            "status": status,
            "attempts": self._attempt.attempt,
            "started_at": rfc3339(self.started),
            "finished_at": rfc3339(finished) if finished else None,
            "error": error,
            "token": token,
            "waiting": waiting,
        }
        changes: dict[Path, Any] = {("compensation",): state}
        if undone and self.marks:
            changes["status",] = "compensated"
        return Patch(self.document_id, set=changes, where=self._unchanged)


def _retry(now: datetime, delay: float) -> Stored:
    return Waiting("retry", now + timedelta(seconds=delay)).since(rfc3339(now))


type Record = AttemptRecord | CompensationRecord


def _place(attempt: Attempt) -> str:
    return "" if attempt.item is None else f":item:{attempt.item}"


def _document_id(attempt: Attempt) -> str:
    if attempt.item is None:
        return step_document_id(attempt.step)
    return item_document_id(attempt.step, attempt.item)


def _kind(attempt: Attempt) -> Mapping[str, Any]:
    if attempt.item is None:
        return {"kind": "step"}
    return {"kind": item_kind(attempt.step), "item": attempt.item}


def outcome_in(state: Mapping[str, Any], attempt: int) -> Outcome | None:
    """What a step's state says that ``attempt`` came to, or None while it does not say."""
    if state["status"] == "cancelled":
        return Outcome("cancelled", terminated=state["error"] == _TERMINATED)
    if state["status"] in STEP_TERMINAL_STATUSES:
        return Outcome(state["status"], error=state["error"])
    if state["attempts"] < attempt:
        return None
    if state["attempts"] > attempt or state["status"] == "retrying":
        return Outcome("retry")
    if state["status"] == "waiting":
        return Outcome("pending", token=state["token"])
    return None


def beginnings(now: datetime) -> Sequence[Operation]:
    """Ways to mark that an execution has begun; the first that is not refused as stale is the right one.

    It is pending, and runs now; or it has been paused or cancelled meanwhile, and is that.
    """
    started: dict[Path, Any] = {("started_at",): rfc3339(now)}
    return (
        Patch(HEAD, set={("status",): "running", **started}, where={("status",): "pending"}),
        Patch(HEAD, set=started, where={("started_at",): None}),
    )
