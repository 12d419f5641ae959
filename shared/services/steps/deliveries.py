"""One delivery of one attempt: resolve, act under the timeout, record, and say what it came to."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

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
from shared.security.scope import TenantScope
from shared.services.executions.runs import Run
from shared.services.secrets.values import Purpose
from shared.services.steps.acting import Acting, GivenUpError, OverdueError, Work
from shared.services.steps.disclosures import Disclosed
from shared.services.steps.foresight import Foresight, UnforeseenError
from shared.services.steps.names import Names
from shared.services.steps.outcomes import Outcomes, Tried
from shared.services.steps.parts import Parts
from shared.services.steps.spreading import Spreading

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What an attempt does its work with, and how many bytes may come of it."""

    action: Action
    disclosed: Disclosed
    most: int


class Delivery:
    """One delivery of one attempt."""

    def __init__(self, parts: Parts, scope: TenantScope, run: Run, attempt: Attempt, means: Means) -> None:
        self._disclosed = disclosed = means.disclosed
        self._parts = parts
        self._scope = scope
        self._run = run
        self._attempt = attempt
        self._planned = run.plan.step(attempt.step)
        self._step = to_do(self._planned, attempt)
        """What is to be done: the planned step, or what undoes it."""
        self._action = means.action
        self._names = Names(parts.runs, scope, run, attempt, self._step)
        self._acting = Acting(parts.documents, scope, attempt, self._step, self._action, means.most)
        tried = Tried(scope, run, attempt, self._step, self._action)
        self._outcomes = Outcomes(
            tried,
            parts.documents,
            parts.clock,
            parts.telemetry,
            disclosed.redactor,
            max_output_bytes=means.most,
        )
        self._spreading = Spreading(parts, tried, self._names, self._outcomes, most=means.most)
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
            return await self._spreading.collect()
        if self._spreads and self._attempt.compensates:
            return await self._spreading.spread_back()
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
                return await self._spreading.spread()
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
        if announced:
            if (known := await self._outcomes.announce()) is not None:
                return known
            if self._outcomes.again and self._action.side_effect == "irreversible" and not dry:
                return await self._outcomes.failed(_interrupted())
        act = self._action.dry_run if dry else self._action.run
        return await self._settle(act(self._given, self._context()))

    @property
    def _spreads(self) -> bool:
        """Whether the attempt does nothing but have the step's items run, or undone."""
        return self._planned.foreach is not None and self._attempt.item is None

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


def to_do(planned: PlanStep, attempt: Attempt) -> PlanStep:
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


def _interrupted() -> ActionError:
    message = (
        "the platform stopped while this step ran, and it cannot be told whether it took effect; "
        "it is not repeated by itself because its action is irreversible"
    )
    return ActionError("INTERRUPTED", message, retryable=False)
