"""Approvals: a step asks, people decide, and the execution is told.

Question and decisions are one document of the execution's partition. Whoever changes it names the state
that the change is made to, so each decision counts once, the last that is needed decides, and of a decision
and the expiry at the same time one wins. A decision is stored with its audit record, its event and, if it
decides, the nudge that wakes the step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from shared.domain.approvals import APPROVAL, Approval, Decision, Question, Verdict
from shared.domain.errors import (
    ConflictError,
    DocumentExistsError,
    DocumentMissingError,
    DocumentStaleError,
    NotFoundError,
    UnavailableError,
)
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, Create, Document, Documents, Operation, Patch
from shared.ports.telemetry import Carrier
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.executions.heads import unended
from shared.services.executions.nudges import Nudges
from shared.services.executions.runs import Run, Runs
from shared.services.receipts import Record, once
from shared.services.records import event
from shared.services.steps.attempts import HEAD
from shared.services.steps.disclosures import Disclosures
from shared.services.steps.questions import awaited, changed, question_id
from shared.workflow.steering import asking

_ACTS: Final[Mapping[Verdict, str]] = {"approved": "execution.approve", "rejected": "execution.reject"}


class Approvals:
    def __init__(
        self,
        *,
        documents: Documents,
        chains: Chains,
        runs: Runs,
        nudges: Nudges,
        disclosures: Disclosures,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._chains = chains
        self._runs = runs
        self._nudges = nudges
        self._disclosures = disclosures
        self._clock = clock

    async def ask(self, scope: TenantScope, execution_id: str, step: str, question: Question) -> Approval:
        """As the port says."""
        run = await self._run(scope, execution_id)
        while True:
            approval = await self._look(scope, execution_id, step)
            try:
                if approval is None:
                    return await self._open(scope, execution_id, run, step, question)
                now = self._clock.now()
                if not approval.overdue(now):
                    return approval
                expired = approval.expire(now)
                await self._transact(
                    scope, execution_id, [changed(approval, expired), _decided(expired, now, run.trace)]
                )
            except (DocumentExistsError, DocumentStaleError):
                continue  # somebody else was quicker: look again
            return expired

    async def _open(
        self, scope: TenantScope, execution_id: str, run: Run, step: str, question: Question
    ) -> Approval:
        head = await self._head(scope, execution_id)
        message = await self._disclosures.without(scope, run, question.message)
        question, now = replace(question, message=message), self._clock.now()
        approval = Approval.asked(
            step, question, plan_hash=head["plan_hash"], executed_by=head["created_by"], now=now
        )
        if head["finished_at"] is not None:  # this delivery is late: nobody is to be asked any more
            return approval.withdraw(now)
        body = {
            "id": question_id(step),
            "kind": APPROVAL,
            "looks": 0,
            "count": 0,
            "intent": head["intent"],
            "intent_id": head["intent_id"],
            "approval": approval.to_json(),
        }
        requested = event(
            key=step,
            type="approval_requested",
            now=now,
            data={"step": step, "approval": approval.shown()},
            trace=run.trace,
        )
        await self._transact(scope, execution_id, [unended(), Create(body), Create(requested)])
        return approval

    async def _look(self, scope: TenantScope, execution_id: str, step: str) -> Approval | None:
        """How it stands. By a write, which gives back no old state: a nudge is told once."""
        try:
            (document,) = await self._transact(
                scope, execution_id, [Patch(question_id(step), increment={("looks",): 1})]
            )
        except DocumentMissingError:
            return None
        assert document is not None  # a patch gives back what it stored
        return Approval.from_json(document.body["approval"])

    async def decide(
        self, caller: Caller, execution_id: str, step: str, verdict: Verdict, *, comment: str | None = None
    ) -> Approval:
        """Count the caller's decision; the approval as that decision left it.

        Deciding the same again is answered the same, and counts nothing.

        Raises:
            NotFoundError: there is no such execution or step, or it is another tenant's.
            ForbiddenError: the caller may not decide this one.
            ConflictError: the step does not wait for an approval, or the caller has decided otherwise.
            UnavailableError: the comment cannot be searched for secrets now, or the store cannot be reached.
        """

        async def done(_: Record) -> Approval:
            approval = await self._look(caller.scope, execution_id, step)
            if approval is None:
                raise UnavailableError
            return approval.left_by(caller.principal.name)

        chain = Chain(caller.scope, EXECUTIONS, execution_id)
        work = self._decide(caller, execution_id, step, verdict, comment)
        return await once(self._documents, chain, caller.turn, work, done=done)

    async def _decide(
        self, caller: Caller, execution_id: str, step: str, verdict: Verdict, comment: str | None
    ) -> Approval:
        name = caller.principal.name
        while True:
            head = await self._head(caller.scope, execution_id)
            run = await self._run(caller.scope, execution_id)
            if step not in {one.id for one in run.plan.every_step}:
                raise NotFoundError(f"The execution {execution_id} has no step {step!r}")
            document = await self._documents.read(
                caller.scope, container=EXECUTIONS, partition=execution_id, id=question_id(step)
            )
            if document is None:
                raise ConflictError(f"Step '{step}' does not wait for an approval")
            approval = Approval.from_json(document.body["approval"])
            if (before := approval.decision_of(name)) is not None:
                if before.decision != verdict:
                    raise ConflictError(
                        f"You have {before.decision} step '{step}' already: a decision stands"
                    )
                return approval.left_by(name)
            approval.require_approver(name, caller.principal.roles, caller.principal.attributes)
            if not awaited(head, run, step):
                message = f"Step '{step}' does not wait any more: the execution is {head['status']}"
                raise ConflictError(message)
            if comment is not None:
                comment = await self._disclosures.without(caller.scope, run, comment)
            decision = Decision(verdict, name, rfc3339(self._clock.now()), comment)
            decided = approval.with_decision(decision)
            if await self._store(caller, head, run, approval, decided):
                return decided

    async def _store(
        self, caller: Caller, head: Mapping[str, Any], run: Run, before: Approval, after: Approval
    ) -> bool:
        """Write a decision down, and wake the step if it decides; False if something changed meanwhile."""
        scope, execution_id = caller.scope, str(head["execution_id"])
        decision = after.decisions[-1]
        said = {
            "step": after.step,
            "decision": decision.decision,
            "comment": decision.comment,
            "plan_hash": after.plan_hash,
        }
        act = Act(_ACTS[decision.decision], caller.origin, _standing(before), {**said, **_standing(after)})
        chain = Chain(scope, EXECUTIONS, execution_id)
        now = self._clock.now()
        entry = self._chains.add(chain, head["audit"], act, now=now)
        link = Patch(
            HEAD,
            set={("audit",): entry.link},
            where={("status",): head["status"], ("audit", "hash"): head["audit"]["hash"]},
        )
        nudge = None if after.waits else self._nudges.nudge(asking(after.step))
        operations: list[Operation] = [
            link,
            *entry.operations,
            changed(before, after),
            _decided(after, now, run.trace),
            *([nudge] if nudge else []),
        ]
        try:
            await self._transact(scope, execution_id, operations)
        except (DocumentStaleError, DocumentExistsError, DocumentMissingError):
            return False
        if nudge is not None:
            await self._nudges.send(scope, execution_id, nudge)
        return True

    async def _run(self, scope: TenantScope, execution_id: str) -> Run:
        run = await self._runs.load(scope, execution_id)
        if run is None:
            raise NotFoundError(f"There is no execution {execution_id}")
        return run

    async def _head(self, scope: TenantScope, execution_id: str) -> Mapping[str, Any]:
        head = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        if head is None:
            raise NotFoundError(f"There is no execution {execution_id}")
        return head.body

    async def _transact(
        self, scope: TenantScope, execution_id: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        return await self._documents.transact(
            scope, container=EXECUTIONS, partition=execution_id, operations=operations
        )


def _decided(approval: Approval, now: datetime, trace: Carrier) -> Create:
    """The event of the last decision, or of the expiry."""
    data = {"step": approval.step, "approval": approval.shown()}
    number = len(approval.decisions) + approval.expired
    return Create(
        event(key=f"{approval.step}:{number}", type="approval_decided", now=now, data=data, trace=trace)
    )


def _standing(approval: Approval) -> dict[str, Any]:
    return {"status": approval.status, "have": approval.have, "required": approval.question.required}
