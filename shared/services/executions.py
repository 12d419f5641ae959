"""The use cases of executions: execute, look, cancel, and the end that every one of them comes to."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from shared import logs
from shared.domain.approvals import APPROVAL
from shared.domain.errors import (
    ConflictError,
    DocumentExistsError,
    DocumentStaleError,
    NotFoundError,
    StaleError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.executions import (
    TERMINAL_STATUSES,
    Execution,
    ExecutionStatus,
    Progress,
    StepState,
    StepStatus,
)
from shared.domain.intents import Intent, Reference
from shared.domain.paging import Cursors
from shared.domain.parameters import validate_parameters
from shared.domain.plans import Plan
from shared.domain.previews import plan_hash
from shared.domain.times import rfc3339
from shared.ports.clock import Clock, Ids
from shared.ports.documents import EXECUTIONS, Create, Document, Documents, Patch, Query, Where
from shared.ports.orchestrations import Orchestrations
from shared.ports.telemetry import NO_TELEMETRY, Carrier, Telemetry
from shared.security.scope import TenantScope
from shared.services.approvals import asked_in
from shared.services.attempts import HEAD, OUTPUTS
from shared.services.chains import Act, Chain, Chains
from shared.services.intents import Intents
from shared.services.members import Caller
from shared.services.plans import Plans
from shared.services.receipts import Record, once
from shared.services.records import event
from shared.services.runs import Run, Runs
from shared.workflow.cutting import work_of

ORCHESTRATOR = "execution"
"""The orchestrator that runs a plan; its instance id is the execution's id."""

_log = logging.getLogger(__name__)


