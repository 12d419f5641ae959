"""Running one attempt of one step: resolve, act under the timeout, record, and say what it came to.

Activities are delivered at least once. What an attempt came to is recorded exactly once, in the same
transaction as its events and the execution's progress; a second delivery finds the record and answers
with it. A pure action is simply run again and loses the race to record; any other is announced in the
store before it acts, so that a second delivery knows that it is one.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from shared import logs
from shared.domain import expressions
from shared.domain.dry_runs import UNDECIDED, pointers_of
from shared.domain.executions import Attempt, Outcome
from shared.domain.mentions import expressions_in
from shared.domain.models import places
from shared.domain.plans import PlanStep
from shared.ports.actions import (
    Action,
    ActionContext,
    ActionError,
    Completed,
    Foreseen,
    Pending,
    Result,
)
from shared.ports.callbacks import Callbacks
from shared.ports.children import Children
from shared.ports.clock import Clock
from shared.ports.documents import Documents
from shared.ports.telemetry import NO_TELEMETRY, Attributes, Telemetry
from shared.security.scope import TenantScope
from shared.services.executions.freshness import catch_up
from shared.services.executions.runs import Run, Runs
from shared.services.modules.tenant_actions import TenantActions
from shared.services.secrets.values import Purpose
from shared.services.steps.acting import Acting, GivenUpError, OverdueError, Work
from shared.services.steps.disclosures import Disclosed, Disclosures
from shared.services.steps.foresight import Foresight, UnforeseenError
from shared.services.steps.items import (
    OPEN,
    Item,
    first_failure,
    gathered,
    let_go,
    not_undone,
    read_items,
    undoing,
)
from shared.services.steps.names import Names
from shared.services.steps.outcomes import Outcomes, Tried
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.tenants import Tenants

HELD_SECONDS: Final = 30.0
"""Until it is looked again whether a suspended tenant is resumed: how late its executions may go on."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What running a step needs."""

    documents: Documents
    runs: Runs
    actions: TenantActions
    clock: Clock
    children: Children
    callbacks: Callbacks
    tenants: Tenants
    disclosures: Disclosures
    room: Room
    telemetry: Telemetry = NO_TELEMETRY


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
            if not attempt.gives_up and not (await self._parts.tenants.standing(scope)).served:
                return (await self._held(scope, run, attempt)).to_json()
            return (await self._observed(scope, run, attempt)).to_json()

    async def _held(self, scope: TenantScope, run: Run, attempt: Attempt) -> Outcome:
        """While nothing is done for the tenant, nothing is begun nor polled: the attempt is made later."""
        action = await self._parts.actions.action(scope, _step(run.plan.step(attempt.step), attempt))
        begun = attempt.token is not None
        return Outcome("pending", delay=HELD_SECONDS, token=attempt.token, gives_up=begun and action.gives_up)

    async def _observed(self, scope: TenantScope, run: Run, attempt: Attempt) -> Outcome:
        step = _step(run.plan.step(attempt.step), attempt)
        about: Attributes = {
            "tenant_id": attempt.tenant_id,
            "execution_id": attempt.execution_id,
            "step": attempt.step,
            "attempt": attempt.attempt,
            "action": step.action,
        }
        what = "compensate" if attempt.compensates else "step"
        with self._parts.telemetry.span(f"{what} {step.action}", parent=run.trace, attributes=about) as span:
            means = _Means(
                await self._parts.actions.action(scope, step),
                await self._parts.disclosures.of(scope, run),
                await self._parts.room.limit(scope, "output_bytes"),
            )
            with logs.hiding(means.disclosed.redactor):
                outcome = await _Attempt(self._parts, scope, run, attempt, means).perform()
            span.set({"status": outcome.status})
            if outcome.status in {"failed", "retry"}:
                span.fail(outcome.error["code"] if outcome.error else outcome.status)
            return outcome


@dataclass(frozen=True, slots=True)
class _Means:
    """What an attempt does its work with, and how many bytes may come of it."""

    action: Action
    disclosed: Disclosed
    most: int


