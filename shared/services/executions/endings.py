"""How an execution comes to its end: the steps that never ran are told, then the end itself, once."""

import contextlib
import itertools
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from shared import logs
from shared.domain.approvals import APPROVAL
from shared.domain.dry_runs import unknown_in
from shared.domain.errors import DocumentExistsError, DocumentStaleError, UnavailableError
from shared.domain.executions import STEP_TERMINAL_STATUSES, TerminalStatus
from shared.domain.expressions import ExpressionError, resolve
from shared.domain.mentions import expressions_in
from shared.domain.metrics import EXECUTIONS_FINISHED
from shared.domain.steering import stopped_because
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, Create, Documents, Operation, Patch, Path
from shared.ports.telemetry import NO_TELEMETRY, Attributes, Telemetry
from shared.security.scope import TenantScope
from shared.services.audit.chains import Entry
from shared.services.executions.freshness import catch_up
from shared.services.executions.limits import Limits
from shared.services.executions.nudges import Nudges
from shared.services.executions.runs import DRY_RUN, Run, Runs, step_document_id
from shared.services.records import event
from shared.services.steps.attempts import HEAD, OUTPUTS
from shared.services.steps.items import let_go
from shared.services.steps.packing import Packed, outputs_path, pack, store_chunks, unstorable
from shared.services.steps.questions import withdraw_open
from shared.services.tenancy.quotas import Room
from shared.workflow.steering import asking

_log = logging.getLogger(__name__)

STEPS_PER_TRANSACTION = 40
"""Two documents a step, and room for the head, within the 100 operations of a transaction."""

_NOTHING: Mapping[str, Any] = {}
_UNCOMPENSATED: Mapping[str, Any] = {
    "code": "UNCOMPENSATED",
    "message": "steps that had completed could not be undone",
}