class Executions:
    def __init__(  # noqa: PLR0913 - its parts, which have no second sense together
        self,
        *,
        documents: Documents,
        chains: Chains,
        orchestrations: Orchestrations,
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
        self._orchestrations = orchestrations
        self._intents = intents
        self._runs = runs
        self._plans = plans
        self._cursors = cursors
        self._clock = clock
        self._ids = ids
        self._telemetry = telemetry

    async def execute(
        self, caller: Caller, intent_id: str, parameters: Mapping[str, Any], *, reviewed: str | None = None
    ) -> Execution:
        """Store a new execution of the intent with its plan, and start it.

        ``reviewed`` is the hash of the plan that it must be.

        What is returned is stored: should the process die before the orchestration has started, the
        recovery timer starts it.

        Raises:
            NotFoundError: there is no such intent.
            NotExecutableError: its definition cannot be executed as it stands.
            ValidationFailedError: the parameters do not fit what the intent declares.
            StaleError: the plan is not the one that was reviewed.
            DocumentExistsError: this time of a schedule was executed before.
        """
        # What may be asked for again names its one execution: a request by its turn, a schedule by its time.
        if caller.firing:
            execution_id = caller.firing.execution_id(caller.scope.tenant_id)
        else:
            execution_id = caller.turn.id if caller.turn else self._ids.new()
        work = self._execute(caller, intent_id, parameters, execution_id, reviewed)

        async def done(_: Record) -> Execution:
            await self.recover(caller.scope, execution_id)
            return _execution((await self._head_document(caller.scope, execution_id)).body)

        return await once(self._documents, _chain(caller.scope, execution_id), caller.turn, work, done=done)

    async def _execute(
        self,
        caller: Caller,
        intent_id: str,
        parameters: Mapping[str, Any],
        execution_id: str,
        reviewed: str | None,
    ) -> Execution:
        intent = await self._intents.get(caller, intent_id)
        plan = await self._plans.executable(caller, intent)
        values, errors = validate_parameters(intent.definition.get("parameters"), parameters)
        if errors:
            raise ValidationFailedError("The parameters do not fit the intent", errors=errors)
        logs.add(execution_id=execution_id)
        head = self._head(caller, intent, plan, values, execution_id)
        if reviewed not in {None, head["plan_hash"]}:
            raise StaleError(
                f"What would be executed, {intent.id} with these parameters, is not what {reviewed} was made "
                f"of: POST /api/v1/intents/{intent_id}/plan again, look at it, and send the plan_hash it has"
            )
        trace = self._telemetry.begin()
        await self._store(caller, head, plan, trace)
        self._runs.keep(
            caller.scope,
            execution_id,
            Run(plan, values, intent_id=intent.id, created_by=head["created_by"], trace=trace),
        )
        await self._start(caller.scope, execution_id, plan)
        return replace(_execution(head), deprecation=intent.deprecation)

    def _head(
        self, caller: Caller, intent: Intent, plan: Plan, parameters: Mapping[str, Any], execution_id: str
    ) -> dict[str, Any]:
        return {
            "id": HEAD,
            "kind": "execution",
            "tenant_id": caller.scope.tenant_id,
            "execution_id": execution_id,
            "intent": intent.name,
            "intent_id": intent.id,
            "status": "pending",
            "parameters": dict(parameters),
            "plan_hash": plan_hash(intent.id, plan, parameters),
            "progress": {"total": len(plan.every_step), "completed": 0, "failed": 0, "skipped": 0},
            "error": None,
            "created_at": rfc3339(self._clock.now()),
            "created_by": caller.principal.name,
            "schedule": caller.firing.to_json() if caller.firing else None,
            "started_at": None,
            "finished_at": None,
        }

    async def _store(self, caller: Caller, head: dict[str, Any], plan: Plan, trace: Carrier) -> None:
        now = self._clock.now()
        made = {
            "intent_id": head["intent_id"],
            "parameters": head["parameters"],
            "plan_hash": head["plan_hash"],
        }
        if caller.firing:
            made |= {"schedule": head["schedule"], "created_by": head["created_by"]}
        act = Act("execution.create", caller.origin, None, made)
        entry = self._chains.add(_chain(caller.scope, head["execution_id"]), None, act, now=now)
        head["audit"] = entry.link
        started = event(
            key="execution",
            type="execution_started",
            now=now,
            data={"intent_id": head["intent_id"], "total": len(plan.every_step)},
            trace=trace,
        )
        await self._documents.transact(
            caller.scope,
            container=EXECUTIONS,
            partition=head["execution_id"],
            operations=[
                Create(head),
                Create(
                    {"id": "plan", "kind": "plan", "plan": plan.to_json()}
                    | ({"trace": dict(trace)} if trace else {})
                ),
                Create(started),
                *entry.operations,
            ],
        )

    async def _start(self, scope: TenantScope, execution_id: str, plan: Plan) -> None:
        try:
            await self._orchestrations.start(
                instance_id=execution_id,
                orchestrator=ORCHESTRATOR,
                input=work_of(plan, tenant_id=scope.tenant_id, execution_id=execution_id).to_json(),
            )
        except UnavailableError:
            _log.warning("execution %s is stored but not started; recovery will start it", execution_id)

    async def get(self, caller: Caller, execution_id: str) -> Execution:
        """The execution with the state of every step.

        Raises:
            NotFoundError: absent, or another tenant's.
        """
        head = await self._head_document(caller.scope, execution_id)
        run = await self._runs.load(caller.scope, execution_id)
        if run is None:
            raise NotFoundError(f"There is no execution {execution_id}")
        stored = await self._runs.step_documents(caller.scope, execution_id)
        asked = {}
        if APPROVAL in run.plan.actions:
            asked = await asked_in(self._documents, caller.scope, execution_id)
        states = [
            replace(_step_state(one.id, one.action, stored.get(one.id)), approval=asked.get(one.id))
            for one in run.plan.every_step
        ]
        outputs = None
        if run.plan.outputs and head.body["status"] == "completed":
            document = await self._documents.read(
                caller.scope, container=EXECUTIONS, partition=execution_id, id=OUTPUTS
            )
            outputs = document.body["outputs"] if document else None
        return replace(_execution(head.body, states), outputs=outputs)

    async def _head_document(self, scope: TenantScope, execution_id: str) -> Document:
        head = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        if head is None:
            raise NotFoundError(f"There is no execution {execution_id}")
        return head

    async def list(
        self,
        caller: Caller,
        *,
        intent: str | None = None,
        status: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> tuple[list[Execution], str | None]:
        """A page of the tenant's executions, newest first, without their steps, and the next page's cursor.

        ``intent`` is a name (every version) or an id (that version); ``since`` and ``until`` are RFC 3339
        times as :func:`~shared.domain.times.rfc3339` spells them, the first included, the second not.

        Raises:
            BadCursorError: the cursor is not of this list with this filter.
        """
        of = [caller.scope.tenant_id, "executions", intent, status, since, until]
        where = [
            *_intent_condition(intent),
            *([Where(("status",), "=", status)] if status else []),
            *([Where(("created_at",), ">=", since)] if since else []),
            *([Where(("created_at",), "<", until)] if until else []),
        ]
        query = Query(
            EXECUTIONS,
            "execution",
            where=where,
            order=[(("created_at",), "desc")],
            limit=limit,
            after=self._cursors.open(cursor, of=of) if cursor else None,
        )
        page = await self._documents.query(caller.scope, query)
        following = self._cursors.seal(page.after, of=of) if page.after else None
        return [_execution(item.body) for item in page.items], following

    async def cancel(self, caller: Caller, execution_id: str) -> Execution:
        """Ask a running execution to stop: what runs is given up, what has not begun never does.

        Asking again while it is being cancelled changes nothing.

        Raises:
            NotFoundError: absent, or another tenant's.
            ConflictError: it has come to its end.
        """

        async def done(_: Record) -> Execution:
            await self.recover(caller.scope, execution_id)
            return await self.get(caller, execution_id)

        work = self._cancel(caller, execution_id)
        return await once(self._documents, _chain(caller.scope, execution_id), caller.turn, work, done=done)

    async def _cancel(self, caller: Caller, execution_id: str) -> Execution:
        while True:
            head = (await self._head_document(caller.scope, execution_id)).body
            if head["status"] in TERMINAL_STATUSES:
                raise ConflictError(f"The execution has already ended: it is {head['status']}")
            if head["status"] == "cancelling" or await self._mark_cancelling(caller, head):
                break
        await self._signal_cancel(execution_id)
        return await self.get(caller, execution_id)

    async def _mark_cancelling(self, caller: Caller, head: Mapping[str, Any]) -> bool:
        """Write the wish down with its audit record; False if the execution moved on meanwhile."""
        act = Act("execution.cancel", caller.origin, {"status": head["status"]}, {"status": "cancelling"})
        chain = _chain(caller.scope, head["execution_id"])
        entry = self._chains.add(chain, head["audit"], act, now=self._clock.now())
        mark = Patch(
            HEAD,
            set={("status",): "cancelling", ("audit",): entry.link},
            where={("status",): head["status"], ("audit", "hash"): head["audit"]["hash"]},
        )
        try:
            await self._documents.transact(
                caller.scope,
                container=EXECUTIONS,
                partition=head["execution_id"],
                operations=[mark, *entry.operations],
            )
        except (DocumentStaleError, DocumentExistsError):
            return False
        return True

    async def _signal_cancel(self, execution_id: str) -> None:
        try:
            await self._orchestrations.raise_event(instance_id=execution_id, name="cancel")
        except UnavailableError:
            _log.warning("the cancellation of %s is stored but not signalled; recovery will", execution_id)

    async def recover(self, scope: TenantScope, execution_id: str) -> None:
        """Bring a stranded execution back on its way: start what was stored, signal what was asked for.

        Both are harmless when they were done before.
        """
        head = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        run = await self._runs.load(scope, execution_id)
        if head is None or run is None or head.body["status"] in TERMINAL_STATUSES:
            return
        await self._start(scope, execution_id, run.plan)
        if head.body["status"] == "cancelling":
            await self._signal_cancel(execution_id)


def _chain(scope: TenantScope, execution_id: str) -> Chain:
    return Chain(scope, EXECUTIONS, execution_id)


def _intent_condition(intent: str | None) -> list[Where]:
    if intent is None:
        return []
    reference = Reference.parse(intent)
    versioned = reference is not None and reference.version is not None
    return [Where(("intent_id",) if versioned else ("intent",), "=", intent)]


def _execution(head: Mapping[str, Any], steps: Sequence[StepState] = ()) -> Execution:
    counts = head["progress"]
    return Execution(
        execution_id=head["execution_id"],
        intent_id=head["intent_id"],
        tenant_id=head["tenant_id"],
        status=cast("ExecutionStatus", head["status"]),
        parameters=head["parameters"],
        plan_hash=head["plan_hash"],
        progress=Progress(counts["total"], counts["completed"], counts["failed"], counts["skipped"]),
        created_at=head["created_at"],
        created_by=head["created_by"],
        schedule=head.get("schedule"),
        started_at=head["started_at"],
        finished_at=head["finished_at"],
        error=head["error"],
        steps=steps,
    )


def _step_state(id: str, action: str, stored: Mapping[str, Any] | None) -> StepState:
    if stored is None:
        return StepState(id, action)
    return StepState(
        id=id,
        action=action,
        status=cast("StepStatus", stored["status"]),
        attempts=stored["attempts"],
        started_at=stored["started_at"],
        finished_at=stored["finished_at"],
        outputs=stored["outputs"],
        error=stored["error"],
        compensation=_compensation(stored.get("compensation")),
    )


def _compensation(stored: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return {key: value for key, value in stored.items() if key != "token"} if stored else None
