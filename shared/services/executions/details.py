"""One step, or one item of it, in detail: every attempt, and what its action was given.

Attempts are kept as events, which are stored once, with what the attempt came to, and without secrets: so
they are read from there, and no step document grows with them. What an action was given is kept nowhere; it
is made again of what it was made of, with the names of secrets in place of their values.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from shared.domain import expressions
from shared.domain.attempts import MadeAttempt, StepDetail, attempts_of
from shared.domain.errors import NotFoundError, UnavailableError
from shared.domain.executions import TERMINAL_STATUSES, Attempt, TerminalStatus
from shared.domain.plans import PlanStep
from shared.domain.steps import MAX_ATTEMPTS
from shared.ports.actions import ActionError
from shared.ports.documents import EXECUTIONS, Documents, Query, Where
from shared.security.redaction import mark
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from shared.services.executions.runs import Run, Runs, item_document_id, step_document_id
from shared.services.executions.states import waits_of
from shared.services.paging import bodies
from shared.services.steps.attempts import HEAD
from shared.services.steps.names import Names

MAX_INPUT_BYTES: Final = 64 * 1024
"""Of what an action was given, as JSON: what is larger is left out."""


class StepDetails:
    def __init__(self, documents: Documents, runs: Runs) -> None:
        self._documents = documents
        self._runs = runs

    async def get(self, caller: Caller, execution_id: str, step: str, item: int | None = None) -> StepDetail:
        """The step, or its item at that place, as it stands.

        Raises:
            NotFoundError: there is no such execution or step, or the item has not begun.
        """
        scope = caller.scope
        head = await self._read(scope, execution_id, HEAD)
        run = await self._runs.load(scope, execution_id)
        if head is None or run is None:
            raise NotFoundError(f"There is no execution {execution_id}")
        planned = next((one for one in run.plan.every_step if one.id == step), None)
        if planned is None:
            raise NotFoundError(f"The execution {execution_id} has no step {step!r}")
        document = step_document_id(step) if item is None else item_document_id(step, item)
        stored = await self._read(scope, execution_id, document)
        if stored is None:
            return _unbegun(execution_id, planned, item, head)
        key = step if item is None else f"{step}:item:{item}"
        undone = stored.get("compensation")
        return StepDetail(
            execution_id,
            step,
            item,
            planned.action,
            stored["status"],
            await self._inputs(scope, execution_id, run, planned, item, stored, head),
            await self._attempts(scope, execution_id, key, stored),
            await self._attempts(scope, execution_id, f"{key}:compensation", undone) if undone else (),
            waits_of(step, stored),
            stored["outputs"],
            stored["error"],
            stored.get("kept_from"),
        )

    async def _attempts(
        self, scope: TenantScope, execution_id: str, key: str, state: Mapping[str, Any]
    ) -> Sequence[MadeAttempt]:
        # Ids of attempts' events go on with a number; those of items and of what undoes do not.
        of_attempts = [Where(("id",), ">=", f"event:{key}:0"), Where(("id",), "<", f"event:{key}::")]
        query = Query(EXECUTIONS, "event", partition=execution_id, where=of_attempts, limit=2 * MAX_ATTEMPTS)
        events = [body async for body in bodies(self._documents, scope, query)]
        return attempts_of(events, state)

    async def _inputs(
        self,
        scope: TenantScope,
        execution_id: str,
        run: Run,
        planned: PlanStep,
        item: int | None,
        stored: Mapping[str, Any],
        head: Mapping[str, Any],
    ) -> Mapping[str, Any] | None:
        """What the action was last given; None: nothing was, or it cannot be told."""
        spreads = planned.foreach is not None and item is None
        if spreads or stored["started_at"] is None or stored.get("kept_from"):
            return None
        ending: TerminalStatus | None = None
        if any(one.id == planned.id for one in run.plan.last):
            if head["status"] not in {*TERMINAL_STATUSES, "cancelling"}:
                return None  # how it ends is known to who runs it
            ending = "cancelled" if head["status"] == "cancelling" else head["status"]
        attempt = Attempt(
            scope.tenant_id, execution_id, planned.id, stored["attempts"], item=item, ending=ending
        )
        try:
            names = await Names(self._runs, scope, run, attempt, planned).known()
            names[expressions.SECRETS] = {name: mark(name) for name in planned.secrets}
            given = await asyncio.to_thread(expressions.resolve, planned.parameters, names)
        except (ActionError, expressions.ExpressionError, UnavailableError):
            return None
        return given if len(orjson.dumps(given)) <= MAX_INPUT_BYTES else None

    async def _read(self, scope: TenantScope, execution_id: str, id: str) -> Mapping[str, Any] | None:
        document = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=id)
        return document.body if document else None


def _unbegun(execution_id: str, planned: PlanStep, item: int | None, head: Mapping[str, Any]) -> StepDetail:
    if item is not None:
        raise NotFoundError(f"Step {planned.id!r} has no item {item} that has begun")
    status = "cancelled" if head["status"] == "cancelled" else "pending"
    return StepDetail(execution_id, planned.id, None, planned.action, status, None)
