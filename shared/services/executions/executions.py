"""The use cases of executions: execute, look at one, list them."""

from collections.abc import Mapping
from dataclasses import astuple, replace
from typing import Any

from shared import logs
from shared.domain.approvals import APPROVAL
from shared.domain.children import Lineage
from shared.domain.errors import (
    DocumentExistsError,
    NotFoundError,
    StaleError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.executions import TERMINAL_STATUSES, Execution, ExecutionFilter, waits_for_turn
from shared.domain.intents import Intent
from shared.domain.paging import Cursors
from shared.domain.parameters import validate_parameters
from shared.domain.plans import Plan
from shared.domain.previews import plan_hash
from shared.domain.schedules import Firing
from shared.ports.clock import Clock, Ids
from shared.ports.documents import EXECUTIONS, Create, Document, Documents, Query
from shared.ports.telemetry import NO_TELEMETRY, Carrier, Telemetry
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.executions.admission import Admission
from shared.services.executions.estimates import Estimates
from shared.services.executions.heads import modules_in, new_head
from shared.services.executions.launching import Launcher
from shared.services.executions.runs import DRY_RUN, Run, Runs
from shared.services.executions.states import conditions_of, execution_of, step_state_of
from shared.services.executions.waiting import Reasons
from shared.services.receipts import Record, once
from shared.services.records import event
from shared.services.registry.intents import Intents
from shared.services.registry.plans import Plans
from shared.services.steps.attempts import HEAD, OUTPUTS
from shared.services.steps.questions import asked_in


class Executions:
    def __init__(  # noqa: PLR0913 - its parts, which have no second sense together
        self,
        *,
        documents: Documents,
        chains: Chains,
        launcher: Launcher,
        admission: Admission,
        intents: Intents,
        runs: Runs,
        plans: Plans,
        cursors: Cursors,
        clock: Clock,
        ids: Ids,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._documents = documents
        self._chains = chains
        self._launcher = launcher
        self._admission = admission
        self._intents = intents
        self._runs = runs
        self._plans = plans
        self._cursors = cursors
        self._clock = clock
        self._ids = ids
        self._telemetry = telemetry
        self._reasons = Reasons(documents)
        self._estimates = Estimates(documents=documents, runs=runs, clock=clock)

    async def execute(
        self,
        caller: Caller,
        intent_id: str,
        parameters: Mapping[str, Any],
        *,
        reviewed: str | None = None,
        dry_run: bool = False,
    ) -> Execution:
        """Store a new execution of the intent with its plan, and start it, or let it wait for its turn.

        ``reviewed`` is the hash of the plan that it must be. A ``dry_run`` walks the plan and does nothing.

        What is returned is stored: should the process die before the orchestration has started, the
        recovery timer starts it.

        Raises:
            NotFoundError: there is no such intent.
            ForbiddenError: the policies do not permit the caller to execute it now.
            NotExecutableError: its definition cannot be executed as it stands.
            ValidationFailedError: the parameters do not fit what the intent declares.
            StaleError: the plan is not the one that was reviewed.
            QuotaExceededError: as many run as its definition allows, and it says to refuse more.
            DocumentExistsError: this time of a schedule, or this attempt of a step, has executed it before.
        """
        # What may be asked for again names its one execution: a request by its turn, a schedule by its time,
        # a step by its attempt.
        if caller.occasion:
            execution_id = caller.occasion.execution_id(caller.scope.tenant_id)
        else:
            execution_id = caller.turn.id if caller.turn else self._ids.new()
        work = self._execute(caller, intent_id, parameters, execution_id, reviewed, dry_run=dry_run)

        async def done(_: Record) -> Execution:
            await self._launcher.recover(caller.scope, execution_id)
            return execution_of((await self.head(caller.scope, execution_id)).body)

        return await once(self._documents, chain_of(caller.scope, execution_id), caller.turn, work, done=done)

    async def _execute(
        self,
        caller: Caller,
        intent_id: str,
        parameters: Mapping[str, Any],
        execution_id: str,
        reviewed: str | None,
        *,
        dry_run: bool,
    ) -> Execution:
        intent = await self._intents.get(caller, intent_id)
        caller, plan = await self._plans.executable(caller, intent)
        values, errors = validate_parameters(intent.definition.get("parameters"), parameters)
        if errors:
            raise ValidationFailedError("The parameters do not fit the intent", errors=errors)
        logs.add(execution_id=execution_id)
        head = self._head(caller, intent, plan, values, execution_id, dry_run=dry_run)
        if reviewed not in {None, head["plan_hash"]}:
            raise StaleError(
                f"What would be executed, {intent.id} with these parameters, is not what {reviewed} was made "
                f"of: POST /api/v1/intents/{intent_id}/plan again, look at it, and send the plan_hash it has"
            )
        lineage = caller.occasion if isinstance(caller.occasion, Lineage) else None
        await self._admission.enter(caller.scope, head, plan.concurrency, lineage)
        trace = self._telemetry.begin()
        await self._store(caller, head, plan, trace)
        run = Run.of(head, plan, trace)
        self._runs.keep(caller.scope, execution_id, run)
        await self._admission.begin(caller.scope, head, run)
        return replace(execution_of(head), deprecation=intent.deprecation)

    def _head(
        self,
        caller: Caller,
        intent: Intent,
        plan: Plan,
        parameters: Mapping[str, Any],
        execution_id: str,
        *,
        dry_run: bool,
    ) -> dict[str, Any]:
        about: dict[str, Any] = {
            "tenant_id": caller.scope.tenant_id,
            "intent": intent.name,
            "intent_id": intent.id,
            "parameters": dict(parameters),
            "plan_hash": plan_hash(intent.id, plan, parameters),
            "dry_run": dry_run,
            **modules_in(plan),
        }
        match caller.occasion:
            case Firing() as firing:
                about["schedule"] = firing.to_json()
            case Lineage() as lineage:
                about |= lineage.to_json()
        return new_head(
            execution_id,
            about,
            steps=len(plan.every_step),
            now=self._clock.now(),
            created_by=caller.principal.name,
            owner=caller.principal.identity,
        )

    async def _store(self, caller: Caller, head: dict[str, Any], plan: Plan, trace: Carrier) -> None:
        now = self._clock.now()
        made = {
            "intent_id": head["intent_id"],
            "parameters": head["parameters"],
            "plan_hash": head["plan_hash"],
        }
        more: dict[str, Any] = dict(DRY_RUN) if head["dry_run"] else {}
        made |= more
        if isinstance(caller.occasion, Lineage):
            more["parent"] = caller.occasion.shown()
            made |= {"parent": more["parent"], "created_by": head["created_by"]}
        elif caller.occasion:
            made |= {"schedule": head["schedule"], "created_by": head["created_by"]}
        act = Act("execution.create", caller.origin, None, made)
        entry = self._chains.add(chain_of(caller.scope, head["execution_id"]), None, act, now=now)
        head["audit"] = entry.link
        started = event(
            key="execution",
            type="execution_started",
            now=now,
            data={"intent_id": head["intent_id"], "total": len(plan.every_step), **more},
            trace=trace,
        )
        stored = {"id": "plan", "kind": "plan", "plan": plan.to_json()}
        try:
            await self._documents.transact(
                caller.scope,
                container=EXECUTIONS,
                partition=head["execution_id"],
                operations=[
                    Create(head),
                    Create(stored | ({"trace": dict(trace)} if trace else {})),
                    Create(started),
                    *entry.operations,
                ],
            )
        except DocumentExistsError:
            if await self._admission.never_stored(caller.scope, head["execution_id"]):
                raise UnavailableError from None
            raise

    async def get(self, caller: Caller, execution_id: str) -> Execution:
        """The execution with the state of every step.

        Raises:
            NotFoundError: absent, or another tenant's.
        """
        head = await self.head(caller.scope, execution_id)
        run = await self._runs.load(caller.scope, execution_id)
        if run is None:
            raise NotFoundError(f"There is no execution {execution_id}")
        stored = await self._runs.step_documents(caller.scope, execution_id)
        asked = {}
        if APPROVAL in run.plan.actions:
            asked = await asked_in(self._documents, caller.scope, execution_id)
        states = [
            replace(
                step_state_of(one.id, one.action, stored.get(one.id), execution=head.body["status"]),
                approval=asked.get(one.id),
            )
            for one in run.plan.every_step
        ]
        execution = execution_of(head.body, states)
        if waits_for_turn(head.body):
            held = await self._admission.waiting(caller.scope, execution_id)
            execution = replace(execution, waiting=[*execution.waiting, *([held] if held else [])])
        if execution.status not in TERMINAL_STATUSES:
            execution = await self._reasons.explained(caller.scope, execution, run.plan)
        execution = await self._estimates.timed(caller.scope, execution, run, head.body)
        outputs = None
        if run.plan.outputs and head.body["status"] == "completed":
            document = await self._documents.read(
                caller.scope, container=EXECUTIONS, partition=execution_id, id=OUTPUTS
            )
            outputs = document.body["outputs"] if document else None
        return replace(execution, outputs=outputs)

    async def head(self, scope: TenantScope, execution_id: str) -> Document:
        """The execution's head document.

        Raises:
            NotFoundError: there is no such execution.
        """
        head = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        if head is None:
            raise NotFoundError(f"There is no execution {execution_id}")
        return head

    async def list(
        self,
        caller: Caller,
        matching: ExecutionFilter = ExecutionFilter(),  # noqa: B008 - it never changes
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> tuple[list[Execution], str | None]:
        """A page of the tenant's executions, newest first, without their steps, and the next page's cursor.

        Raises:
            BadCursorError: the cursor is not of this list with this filter.
        """
        of = [caller.scope.tenant_id, "executions", *astuple(matching)]
        query = Query(
            EXECUTIONS,
            "execution",
            where=conditions_of(matching),
            order=[(("created_at",), "desc")],
            limit=limit,
            after=self._cursors.open(cursor, of=of) if cursor else None,
        )
        page = await self._documents.query(caller.scope, query)
        following = self._cursors.seal(page.after, of=of) if page.after else None
        return [execution_of(item.body) for item in page.items], following


def chain_of(scope: TenantScope, execution_id: str) -> Chain:
    """The chain of an execution's audit records."""
    return Chain(scope, EXECUTIONS, execution_id)
