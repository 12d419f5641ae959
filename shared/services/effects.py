"""What an execution has begun that cannot be undone: in its own steps, and in the executions below it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.plans import PlanStep
from shared.domain.retrying import has_begun, is_good
from shared.domain.steps import RUN_INTENT
from shared.ports.documents import EXECUTIONS, Documents, Query, Where
from shared.security.scope import TenantScope
from shared.services.paging import bodies
from shared.services.runs import Run, Runs, item_kind

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

        Of those that are ``partly`` looked at, the items that have completed do not count.
        """
        asked = [step for step in run.plan.every_step if step.id in among]
        below = await self._below(scope, execution_id) if any(_runs(step) for step in asked) else frozenset()
        return [
            step.id
            for step in asked
            if step.id in run.begun
            or step.id in below
            or (
                step.side_effect == "irreversible"
                and await self._has_begun(scope, execution_id, step, steps, partly=step.id in partly)
            )
        ]

    async def _has_begun(
        self, scope: TenantScope, execution_id: str, step: PlanStep, steps: Stored, *, partly: bool
    ) -> bool:
        if step.foreach is None:
            return has_begun(steps.get(step.id))
        query = Query(EXECUTIONS, item_kind(step.id), partition=execution_id, limit=PAGE)
        async for body in bodies(self.documents, scope, query):
            if has_begun(body) and not (partly and is_good(body)):
                return True
        return False

    async def _below(self, scope: TenantScope, execution_id: str) -> frozenset[str]:
        """The steps whose children have begun such an action."""
        found: set[str] = set()
        query = Query(
            EXECUTIONS,
            "execution",
            where=[Where(("parent", "execution_id"), "=", execution_id)],
            order=[(("created_at",), "desc")],
            limit=PAGE,
        )
        async for head in bodies(self.documents, scope, query):
            step, child = head["parent"]["step"], head["execution_id"]
            run = await self.runs.load(scope, child) if step not in found else None
            if run is not None:
                steps = await self.runs.step_documents(scope, child)
                every = [one.id for one in run.plan.every_step]
                found |= {step} if await self.begun(scope, child, run, steps, among=every) else set()
        return frozenset(found)


def _runs(step: PlanStep) -> bool:
    """Whether it, or what undoes it, has another intent executed."""
    return RUN_INTENT in {step.action, *([step.compensate.action] if step.compensate else [])}
