"""Why an execution waits, and each of its steps: put together from what each of them has stored."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from shared.domain.executions import STEP_TERMINAL_STATUSES, Execution, StepState
from shared.domain.plans import Plan, PlanStep
from shared.domain.waiting import Waiting
from shared.ports.documents import EXECUTIONS, Documents, Query, Where
from shared.security.scope import TenantScope
from shared.services.executions.runs import item_kind
from shared.services.executions.states import waits_of

SHOWN: Final = 20
"""The most items of a step, and the most dependencies, that are told."""


class Reasons:
    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def explained(self, scope: TenantScope, execution: Execution, plan: Plan) -> Execution:
        """The execution, which goes on, with what it and its steps wait for."""
        left = [state.id for state in execution.steps if state.status not in STEP_TERMINAL_STATUSES]
        last = {step.id for step in plan.last}
        main = [step for step in left if step not in last]
        open_steps = set(left)
        steps: list[StepState] = []
        for planned, state in zip(plan.every_step, execution.steps, strict=True):
            if state.status == "pending" and execution.status == "cancelling" and state.id not in last:
                waiting: Sequence[Mapping[str, Any]] = []  # it never begins
            elif state.status == "pending":
                before = [*planned.depends_on, *(main if state.id in last else [])]
                waiting = _dependency(execution, state, before, open_steps)
            else:
                waiting = await self._waits(scope, execution, planned, state)
            steps.append(replace(state, waiting=waiting))
        begun = [wait for step in steps if step.status != "pending" for wait in step.waiting]
        return replace(execution, steps=steps, waiting=[*execution.waiting, *begun])

    async def _waits(
        self, scope: TenantScope, execution: Execution, planned: PlanStep, state: StepState
    ) -> Sequence[Mapping[str, Any]]:
        """What a step that has begun waits for."""
        if state.approval is not None:
            return [_approval(state)] if state.status == "waiting" and state.approval.waits else []
        if planned.foreach is not None and state.status == "running":
            return await self._items(scope, execution.execution_id, state.id)
        return state.waiting

    async def _items(self, scope: TenantScope, execution_id: str, step: str) -> list[Mapping[str, Any]]:
        query = Query(
            EXECUTIONS,
            item_kind(step),
            partition=execution_id,
            where=[Where(("status",), "in", ["waiting", "retrying"])],
            limit=SHOWN,
        )
        page = await self._documents.query(scope, query)
        return [wait for document in page.items for wait in waits_of(step, document.body)]


def _approval(state: StepState) -> Mapping[str, Any]:
    assert state.approval is not None
    asked = state.approval.shown()
    facts = ("since", "until", "approvers", "required", "have")
    return {"for": "approval", "step": state.id, **{name: asked[name] for name in facts}}


def _dependency(
    execution: Execution, state: StepState, before: Sequence[str], left: set[str]
) -> list[Mapping[str, Any]]:
    """What a step that has not begun waits for: those of the steps before it that are left."""
    dependencies = [step for step in dict.fromkeys(before) if step in left]
    if not dependencies:
        return []
    waiting = Waiting("dependency", facts={"dependencies": dependencies[:SHOWN]})
    return [{"step": state.id, **waiting.since(execution.created_at)}]
