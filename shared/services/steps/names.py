"""What the expressions of an attempt may name: results of other steps, parameters, and the item it is for."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.domain import expressions
from shared.domain.errors import UnavailableError
from shared.domain.executions import Attempt
from shared.domain.plans import PlanStep
from shared.security.scope import TenantScope
from shared.services.executions.runs import Run, Runs
from shared.services.steps.items import items_of


class Names:
    """The names of one attempt at ``step``, or at what undoes it."""

    def __init__(self, runs: Runs, scope: TenantScope, run: Run, attempt: Attempt, step: PlanStep) -> None:
        self._runs = runs
        self._scope = scope
        self._run = run
        self._attempt = attempt
        self._step = step

    async def known(self) -> dict[str, Any]:
        """Everything that they may name.

        Raises:
            ActionError, ExpressionError: the item that it is for comes to nothing.
            UnavailableError: the store cannot be reached, or is behind.
        """
        item = self._attempt.item
        named = self._step.references
        if item is not None and not self._attempt.compensates:
            named = self._run.named_by_items(self._step)
        how = self._attempt.ending or "running"
        names = await self._of(named, attempt=self._attempt.attempt, status=how)
        if item is not None:
            names[expressions.ITEM] = (await self.items())[item]
        return names

    async def items(self) -> Sequence[Any]:
        """The items of the step: the same whenever they are made, for all that they are made of is final.

        Raises:
            ActionError: they are no list, or too many.
            ExpressionError: the list cannot be made.
            UnavailableError: the store cannot be reached, or is behind.
        """
        of = self._run.plan.step(self._attempt.step)
        if of.id not in self._run.items:
            names = await self._of(of.references, attempt=1, status=self._began_as)
            made = items_of(of, names)
            self._runs.keep_items(self._scope, self._attempt.execution_id, self._run, of.id, made)
        return self._run.items[of.id]

    @property
    def _began_as(self) -> str:
        """How the execution stood when the step, or the one that is undone, began."""
        if self._attempt.compensates or self._attempt.ending is None:
            return "running"
        return self._attempt.ending

    async def _of(self, steps: frozenset[str], **execution: Any) -> dict[str, Any]:
        attempt, ending = self._attempt, self._attempt.ending
        # In what undoes an item, the step's name stands for that item.
        own = frozenset({attempt.step} if attempt.compensates and attempt.item is not None else ())
        results = await self._runs.step_results(
            self._scope, attempt.execution_id, self._run, steps - own, fresh=ending is not None
        )
        if ending is None and steps - own - results.keys():
            # A step begins when those that it names have ended: this replica is behind.
            raise UnavailableError("what an earlier step came to cannot be seen yet")
        if ending is not None:
            unrun: Mapping[str, Any] = {
                "status": "cancelled" if ending == "cancelled" else "skipped",
                "outputs": {},
            }
            results = dict.fromkeys(steps - own, unrun) | results
        if attempt.item is not None and own & steps:
            results[attempt.step] = await self._runs.item_result(
                self._scope, attempt.execution_id, attempt.step, attempt.item
            )
        return self._run.names(self._scope, attempt.execution_id, results, **execution)
