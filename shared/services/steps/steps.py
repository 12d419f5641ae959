"""Running one attempt of one step.

Activities are delivered at least once. What an attempt came to is recorded exactly once, in the same
transaction as its events and the execution's progress; a second delivery finds the record and answers
with it. A pure action is simply run again and loses the race to record; any other is announced in the
store before it acts, so that a second delivery knows that it is one.
"""

from collections.abc import Mapping
from typing import Any, Final

from shared import logs
from shared.domain.executions import Attempt, Outcome
from shared.ports.telemetry import Attributes
from shared.security.scope import TenantScope
from shared.services.executions.runs import Run
from shared.services.steps.deliveries import Delivery, Means, to_do
from shared.services.steps.parts import Parts

HELD_SECONDS: Final = 30.0
"""Until it is looked again whether a suspended tenant is resumed: how late its executions may go on."""


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
        action = await self._parts.actions.action(scope, to_do(run.plan.step(attempt.step), attempt))
        begun = attempt.token is not None
        return Outcome("pending", delay=HELD_SECONDS, token=attempt.token, gives_up=begun and action.gives_up)

    async def _observed(self, scope: TenantScope, run: Run, attempt: Attempt) -> Outcome:
        step = to_do(run.plan.step(attempt.step), attempt)
        about: Attributes = {
            "tenant_id": attempt.tenant_id,
            "execution_id": attempt.execution_id,
            "step": attempt.step,
            "attempt": attempt.attempt,
            "action": step.action,
        }
        what = "compensate" if attempt.compensates else "step"
        with self._parts.telemetry.span(f"{what} {step.action}", parent=run.trace, attributes=about) as span:
            means = Means(
                await self._parts.actions.action(scope, step),
                await self._parts.disclosures.of(scope, run),
                await self._parts.room.limit(scope, "output_bytes"),
            )
            with logs.hiding(means.disclosed.redactor):
                outcome = await Delivery(self._parts, scope, run, attempt, means).perform()
            span.set({"status": outcome.status})
            if outcome.status in {"failed", "retry"}:
                span.fail(outcome.error["code"] if outcome.error else outcome.status)
            return outcome
