"""Retrying an execution that has ended: what is kept is decided, and the order is stored.

An execution is retried once, and then its retry is: so whatever was done in the name of the first is known
to the last of the line.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from shared import logs
from shared.domain.errors import (
    ConflictError,
    DocumentExistsError,
    DocumentStaleError,
    NotFoundError,
    UnavailableError,
)
from shared.domain.executions import TERMINAL_STATUSES, Execution
from shared.domain.plans import Plan
from shared.domain.retrying import (
    Retrial,
    is_good,
    kept_of,
    require_something_to_do,
    retry_id,
)
from shared.ports.clock import Clock, Ids
from shared.ports.documents import EXECUTIONS, Create, Documents, Patch
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.services.audit.chains import Act, Chains
from shared.services.callers import Caller
from shared.services.executions.effects import Effects, Stored
from shared.services.executions.executions import Executions, chain_of
from shared.services.executions.freshness import catch_up
from shared.services.executions.retry_orders import Order, RetryOrders
from shared.services.executions.runs import Runs
from shared.services.executions.states import execution_of
from shared.services.receipts import Record, once
from shared.services.registry.intents import Intents
from shared.services.registry.plans import Plans
from shared.services.steps.attempts import HEAD


class Retrying:
    def __init__(  # noqa: PLR0913 - its parts, which have no second sense together
        self,
        *,
        documents: Documents,
        chains: Chains,
        executions: Executions,
        orders: RetryOrders,
        intents: Intents,
        plans: Plans,
        runs: Runs,
        clock: Clock,
        ids: Ids,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._documents = documents
        self._chains = chains
        self._executions = executions
        self._orders = orders
        self._intents = intents
        self._plans = plans
        self._runs = runs
        self._effects = Effects(documents, runs)
        self._clock = clock
        self._ids = ids
        self._telemetry = telemetry

    async def retry(self, caller: Caller, execution_id: str, wanted: Retrial) -> Execution:
        """Store and start a new execution of the same plan and parameters that keeps what went well.

        Raises:
            NotFoundError: there is no such execution.
            ForbiddenError: the policies do not permit the caller to execute its intent now.
            ConflictError: it has not ended, was retried before, or there is nothing to do again.
            IrreversibleError: it would repeat an irreversible action that may not be.
            ValidationFailedError: the request names steps that the plan has not.
            NotExecutableError: its intent may not be executed any more.
            UnavailableError: the store is away; the message says whether the order is stored.
        """
        new = retry_id(caller.turn.id, execution_id) if caller.turn else self._ids.new()

        async def done(_: Record) -> Execution:
            await self._orders.carry_out_of(caller.scope, execution_id)
            return await self._made(caller, new)

        work = self._retry(caller, execution_id, new, wanted)
        return await once(self._documents, chain_of(caller.scope, execution_id), caller.turn, work, done=done)

    async def _retry(self, caller: Caller, execution_id: str, new: str, wanted: Retrial) -> Execution:
        while True:
            # What did not end well is decided by what is not there: nothing may be overlooked.
            await catch_up(self._documents, caller.scope, execution_id)
            head = (await self._executions.head(caller.scope, execution_id)).body
            _require_retriable(head)
            order = await self._decide(caller, head, new, wanted)
            if await self._place(caller, head, order, wanted):
                break
        logs.add(execution_id=new)
        try:
            await self._orders.carry_out(caller.scope, order)
        except UnavailableError as error:
            later = (
                f"The retry is stored as {new}, and goes on by itself once it can: look for it again shortly"
            )
            raise UnavailableError(later, retry_after=error.retry_after, cause=error.cause) from error
        return await self._made(caller, new)

    async def _made(self, caller: Caller, new: str) -> Execution:
        await catch_up(self._documents, caller.scope, new)
        execution = execution_of((await self._executions.head(caller.scope, new)).body)
        intent = await self._intents.get(caller, execution.intent_id)
        return replace(execution, deprecation=intent.deprecation)

    async def _decide(self, caller: Caller, head: Mapping[str, Any], new: str, wanted: Retrial) -> Order:
        """What is kept, and what runs again; the plan is the old one, whatever the intent is by now."""
        execution_id: str = head["execution_id"]
        intent = await self._intents.get(caller, head["intent_id"])
        caller, _ = await self._plans.executable(caller, intent)
        run = await self._runs.load(caller.scope, execution_id)
        if run is None:
            raise NotFoundError(f"There is no execution {execution_id}")
        wanted.require_known(run.plan)
        stored = await self._runs.step_documents(caller.scope, execution_id)
        good = {step for step, body in stored.items() if is_good(body)}
        kept = kept_of(run.plan, good, wanted.again)
        require_something_to_do(run.plan, head["status"], kept, wanted.again)
        partly = _partly(run.plan, stored, kept, wanted.again)
        rest = {step.id for step in run.plan.every_step} - kept
        begun = await self._effects.begun(caller.scope, execution_id, run, stored, among=rest, partly=partly)
        wanted.require_repeatable(begun)
        in_order = sorted(kept, key=lambda step: stored[step]["finished_at"])
        return Order(
            old=execution_id,
            new=new,
            origin=replace(caller.origin, turn=None),
            owner=caller.principal.identity,
            at=self._clock.now(),
            kept=[(step, stored[step]["status"]) for step in in_order],
            partly=partly,
            lists=[step.id for step in run.plan.steps if step.id in kept and step.foreach is not None],
            begun=begun,
            trace=self._telemetry.begin(),
        )

    async def _place(self, caller: Caller, head: Mapping[str, Any], order: Order, wanted: Retrial) -> bool:
        """Store the order; False if the execution was changed meanwhile."""
        said = {
            "retried_by": order.new,
            "from": sorted(wanted.again),
            "kept": len(order.kept),
            "repeated": list(order.begun),
            "reason": wanted.reason,
        }
        chain = chain_of(caller.scope, order.old)
        act = Act("execution.retry", caller.origin, {"status": head["status"]}, said)
        entry = self._chains.add(chain, head["audit"], act, now=order.at)
        mark = Patch(
            HEAD,
            set={("retried_by",): order.new, ("retrying",): True, ("audit",): entry.link},
            where={("audit", "hash"): head["audit"]["hash"]},
        )
        try:
            await self._documents.transact(
                caller.scope,
                container=EXECUTIONS,
                partition=order.old,
                operations=[mark, Create(order.document()), *entry.operations],
            )
        except (DocumentStaleError, DocumentExistsError):
            return False
        return True


def _partly(plan: Plan, stored: Stored, kept: Collection[str], again: Collection[str]) -> list[str]:
    """The steps whose completed items are kept: nothing but their own end makes them run again."""
    return [
        step.id
        for step in plan.steps
        if step.foreach is not None
        and step.id in stored
        and step.id not in {*kept, *again}
        and stored[step.id].get("compensation") is None
        and set(step.depends_on) <= set(kept)
    ]


def _require_retriable(head: Mapping[str, Any]) -> None:
    """Let pass what has ended and was not retried.

    Raises:
        ConflictError: it is not so.
    """
    if head.get("dry_run"):
        raise ConflictError("This was a dry run: there is nothing to retry. Execute the intent")
    if head["status"] not in TERMINAL_STATUSES:
        raise ConflictError(f"The execution is {head['status']}: cancel it, or let it come to its end first")
    if (by := head.get("retried_by")) is not None:
        raise ConflictError(f"The execution was retried already, by {by}: retry that one")
