"""What an execution has begun that cannot be undone: in its own steps, and in the executions below it."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.children import child_id
from shared.domain.places import Place
from shared.domain.plans import PlanStep
from shared.domain.retrying import has_begun, is_good
from shared.domain.steps import RUN_INTENT
from shared.ports.documents import EXECUTIONS, Documents, Query
from shared.security.scope import TenantScope
from shared.services.executions.freshness import catch_up
from shared.services.executions.runs import Run, Runs, item_kind
from shared.services.paging import bodies

PAGE: Final = 100

type Stored = Mapping[str, Mapping[str, Any]]
"""The documents of an execution's steps, by step."""


@dataclass(frozen=True, slots=True)
class Effects:
    documents: Documents
    runs: Runs

    async def begun(
        self,
        scope: TenantScope,
        execution_id: str,
        run: Run,
        steps: Stored,
        *,
        among: Collection[str],
        partly: Collection[str] = (),
    ) -> list[str]:
        """The steps of ``among`` whose irreversible action, or a child's, may have taken effect.

        ``steps`` are all that there are. Of those that are ``partly`` looked at, the items that have
        completed do not count.
        """
        return [
            step.id
            for step in run.plan.every_step
            if step.id in among
            and _matters(step)
            and (
                step.id in run.begun
                or await self._has_begun(scope, execution_id, step, steps, partly=step.id in partly)
            )
        ]

    async def _has_begun(
        self, scope: TenantScope, execution_id: str, step: PlanStep, steps: Stored, *, partly: bool
    ) -> bool:
        async for body in self._tried(scope, execution_id, step, steps):
            if partly and is_good(body):
                continue
            if step.action != RUN_INTENT:
                return True
            if await self._child_has_begun(scope, execution_id, body):
                return True
        return False

    async def _tried(
        self, scope: TenantScope, execution_id: str, step: PlanStep, steps: Stored
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The documents of the step or of its items, as far as their action may have begun."""
        if step.foreach is None:
            stored = steps.get(step.id)
            if stored is not None and has_begun(stored):
                yield stored
            return
        query = Query(EXECUTIONS, item_kind(step.id), partition=execution_id, limit=PAGE)
        async for body in bodies(self.documents, scope, query):
            if has_begun(body):
                yield body

    async def _child_has_begun(self, scope: TenantScope, execution_id: str, body: Mapping[str, Any]) -> bool:
        """Whether one of the executions that the attempts have asked for has begun such an action."""
        parent = body.get("kept_from", execution_id)
        for attempt in range(1, body["attempts"] + 1):
            child = child_id(Place(parent, body["step"], attempt, body.get("item")), scope.tenant_id)
            await catch_up(self.documents, scope, child)
            run = await self.runs.load(scope, child)
            if run is None or not any(map(_matters, run.plan.every_step)):
                continue
            steps = await self.runs.step_documents(scope, child)
            if await self.begun(scope, child, run, steps, among=[one.id for one in run.plan.every_step]):
                return True
        return False


def _matters(step: PlanStep) -> bool:
    """Whether it, or what it has executed, may do what cannot be undone."""
    return step.side_effect == "irreversible" or step.action == RUN_INTENT
