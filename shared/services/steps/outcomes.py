"""What an attempt came to: written down once, by whichever delivery is first, and said by all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from shared.domain.errors import UnavailableError
from shared.domain.executions import Attempt, Outcome
from shared.domain.metrics import STEP_DURATION
from shared.domain.plans import PlanStep
from shared.domain.retries import retry_delay
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.actions import Action, ActionError, Pending
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, Documents
from shared.ports.telemetry import NOTHING, Telemetry
from shared.security.redaction import Redactor
from shared.security.scope import TenantScope
from shared.services.executions.freshness import catch_up
from shared.services.executions.runs import Run
from shared.services.steps.attempts import HEAD, AttemptRecord, CompensationRecord, End, Record, outcome_in
from shared.services.steps.packing import Packed, outputs_path, pack
from shared.services.steps.recording import Recording

TOGETHER: Final = 32
"""The large outputs of an execution may be so many times as much as those of one step."""

FEW_BYTES: Final = 32 * 1024
"""Of JSON, that are looked through for secrets in a millisecond."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt: what of which execution is done, and by what action."""

    scope: TenantScope
    run: Run
    attempt: Attempt
    step: PlanStep
    action: Action


class Outcomes:
    """The record of one delivery of an attempt.

    Whatever an attempt says comes through here, and leaves its secrets here (``redactor``): there is no other
    way into the store, into what the orchestration remembers, or to anybody who watches.
    """

    def __init__(
        self,
        tried: Tried,
        documents: Documents,
        clock: Clock,
        telemetry: Telemetry,
        redactor: Redactor,
        *,
        max_output_bytes: int,
    ) -> None:
        self._max_output_bytes = max_output_bytes
        self._scope = tried.scope
        self._run = run = tried.run
        self._attempt = attempt = tried.attempt
        self._step = tried.step
        self._action = tried.action
        self._documents = documents
        self._clock = clock
        self._telemetry = telemetry
        self._redactor = redactor
        self._record: Record = (
            CompensationRecord(run, attempt, started=clock.now())
            if attempt.compensates
            else AttemptRecord(run, attempt, tried.step, started=clock.now())
        )
        self._recording = Recording(documents, tried.scope, run, attempt, self._record)
        self.again = False
        self._first_began: datetime | None = None
        """When the first attempt began, where that is asked of a later one."""

    @property
    def over(self) -> datetime:
        """When the attempt has taken as long as it may."""
        return self._record.started + timedelta(seconds=self._step.timeout)

    async def prepare(self) -> None:
        """Look up what recording will need. Behind the action, nothing may fail that the store says."""
        if self._attempt.attempt > 1 and self._step.retry.budget is not None:
            self._first_began = await self._look_when_first_began()

    async def announce(self, *, items: int | None = None) -> Outcome | None:
        """Store that the attempt begins, of one with ``items`` for so many; what is recorded of it, if it is.

        If an earlier delivery has begun it, this one is ``again``.
        """
        self._record.items = items
        self.again = not await self._recording.write(self._record.begin())
        if self.again and (known := await self.known()) is not None:
            return known
        self._record.take_up()
        return None

    async def known(self) -> Outcome | None:
        """What is recorded of this attempt, or None while nothing is."""
        state = await self._state()
        return None if state is None else self._outcome_in(state)

    async def resume(self) -> Outcome | None:
        """Go on where the attempt stands; what is recorded of it, or None while nothing is."""
        state = await self._state()
        if state is None:
            raise LookupError(f"step {self._attempt.step} was never started")
        self._record.take_up(state["status"])
        self._record.started = parse_rfc3339(state["started_at"])
        return self._outcome_in(state)

    async def nothing_to_undo(self, *, items: bool) -> Outcome | None:
        """Why there is nothing to do: it did not complete, or this attempt is recorded already.

        With ``items``, those are undone that completed, whatever the step came to.
        """
        stored = await self._stored()
        if stored is None or stored["status"] not in {"completed", "compensated"}:
            await catch_up(self._documents, self._scope, self._attempt.execution_id)
            stored = await self._stored()
        if stored is None:
            return Outcome("skipped")
        completed = stored["status"] in {"completed", "compensated"}
        if not (completed or items):
            return Outcome("skipped")
        if isinstance(self._record, CompensationRecord):
            self._record.marks = completed
        state = self._record.state_in(stored)
        return self._outcome_in(state) if state is not None else None

    async def waiting(self, pending: Pending, *, delay: float) -> Outcome:
        """It goes on elsewhere, and is asked again after ``delay`` seconds."""
        outcome = Outcome("pending", delay=delay, token=pending.token, gives_up=self._action.gives_up)
        if self._attempt.token == pending.token:
            return outcome  # nothing new to store: it still waits for the same thing
        if names := self._redactor.names_in(pending.token):
            return await self.failed(_kept(names))
        waiting = self._redactor.json(pending.waiting.since(rfc3339(self._clock.now())))
        if await self._recording.settled(self._record.waiting(token=pending.token, waiting=waiting)):
            return outcome
        return await self._recorded()

    async def given_up(self, error: ActionError | None = None, *, terminated: bool) -> Outcome:
        """It was broken off: no other delivery comes to an end that nobody waits for."""
        told = self._told(error) if error else None
        given_up = self._record.given_up(now=self._clock.now(), terminated=terminated, error=told)
        if await self._recording.settled(given_up):
            return Outcome("cancelled", terminated=terminated)
        return await self._recorded()

    async def failed(self, error: ActionError) -> Outcome:
        """It has failed: for good, or until the next attempt."""
        retry = self._step.retry
        described = self._told(error)
        spent = self._attempt.attempt >= retry.max_attempts
        if spent or not error.retryable or error.code in retry.non_retryable:
            return await self.ended("failed", error=described)
        seed = f"{self._attempt.execution_id}/{self._attempt.key}"
        delay = max(retry_delay(retry, attempt=self._attempt.attempt, seed=seed), error.retry_after)
        now = self._clock.now()
        if retry.budget is not None:
            over = (self._first_began or self._record.started) + timedelta(seconds=retry.budget)
            if now + timedelta(seconds=delay) >= over:
                return await self.ended("failed", error=described)
        if await self._recording.settled(self._record.retrying(now=now, delay=delay, error=described)):
            self._measure("retry", now)
            return Outcome("retry", delay=delay)
        return await self._recorded()

    async def ended(
        self,
        status: End,
        *,
        outputs: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
        foreseen: Mapping[str, Any] = NOTHING,
    ) -> Outcome:
        """The step, or one item of it, has come to its end.

        ``foreseen`` is what a dry run tells beside: what it would do, and what of it is ``unknown``. The
        ``error`` was told before: it is that of :meth:`failed`, of an item, or of what nobody can foresee.
        """
        if self._redactor:
            outputs, foreseen = await self._cleaned([outputs, dict(foreseen)])
        self._record.foreseen = foreseen
        now = self._clock.now()
        packed = None if outputs is None else await self._packed(outputs)
        if packed is not None and packed.chunks:
            if (heavy := await self._too_heavy(packed.size)) is not None:
                return await self.failed(ActionError("OUTPUTS", heavy, retryable=False))
            self._record.weight = packed.size
        operations = self._record.end(status, now=now, outputs=packed, error=error)
        if not await self._recording.settled(operations, packed.chunks if packed else ()):
            return await self._recorded()
        if status != "skipped" and not self._run.dry_run:
            self._measure(status, now)
        named = self._attempt.step in self._run.plan.referenced and self._attempt.key == self._attempt.step
        if named and (packed is None or packed.kept is None):
            self._run.finish(self._attempt.step, status, outputs, foreseen.get("unknown", ()))
        return Outcome(status, error=error)

    def _told(self, error: ActionError) -> dict[str, Any]:
        """The error as it is recorded; what is long is cut only once nothing secret is in it."""
        clean = self._redactor.json
        cleaned = ActionError(
            clean(error.code), clean(error.message), retryable=error.retryable, more=clean(error.more)
        )
        return cleaned.to_json()

    async def _cleaned(self, said: Any) -> Any:
        """What an action came to, without secrets; if that is much, on a thread."""
        if len(orjson.dumps(said)) > FEW_BYTES:
            return await asyncio.to_thread(self._redactor.json, said)
        return self._redactor.json(said)

    async def _too_heavy(self, size: int) -> str | None:
        """Why large outputs are too much, with those that the execution has already; None: they are not."""
        head = await self._documents.read(
            self._scope, container=EXECUTIONS, partition=self._attempt.execution_id, id=HEAD
        )
        most = TOGETHER * self._max_output_bytes
        if head is None or head.body.get("weight", 0) + size <= most:
            return None
        return f"with these {size} bytes, all large outputs of the execution would be more than {most} bytes"

    async def _packed(self, outputs: Mapping[str, Any]) -> Packed:
        attempt = self._attempt
        # What undoing came to is told in its event, and read nowhere.
        path = "" if attempt.compensates else outputs_path(attempt.execution_id, attempt.step, attempt.item)
        return await pack(outputs, owner=self._record.document_id, path=path)

    def _measure(self, status: str, ended: datetime) -> None:
        """Say how long the attempt took; whoever recorded it does, so that each is counted once."""
        self._telemetry.record(
            STEP_DURATION,
            (ended - self._record.started).total_seconds(),
            {"tenant_id": self._scope.tenant_id, "action": self._step.action, "status": status},
        )

    async def _look_when_first_began(self) -> datetime:
        """When the first attempt began: its event says so, and never changes."""
        document = await self._documents.read(
            self._scope,
            container=EXECUTIONS,
            partition=self._attempt.execution_id,
            id=self._record.first_event_id,
        )
        if document is None:
            raise UnavailableError("the beginning of the first attempt cannot be seen yet")
        return parse_rfc3339(document.body["time"])

    async def _stored(self) -> Mapping[str, Any] | None:
        document = await self._documents.read(
            self._scope,
            container=EXECUTIONS,
            partition=self._attempt.execution_id,
            id=self._record.document_id,
        )
        return None if document is None else document.body

    async def _state(self) -> Mapping[str, Any] | None:
        stored = await self._stored()
        return None if stored is None else self._record.state_in(stored)

    def _outcome_in(self, state: Mapping[str, Any]) -> Outcome | None:
        known = outcome_in(state, self._attempt.attempt)
        if known is not None and known.status == "pending":
            return replace(known, gives_up=self._action.gives_up)
        return known

    async def _recorded(self) -> Outcome:
        known = await self.known()
        if known is None:
            raise UnavailableError("the step's record is being written by another delivery")
        return known


def _kept(names: Sequence[str]) -> ActionError:
    """Why what an action left cannot be waited with."""
    named = ", ".join(f"'{name}'" for name in names)
    message = (
        f"this step would wait with the value of a secret ({named}), which is kept nowhere: have the other "
        "side answer an address, or a token, that has it not"
    )
    return ActionError("SECRET_KEPT", message, retryable=False)