class _Attempt:
    """One delivery of one attempt."""

    def __init__(self, parts: Parts, scope: TenantScope, run: Run, attempt: Attempt, means: _Means) -> None:
        self._disclosed = disclosed = means.disclosed
        self._parts = parts
        self._max_output_bytes = most = means.most
        self._scope = scope
        self._run = run
        self._attempt = attempt
        self._planned = run.plan.step(attempt.step)
        self._step = _step(self._planned, attempt)
        """What is to be done: the planned step, or what undoes it."""
        self._action = means.action
        self._names = Names(parts.runs, scope, run, attempt, self._step)
        self._acting = Acting(parts.documents, scope, attempt, self._step, self._action, most)
        tried = Tried(scope, run, attempt, self._step, self._action)
        self._outcomes = Outcomes(
            tried, parts.documents, parts.clock, parts.telemetry, disclosed.redactor, max_output_bytes=most
        )
        self._foresight = Foresight(run)
        self._given: Any = None
        """The action's parameters, once they are resolved."""

    async def perform(self) -> Outcome:
        await self._outcomes.prepare()
        if self._attempt.gives_up:
            return await self._stop()
        if self._attempt.token is not None:
            return await self._poll()
        if self._attempt.compensates:
            known = await self._outcomes.nothing_to_undo(items=self._spreads)
            if known is not None:
                return known
        if self._attempt.collect:
            return await self._collect()
        if self._spreads and self._attempt.compensates:
            return await self._spread_back()
        return await self._begin()

    async def _begin(self) -> Outcome:
        try:
            names = await self._names.known()
            # An item's step has begun: its condition has held.
            when = self._step.when if self._attempt.item is None else None
            if when is not None:
                self._foresight.require("condition", [when], names)
                if not expressions.condition(when, names):
                    return await self._outcomes.ended("skipped")
            if self._spreads:
                self._foresight.require("items", expressions_in(self._step.foreach), names)
                return await self._spread()
            self._foresight.require("parameters", expressions_in(self._step.parameters), names)
            await self._resolve(names)
        except UnforeseenError as error:
            return await self._outcomes.ended("skipped", error=error.told, foreseen={"unknown": UNDECIDED})
        except _UNFIT as error:
            return await self._outcomes.failed(_named(error))
        return await self._act()

    async def _act(self) -> Outcome:
        """Call the action, or have it say what it would do."""
        dry = self._run.dry_run
        # What can be stopped is announced in a dry run, too: it may have begun an execution.
        announced = self._action.gives_up if dry else self._action.side_effect != "pure"
        if announced and (known := await self._announce()) is not None:
            return known
        act = self._action.dry_run if dry else self._action.run
        return await self._settle(act(self._given, self._context()))

    @property
    def _spreads(self) -> bool:
        """Whether the attempt does nothing but have the step's items run, or undone."""
        return self._planned.foreach is not None and self._attempt.item is None

    async def _spread(self) -> Outcome:
        """Have each item run; without any, the step is done."""
        items = await self._names.items()
        if not items:
            nothing = gathered({}, 0, limit=self._max_output_bytes)
            return await self._outcomes.ended("completed", outputs=nothing)
        known = await self._announce(items=len(items))
        return known or Outcome("items", count=len(items), limit=self._planned.concurrency)

    async def _spread_back(self) -> Outcome:
        """Have each item undone that has completed, the last of the list first."""
        count = undoing(await self._read_items(limit=0))
        if not count:
            return Outcome("skipped")
        known = await self._announce()
        return known or Outcome("items", count=count, limit=self._planned.concurrency)

    async def _collect(self) -> Outcome:
        """Put together what the items came to."""
        if (known := await self._outcomes.resume()) is not None:
            return known
        if self._attempt.compensates:
            error = not_undone(await self._read_items(limit=0))
            return await self._outcomes.ended("failed" if error else "completed", error=error)
        count, limit = len(await self._names.items()), self._max_output_bytes
        found = await self._read_items(limit=limit)
        if any(item.status in OPEN for item in found.values()):
            await self._let_go()
            found = await self._read_items(limit=limit)
        error = None if self._step.continue_on_error else first_failure(found, count)
        outputs = gathered(found, count, limit=limit)
        unknown = pointers_of(["items"]) if any(item.unknown for item in found.values()) else []
        return await self._outcomes.ended(
            "failed" if error else "completed",
            outputs=outputs,
            error=error,
            foreseen={"unknown": unknown} if unknown else {},
        )

    async def _let_go(self) -> None:
        """The items that wait do so for nobody: another has failed."""
        attempt, now = self._attempt, self._parts.clock.now()
        await let_go(
            self._parts.documents, self._scope, attempt.execution_id, attempt.step, run=self._run, now=now
        )

    async def _read_items(self, *, limit: int) -> Mapping[int, Item]:
        documents, execution_id = self._parts.documents, self._attempt.execution_id
        await catch_up(documents, self._scope, execution_id)
        return await read_items(documents, self._scope, execution_id, self._attempt.step, limit=limit)

    async def _poll(self) -> Outcome:
        known = await self._outcomes.resume()
        if known is not None and known.status != "pending":
            return known
        try:
            await self._resolve(await self._names.known())
        except _UNFIT as error:
            return await self._outcomes.failed(_named(error))
        return await self._settle(self._action.poll(self._attempt.token, self._given, self._context()))

    async def _stop(self) -> Outcome:
        """Have what the step waits for stopped, and record what came of that."""
        terminated = self._attempt.gives_up == "terminate"
        known = await self._outcomes.resume()
        if known is not None and known.status != "pending":
            return known
        try:
            await self._resolve(await self._names.known())
            result = await self._stopped(self._attempt.token)
        except _UNFIT as error:
            return await self._outcomes.given_up(_named(error), terminated=terminated)
        match result:
            case Completed() | Foreseen():
                return await self._done(result)
            case Pending(delay, token):
                return Outcome("pending", delay=delay, token=token, gives_up=True)
            case None:
                return await self._outcomes.given_up(terminated=terminated)

    async def _stopped(self, token: Any) -> Result | None:
        return await self._acting.stopped(self._action.cancel(token, self._given, self._context()))

    async def _resolve(self, names: Mapping[str, Any]) -> None:
        if self._run.plan.secrets:
            purpose = Purpose(self._attempt.execution_id, self._attempt.step)
            given = await self._disclosed.give(purpose, self._step.secrets)
            names = {**names, expressions.SECRETS: given}
        parameters = expressions.resolve(self._step.parameters, names)
        self._given = self._action.Parameters.model_validate(parameters)

    def _context(self) -> ActionContext:
        attempt = self._attempt
        return ActionContext(
            scope=self._scope,
            place=attempt.place,
            idempotency_key=f"{attempt.execution_id}/{attempt.key}",
            clock=self._parts.clock,
            children=self._parts.children,
            callbacks=self._parts.callbacks,
            terminated=attempt.gives_up == "terminate",
            redactor=self._disclosed.redactor,
        )

    async def _announce(self, *, items: int | None = None) -> Outcome | None:
        """Store that the attempt begins; the recorded outcome if an earlier delivery has one already."""
        if await self._outcomes.begin(items=items):
            self._outcomes.take_up()
            return None
        if (known := await self._outcomes.known()) is not None:
            return known
        self._outcomes.take_up()
        if self._action.side_effect == "irreversible" and not self._spreads and not self._run.dry_run:
            interrupted = ActionError(
                "INTERRUPTED",
                "the platform stopped while this step ran, and it cannot be told whether it took effect; "
                "it is not repeated by itself because its action is irreversible",
                retryable=False,
            )
            return await self._outcomes.failed(interrupted)
        return None

    async def _settle(self, work: Work) -> Outcome:
        """Await the action and record what it came to."""
        try:
            result = await self._acting.result(work)
        except OverdueError as late:
            return await self._overdue(late, self._attempt.token)
        except ActionError as error:
            return await self._outcomes.failed(error)
        except GivenUpError as stopped:
            if self._action.gives_up:  # what it has begun is stopped by an attempt to do that
                return Outcome(
                    "cancelled", token=self._attempt.token, gives_up=True, terminated=stopped.terminated
                )
            return await self._outcomes.given_up(terminated=stopped.terminated)
        if isinstance(result, Pending):
            return await self._wait(result)
        return await self._done(result)

    async def _done(self, result: Completed | Foreseen) -> Outcome:
        foreseen: Mapping[str, Any] = {}
        if isinstance(result, Foreseen):
            would = result.would
            if self._run.plan.secrets and (named := self._step.secrets):
                would = {**would, "secrets": sorted(named)}
            foreseen = {"would": would, "unknown": pointers_of(result.unknown)}
        return await self._outcomes.ended("completed", outputs=result.outputs, foreseen=foreseen)

    async def _wait(self, pending: Pending) -> Outcome:
        if pending.own_time:
            return await self._outcomes.waiting(pending, delay=pending.delay)
        left = (self._outcomes.over - self._parts.clock.now()).total_seconds()
        if left <= 0:
            late = OverdueError(self._step.timeout, pending.waiting)
            return await self._overdue(late, pending.token)
        return await self._outcomes.waiting(pending, delay=min(pending.delay, left))

    async def _overdue(self, late: OverdueError, token: Any) -> Outcome:
        """It has taken too long: what it has begun is told to stop, and may have been done by now."""
        if self._action.gives_up:
            try:
                result = await self._stopped(token)
            except ActionError as error:
                _log.warning("%s could not be stopped: %s", self._attempt, error.message)
                result = None
            if isinstance(result, Completed | Foreseen):
                return await self._done(result)
        return await self._outcomes.failed(late)


_UNFIT = (ActionError, expressions.ExpressionError, ValidationError)
"""Why an attempt cannot begin."""


def _step(planned: PlanStep, attempt: Attempt) -> PlanStep:
    """What is to be done: the step, or what undoes it."""
    if not attempt.compensates:
        return planned
    if planned.compensate is None:
        raise LookupError(f"step {planned.id} has no compensation")
    return planned.compensate


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