class Endings:
    """The use case behind the activity ``finish_execution``; to repeat it changes nothing."""

    def __init__(
        self,
        *,
        documents: Documents,
        runs: Runs,
        nudges: Nudges,
        limits: Limits,
        clock: Clock,
        room: Room,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._documents = documents
        self._runs = runs
        self._nudges = nudges
        self._limits = limits
        self._clock = clock
        self._room = room
        self._telemetry = telemetry

    async def finish(self, payload: Mapping[str, Any]) -> None:
        """Record the end that the orchestrator has come to; or, with the status ``cancelling``, that it will.

        ``payload``: ``tenant_id``, ``execution_id``, ``status``, and the ids of the steps that ``failed``
        (the first is the cause), were ``blocked`` by a failure, or ``cancelled`` before they began; if there
        are any, also of those that should have been compensated and could not be, as ``uncompensated``.
        ``expired`` says that it was cancelled because its time was over, ``terminated`` that it was ended
        where it stood.
        """
        scope = TenantScope(payload["tenant_id"])  # the platform's own message
        execution_id: str = payload["execution_id"]
        with logs.about(tenant_id=scope.tenant_id, execution_id=execution_id):
            run = await self._runs.load(scope, execution_id)
            if run is None:
                raise LookupError(f"there is no execution {execution_id}")
            if payload["status"] == "cancelling":
                await self._mark_cancelling(scope, execution_id)
                return
            if payload["status"] != "completed":
                await catch_up(self._documents, scope, execution_id)
            await self._tell_unrun(scope, execution_id, run, payload)
            if APPROVAL in run.plan.actions:
                await withdraw_open(self._documents, scope, execution_id, now=self._clock.now())
            status: TerminalStatus = payload["status"]
            cause = await self._cause(scope, execution_id, run, payload)
            outputs, unknown = None, list[str]()
            if status == "completed" and run.plan.outputs:
                try:
                    outputs, unknown = await self._outputs(scope, execution_id, run)
                except ExpressionError as error:
                    status, cause = "failed", {"code": "OUTPUTS", "message": f"the outputs: {error}"}
            dry = await self._dry(scope, execution_id, unknown) if run.dry_run else _NOTHING
            if await self._end(scope, execution_id, run, status, cause, outputs, dry):
                self._observe(scope, execution_id, run, status, cause)
            await self._tell_others(scope, execution_id, run)
            self._runs.forget(scope, execution_id)

    async def withdraw(
        self, scope: TenantScope, head: Mapping[str, Any], changes: Mapping[str, Any], record: Entry
    ) -> bool:
        """Cancel an execution that waits for its turn, with the record of who wished so; it never begins.

        ``changes`` are those of the wish. False if the execution has moved on since ``head``.
        """
        execution_id = head["execution_id"]
        run = await self._runs.load(scope, execution_id)
        if run is None:
            raise LookupError(f"there is no execution {execution_id}")
        now, cause = self._clock.now(), stopped_because({**head, **changes})
        ended = {**changes, "status": "cancelled", "error": cause, "finished_at": rfc3339(now)}
        end = Patch(
            HEAD,
            set={("audit",): record.link, **{(name,): value for name, value in ended.items()}},
            where={("status",): head["status"], ("audit", "hash"): head["audit"]["hash"]},
        )
        data = {**({"error": cause} if cause else {}), **run.mark}
        told = event(key="execution", type="execution_cancelled", now=now, data=data, trace=run.trace)
        try:
            if not await self._once(scope, execution_id, [end, Create(told), *record.operations]):
                return False
        except DocumentStaleError:
            return False
        self._observe(scope, execution_id, run, "cancelled", cause)
        self._runs.forget(scope, execution_id)
        try:
            await self._tell_others(scope, execution_id, run)
        except UnavailableError:
            _log.warning("%s was cancelled in the queue; recovery will take its ticket", execution_id)
        return True

    async def _tell_others(self, scope: TenantScope, execution_id: str, run: Run) -> None:
        """Let those go on who wait for the end.

        Also when an earlier delivery has recorded it: it may have died before it could tell.
        """
        if run.parent is not None:
            await self._nudges.tell(run.parent.execution_id, asking(run.parent.step, run.parent.item))
        if run.limited:
            await self._limits.leave(scope, execution_id)

    def _observe(
        self,
        scope: TenantScope,
        execution_id: str,
        run: Run,
        status: TerminalStatus,
        cause: Mapping[str, Any] | None,
    ) -> None:
        counted: Attributes = {"tenant_id": scope.tenant_id, "status": status}
        if not run.dry_run:
            self._telemetry.record(EXECUTIONS_FINISHED, 1, counted)
        self._telemetry.end(
            run.trace,
            "execution",
            attributes={**counted, "execution_id": execution_id, "intent_id": run.intent_id},
            error=cause["code"] if cause else "",
        )

    async def _tell_unrun(
        self, scope: TenantScope, execution_id: str, run: Run, payload: Mapping[str, Any]
    ) -> None:
        """Give the steps that a failure blocked or a cancellation stopped their last state."""
        skipped, cancelled = payload["blocked"], payload["cancelled"]
        if not skipped and not cancelled:
            return
        await self._let_items_go(scope, execution_id, run, cancelled)
        unrun = [*((step, "skipped") for step in skipped), *((step, "cancelled") for step in cancelled)]
        while not await self._tell_open(scope, execution_id, run, unrun):
            await catch_up(self._documents, scope, execution_id)

    async def _let_items_go(
        self, scope: TenantScope, execution_id: str, run: Run, steps: Sequence[str]
    ) -> None:
        """Have no item of these steps come to an end behind that of the execution."""
        lists = [step for step in steps if run.plan.step(step).foreach is not None]
        if lists:
            await catch_up(self._documents, scope, execution_id)
        for step in lists:
            await let_go(self._documents, scope, execution_id, step, run=run, now=self._clock.now())

    async def _tell_open(
        self, scope: TenantScope, execution_id: str, run: Run, unrun: Sequence[tuple[str, str]]
    ) -> bool:
        """Give those of the steps that are open their last state; False if something changed meanwhile."""
        stored = await self._runs.step_documents(scope, execution_id)
        open_steps = [
            (step, status)
            for step, status in unrun
            if step not in stored or stored[step]["status"] not in STEP_TERMINAL_STATUSES
        ]
        for batch in itertools.batched(open_steps, STEPS_PER_TRANSACTION, strict=False):
            operations: list[Operation] = []
            for step, status in batch:
                operations += self._last_state(run, step, status, stored.get(step))
            count = sum(status == "skipped" for _, status in batch)
            if count:
                operations.append(Patch(HEAD, increment={("progress", "skipped"): count}))
            try:
                if not await self._once(scope, execution_id, operations):
                    return False
            except DocumentStaleError:
                return False
        return True

    def _last_state(
        self, run: Run, step: str, status: str, stored: Mapping[str, Any] | None
    ) -> list[Operation]:
        now = self._clock.now()
        blocked = {"code": "BLOCKED", "message": "a step that it depends on failed"}
        state = {
            "status": status,
            "finished_at": rfc3339(now),
            "outputs": None,
            "error": blocked if status == "skipped" else None,
            "token": None,
            "waiting": None,
        }
        operations: list[Operation] = [_changed(step, state, stored) if stored else _made(run, step, state)]
        if status == "cancelled":
            return operations
        data = {"step": step, "error": blocked, **run.mark}
        told = event(key=f"{step}:0", type="step_skipped", now=now, data=data, trace=run.trace)
        return [*operations, Create(told)]

    async def _cause(
        self, scope: TenantScope, execution_id: str, run: Run, payload: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """What came first of all that went wrong, and what else did behind it."""
        failed: Sequence[str] = payload["failed"]
        late = payload.get("expired") and not any(step.id in failed[:1] for step in run.plan.steps)
        cause: dict[str, Any] | None = None
        others: Sequence[str] = failed
        if payload.get("terminated"):
            cause = await self._stopped(scope, execution_id)
        elif late:  # what failed, failed at last
            over = f"the execution took longer than its timeout of {run.plan.timeout:g} s"
            cause = {"code": "DEADLINE", "message": over}
        elif failed:
            cause, others = await self._error_of(scope, execution_id, failed[0]), failed[1:]
        elif payload["status"] == "cancelled":
            cause = await self._stopped(scope, execution_id)
        if cause and others:
            cause["also_failed"] = list(others)
        if uncompensated := await self._not_undone(scope, execution_id, run, payload):
            cause = (cause or dict(_UNCOMPENSATED)) | {"uncompensated": uncompensated}
        return cause

    async def _not_undone(
        self, scope: TenantScope, execution_id: str, run: Run, payload: Mapping[str, Any]
    ) -> Sequence[str]:
        """What had completed and was not undone; of what was asked twice, the store knows more."""
        steps: Sequence[str] = payload.get("uncompensated", ())
        if not steps or not payload.get("terminated"):
            return steps
        stored = await self._runs.step_documents(scope, execution_id)
        whole, items = {"completed"}, STEP_TERMINAL_STATUSES - {"compensated"}
        return [
            step
            for step in steps
            if step in stored
            and stored[step]["status"] in (items if run.plan.step(step).foreach is not None else whole)
        ]

    async def _stopped(self, scope: TenantScope, execution_id: str) -> dict[str, Any] | None:
        """Why somebody has stopped it, if that was said."""
        head = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        return stopped_because(head.body) if head else None

    async def _error_of(self, scope: TenantScope, execution_id: str, step: str) -> dict[str, Any]:
        document = await self._documents.read(
            scope, container=EXECUTIONS, partition=execution_id, id=step_document_id(step)
        )
        error = (document.body["error"] if document else None) or {}
        return {
            "step": step,
            "code": error.get("code", "INTERNAL"),
            "message": error.get("message", "the step failed"),
        }

    async def _mark_cancelling(self, scope: TenantScope, execution_id: str) -> None:
        """Have what runs give up; what is cancelled already, or has ended, stays as it is."""
        while True:
            head = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
            status = head.body["status"] if head else None
            if status not in {"pending", "running", "paused"}:
                return
            changes: dict[Path, Any] = {("status",): "cancelling", ("paused",): None}
            with contextlib.suppress(DocumentStaleError):
                await self._documents.transact(
                    scope,
                    container=EXECUTIONS,
                    partition=execution_id,
                    operations=[Patch(HEAD, set=changes, where={("status",): status})],
                )
                return

    async def _dry(self, scope: TenantScope, execution_id: str, outputs: Sequence[str]) -> Mapping[str, Any]:
        """What the end of a dry run tells beside: that it is one, and what it could not decide."""
        stored = await self._runs.step_documents(scope, execution_id)
        steps = [step for step, body in stored.items() if "/status" in body.get("unknown", ())]
        return {**DRY_RUN, "undecided": {"steps": sorted(steps), "outputs": list(outputs)}}

    async def _outputs(self, scope: TenantScope, execution_id: str, run: Run) -> tuple[Packed, list[str]]:
        """What the execution comes to; the same each time, for all that it is made of is final.

        If it is large, its chunks are stored. Of a dry run also the names of what it cannot know.

        Raises:
            ExpressionError: the plan's outputs cannot be made.
        """
        results = await self._runs.step_results(scope, execution_id, run, run.plan.named_in_outputs)
        unknown = [
            name
            for name, value in run.plan.outputs.items()
            if run.unknown and unknown_in(expressions_in(value), results, run.unknown)
        ]
        known = {name: value for name, value in run.plan.outputs.items() if name not in unknown}
        outputs: Mapping[str, Any] = resolve(
            known, run.names(scope, execution_id, results, status="completed")
        )
        most = await self._room.limit(scope, "output_bytes")
        if (reason := unstorable(outputs, limit=most)) is not None:
            raise ExpressionError("outputs", reason)
        packed = await pack(outputs, owner=OUTPUTS, path=outputs_path(execution_id))
        await store_chunks(self._documents, scope, execution_id, packed.chunks)
        return packed, unknown

    async def _end(
        self,
        scope: TenantScope,
        execution_id: str,
        run: Run,
        status: TerminalStatus,
        cause: Mapping[str, Any] | None,
        outputs: Packed | None,
        dry: Mapping[str, Any],
    ) -> bool:
        """Record the end; False when an earlier delivery has."""
        now = self._clock.now()
        changes: dict[Path, Any] = {
            ("status",): status,
            ("error",): cause,
            ("finished_at",): rfc3339(now),
            **{(name,): value for name, value in dry.items()},
        }
        end = Patch(HEAD, set=changes, where={("finished_at",): None})
        data: dict[str, Any] = {**({"error": cause} if cause else {}), **dry}
        operations: list[Operation] = [end]
        if outputs is not None:
            data["result"] = outputs.shown
            operations.append(Create({"id": OUTPUTS, "kind": OUTPUTS, **outputs.fields}))
        told = event(key="execution", type=f"execution_{status}", now=now, data=data, trace=run.trace)
        try:
            return await self._once(scope, execution_id, [Create(told), *operations])
        except DocumentStaleError:
            return False

    async def _once(self, scope: TenantScope, execution_id: str, operations: Sequence[Operation]) -> bool:
        try:
            await self._documents.transact(
                scope, container=EXECUTIONS, partition=execution_id, operations=operations
            )
        except DocumentExistsError:
            return False  # an earlier delivery has recorded exactly this
        return True


def _made(run: Run, step: str, state: Mapping[str, Any]) -> Operation:
    about = {"id": step_document_id(step), "kind": "step", "step": step, "action": run.plan.step(step).action}
    return Create({**about, **state, "attempts": 0, "started_at": None})


def _changed(step: str, state: Mapping[str, Any], stored: Mapping[str, Any]) -> Operation:
    """If nobody has recorded anything else: an attempt may be delivered once more meanwhile."""
    changes: dict[Path, Any] = {(name,): value for name, value in state.items()}
    as_it_was: dict[Path, Any] = {(name,): stored[name] for name in ("status", "attempts")}
    return Patch(step_document_id(step), set=changes, where=as_it_was)
