"""Running one attempt of one step: resolve, act under the timeout, record, and say what it came to.

Activities are delivered at least once. What an attempt came to is recorded exactly once, in the same
transaction as its events and the execution's progress; a second delivery finds the record and answers
with it. A pure action is simply run again and loses the race to record; any other is announced in the
store before it acts, so that a second delivery knows that it is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from shared import logs
from shared.domain import expressions
from shared.domain.children import Parent
from shared.domain.errors import UnavailableError
from shared.domain.executions import MAX_OUTPUT_BYTES, Attempt, Outcome
from shared.domain.metrics import STEP_DURATION
from shared.domain.models import places
from shared.domain.plans import PlanStep
from shared.domain.retries import retry_delay
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.actions import Action, ActionContext, ActionError, Catalogue, Completed, Pending
from shared.ports.children import Children
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, Documents
from shared.ports.telemetry import NO_TELEMETRY, Attributes, Telemetry
from shared.security.scope import TenantScope
from shared.services.acting import Acting, GivenUpError, Work
from shared.services.attempts import (
    AttemptRecord,
    CompensationRecord,
    End,
    Record,
    outcome_in,
)
from shared.services.items import first_failure, gathered, read_items
from shared.services.names import Names
from shared.services.packing import Packed, outputs_path, pack
from shared.services.recording import Recording
from shared.services.runs import Run, Runs


@dataclass(frozen=True, slots=True)
class Parts:
    """What running a step needs."""

    documents: Documents
    runs: Runs
    catalogue: Catalogue
    clock: Clock
    children: Children
    telemetry: Telemetry = NO_TELEMETRY
    max_output_bytes: int = MAX_OUTPUT_BYTES
    """Of one step, as JSON."""


class Steps:
    """The use case behind the activity ``run_step_attempt``."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Run the attempt that ``payload`` names and return its :class:`Outcome` as JSON.

        Raises:
            UnavailableError: the store cannot be reached; nothing is recorded, run the activity again.
            LookupError: there is no such execution or step.
        """
        attempt = Attempt.from_json(payload)
        # The payload is the platform's own: it came through the orchestration's history.
        scope = TenantScope(attempt.tenant_id)
        with logs.about(tenant_id=attempt.tenant_id, execution_id=attempt.execution_id):
            run = await self._parts.runs.load(scope, attempt.execution_id)
            if run is None:
                raise LookupError(f"there is no execution {attempt.execution_id}")
            return (await self._observed(scope, run, attempt)).to_json()

    async def _observed(self, scope: TenantScope, run: Run, attempt: Attempt) -> Outcome:
        step = _step(run, attempt)
        action = step.action
        about: Attributes = {
            "tenant_id": attempt.tenant_id,
            "execution_id": attempt.execution_id,
            "step": attempt.step,
            "attempt": attempt.attempt,
            "action": action,
        }
        what = "compensate" if attempt.compensates else "step"
        with self._parts.telemetry.span(f"{what} {action}", parent=run.trace, attributes=about) as span:
            outcome = await _Attempt(self._parts, scope, run, attempt).perform()
            span.set({"status": outcome.status})
            if outcome.status in {"failed", "retry"}:
                span.fail(outcome.error["code"] if outcome.error else outcome.status)
            return outcome


class _Attempt:
    """One delivery of one attempt."""

    def __init__(self, parts: Parts, scope: TenantScope, run: Run, attempt: Attempt) -> None:
        self._parts = parts
        self._scope = scope
        self._run = run
        self._attempt = attempt
        self._step = _step(run, attempt)
        self._action: Action = parts.catalogue.action(self._step.action)
        self._names = Names(parts.runs, scope, run, attempt, self._step)
        self._acting = Acting(
            parts.documents, scope, attempt, self._step, self._action, parts.max_output_bytes
        )
        self._record: Record = (
            CompensationRecord(attempt, started=parts.clock.now(), trace=run.trace)
            if attempt.compensates
            else AttemptRecord(attempt, self._step, started=parts.clock.now(), trace=run.trace)
        )
        self._recording = Recording(parts.documents, scope, run, attempt, self._record)
        self._first_began: datetime | None = None
        """When the first attempt began, where that is asked of a later one."""

    async def perform(self) -> Outcome:
        if self._attempt.attempt > 1 and self._step.retry.budget is not None:
            # Before the action runs: behind it, nothing may fail that the store says.
            self._first_began = await self._look_when_first_began()
        if self._attempt.token is not None:
            return await self._poll()
        if self._attempt.compensates and (known := await self._nothing_to_undo()) is not None:
            return known
        if self._attempt.collect:
            return await self._collect()
        return await self._begin()

    async def _begin(self) -> Outcome:
        try:
            names = await self._names.known()
            # An item's step has begun: its condition has held.
            when = self._step.when if self._attempt.item is None else None
            if when is not None and not expressions.condition(when, names):
                return await self._end("skipped")
            if self._spreads:
                return await self._spread()
            parameters = self._parameters(names)
        except (ActionError, expressions.ExpressionError, ValidationError) as error:
            return await self._failed(_named(error))
        if self._action.side_effect != "pure" and (known := await self._announce()) is not None:
            return known
        return await self._settle(self._action.run(parameters, self._context()))

    @property
    def _spreads(self) -> bool:
        """Whether the attempt does nothing but have the step's items run."""
        return self._step.foreach is not None and self._attempt.item is None

    async def _spread(self) -> Outcome:
        """Have each item run; without any, the step is done."""
        items = await self._names.items()
        if not items:
            return await self._end("completed", outputs=gathered({}, 0, limit=self._parts.max_output_bytes))
        known = await self._announce()
        return known or Outcome("items", count=len(items), limit=self._step.concurrency)

    async def _collect(self) -> Outcome:
        """Put together what the items came to."""
        state = await self._state()
        if state is None:
            raise LookupError(f"step {self._attempt.step} was never started")
        if (known := outcome_in(state, self._attempt.attempt)) is not None:
            return known
        self._record.take_up(state["status"])
        self._record.started = parse_rfc3339(state["started_at"])
        count, limit = len(await self._names.items()), self._parts.max_output_bytes
        step = self._attempt.step
        found = await read_items(
            self._parts.documents, self._scope, self._attempt.execution_id, step, limit=limit
        )
        error = None if self._step.continue_on_error else first_failure(found, count)
        outputs = gathered(found, count, limit=limit)
        return await self._end("failed" if error else "completed", outputs=outputs, error=error)

    async def _nothing_to_undo(self) -> Outcome | None:
        """Why there is nothing to do: the step did not complete, or this attempt is recorded already."""
        stored = await self._stored()
        if stored is None or stored["status"] not in {"completed", "compensated"}:
            return Outcome("skipped")
        state = self._record.state_in(stored)
        return outcome_in(state, self._attempt.attempt) if state is not None else None

    async def _poll(self) -> Outcome:
        state = await self._state()
        if state is None:
            raise LookupError(f"step {self._attempt.step} was never started")
        known = outcome_in(state, self._attempt.attempt)
        if known is not None and known.status != "pending":
            return known
        self._record.take_up(state["status"])
        self._record.started = parse_rfc3339(state["started_at"])
        try:
            parameters = self._parameters(await self._names.known())
        except (ActionError, expressions.ExpressionError, ValidationError) as error:
            return await self._failed(_named(error))
        return await self._settle(self._action.poll(self._attempt.token, parameters, self._context()))

    def _parameters(self, names: Mapping[str, Any]) -> Any:
        return self._action.Parameters.model_validate(expressions.resolve(self._step.parameters, names))

    def _context(self) -> ActionContext:
        attempt = self._attempt
        return ActionContext(
            scope=self._scope,
            place=Parent(
                attempt.execution_id, attempt.step, attempt.attempt, attempt.item, attempt.compensates
            ),
            idempotency_key=f"{attempt.execution_id}/{attempt.key}",
            clock=self._parts.clock,
            children=self._parts.children,
        )

    async def _announce(self) -> Outcome | None:
        """Store that the attempt begins; the recorded outcome if an earlier delivery has one already."""
        if await self._recording.write(self._record.begin()):
            self._record.take_up()
            return None
        if (known := await self._known()) is not None:
            return known
        self._record.take_up()
        if self._action.side_effect == "irreversible" and not self._spreads:
            interrupted = ActionError(
                "INTERRUPTED",
                "the platform stopped while this step ran, and it cannot be told whether it took effect; "
                "it is not repeated by itself because its action is irreversible",
                retryable=False,
            )
            return await self._failed(interrupted)
        return None

    async def _settle(self, work: Work) -> Outcome:
        """Await the action and record what it came to."""
        try:
            result = await self._acting.result(work)
        except ActionError as error:
            return await self._failed(error)
        except GivenUpError as stopped:
            return await self._give_up(terminated=stopped.terminated)
        if isinstance(result, Completed):
            return await self._end("completed", outputs=result.outputs)
        return await self._wait(result)

    async def _wait(self, pending: Pending) -> Outcome:
        outcome = Outcome("pending", delay=pending.delay, token=pending.token)
        if self._attempt.token == pending.token:
            return outcome  # nothing new to store: it still waits for the same thing
        waiting = pending.waiting.since(rfc3339(self._parts.clock.now()))
        if await self._recording.settled(self._record.waiting(token=pending.token, waiting=waiting)):
            return outcome
        return await self._recorded()

    async def _give_up(self, *, terminated: bool) -> Outcome:
        """Write down that it was broken off: no other delivery comes to an end that nobody waits for."""
        given_up = self._record.given_up(now=self._parts.clock.now(), terminated=terminated)
        if await self._recording.settled(given_up):
            return Outcome("cancelled", terminated=terminated)
        return await self._recorded()

    async def _failed(self, error: ActionError) -> Outcome:
        retry = self._step.retry
        described = error.to_json()
        spent = self._attempt.attempt >= retry.max_attempts
        if spent or not error.retryable or error.code in retry.non_retryable:
            return await self._end("failed", error=described)
        seed = f"{self._attempt.execution_id}/{self._attempt.key}"
        delay = max(retry_delay(retry, attempt=self._attempt.attempt, seed=seed), error.retry_after)
        now = self._parts.clock.now()
        if retry.budget is not None:
            over = (self._first_began or self._record.started) + timedelta(seconds=retry.budget)
            if now + timedelta(seconds=delay) >= over:
                return await self._end("failed", error=described)
        if await self._recording.settled(self._record.retrying(now=now, delay=delay, error=described)):
            self._measure("retry", now)
            return Outcome("retry", delay=delay)
        return await self._recorded()

    async def _look_when_first_began(self) -> datetime:
        """When the first attempt began: its event says so, and never changes."""
        document = await self._parts.documents.read(
            self._scope,
            container=EXECUTIONS,
            partition=self._attempt.execution_id,
            id=self._record.first_event_id,
        )
        if document is None:
            raise UnavailableError("the beginning of the first attempt cannot be seen yet")
        return parse_rfc3339(document.body["time"])

    async def _end(
        self,
        status: End,
        *,
        outputs: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> Outcome:
        now = self._parts.clock.now()
        packed = None if outputs is None else await self._packed(outputs)
        operations = self._record.end(status, now=now, outputs=packed, error=error)
        if not await self._recording.settled(operations, packed.chunks if packed else ()):
            return await self._recorded()
        if status != "skipped":
            self._measure(status, now)
        named = self._attempt.step in self._run.plan.referenced and self._attempt.key == self._attempt.step
        if named and (packed is None or packed.kept is None):
            self._run.finish(self._attempt.step, status, outputs)
        return Outcome(status, error=error)

    async def _packed(self, outputs: Mapping[str, Any]) -> Packed:
        attempt = self._attempt
        # What undoing came to is told in its event, and read nowhere.
        path = "" if attempt.compensates else outputs_path(attempt.execution_id, attempt.step, attempt.item)
        return await pack(outputs, owner=self._record.document_id, path=path)

    def _measure(self, status: str, ended: datetime) -> None:
        """Say how long the attempt took; whoever recorded it does, so that each is counted once."""
        self._parts.telemetry.record(
            STEP_DURATION,
            (ended - self._record.started).total_seconds(),
            {"tenant_id": self._scope.tenant_id, "action": self._step.action, "status": status},
        )

    async def _stored(self) -> Mapping[str, Any] | None:
        document = await self._parts.documents.read(
            self._scope,
            container=EXECUTIONS,
            partition=self._attempt.execution_id,
            id=self._record.document_id,
        )
        return None if document is None else document.body

    async def _state(self) -> Mapping[str, Any] | None:
        stored = await self._stored()
        return None if stored is None else self._record.state_in(stored)

    async def _known(self) -> Outcome | None:
        """What is recorded of this attempt, or None while nothing is."""
        state = await self._state()
        return None if state is None else outcome_in(state, self._attempt.attempt)

    async def _recorded(self) -> Outcome:
        known = await self._known()
        if known is None:
            raise UnavailableError("the step's record is being written by another delivery")
        return known


def _step(run: Run, attempt: Attempt) -> PlanStep:
    """What is to be done: the step, or what undoes it."""
    step = run.plan.step(attempt.step)
    if not attempt.compensates:
        return step
    if step.compensate is None:
        raise LookupError(f"step {step.id} has no compensation")
    return step.compensate


def _named(error: ActionError | expressions.ExpressionError | ValidationError) -> ActionError:
    """Why an attempt could not begin, as its failure."""
    match error:
        case ActionError():
            return error
        case ValidationError():
            unfit = f"the action's parameters do not fit once resolved: {places(error, 'parameters')}"
            return ActionError("PARAMETERS", unfit, retryable=False)
        case _:
            return ActionError("EXPRESSION", str(error), retryable=False)
