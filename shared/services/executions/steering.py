"""Steering what runs: cancelling, pausing, resuming and terminating executions.

A wish is stored first, with its audit record, and then the orchestration is told. If the process dies in
between, recovery tells it: of a pause or a resumption by the nudge that is stored with it, of a cancellation
or a termination by the execution's status.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.errors import DocumentStaleError, UnavailableError
from shared.domain.executions import Execution, waits_for_turn
from shared.domain.steering import Verb, Wish
from shared.domain.steps import RUN_INTENT
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, Create, Documents, Operation, Patch
from shared.ports.telemetry import NOTHING
from shared.security.principals import Origin
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chains, Entry
from shared.services.callers import Caller
from shared.services.executions.admission import Admission
from shared.services.executions.endings import Endings
from shared.services.executions.executions import Executions, chain_of
from shared.services.executions.following import Budget, Following
from shared.services.executions.launching import Launcher
from shared.services.executions.nudges import Nudges
from shared.services.executions.runs import Run, Runs
from shared.services.executions.states import execution_of, shown_status
from shared.services.receipts import Record, once
from shared.services.records import event
from shared.services.steps.attempts import HEAD

_log = logging.getLogger(__name__)
_EVENTS: Mapping[Verb, str] = {"pause": "execution_paused", "resume": "execution_resumed"}


class Steering:
    def __init__(
        self,
        *,
        documents: Documents,
        chains: Chains,
        executions: Executions,
        launcher: Launcher,
        admission: Admission,
        endings: Endings,
        runs: Runs,
        nudges: Nudges,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._chains = chains
        self._executions = executions
        self._launcher = launcher
        self._admission = admission
        self._endings = endings
        self._runs = runs
        self._nudges = nudges
        self._clock = clock
        self._following = Following(documents, self.apply)

    async def steer(
        self, caller: Caller, execution_id: str, verb: Verb, *, reason: str | None = None
    ) -> Execution:
        """Have an execution do what the caller wants; to want what it does already changes nothing.

        One that waits for its turn is cancelled at once. If it is paused, it keeps its place. What is given
        back has no steps.

        Raises:
            NotFoundError: absent, or another tenant's.
            ConflictError: it has come to its end, or is on its way there.
        """

        async def done(_: Record) -> None:
            await self._launcher.recover(caller.scope, execution_id)

        work = self.apply(caller.scope, caller.origin, execution_id, verb, reason=reason)
        await once(self._documents, chain_of(caller.scope, execution_id), caller.turn, work, done=done)
        return execution_of((await self._executions.head(caller.scope, execution_id)).body)

    async def apply(
        self,
        scope: TenantScope,
        origin: Origin,
        execution_id: str,
        verb: Verb,
        *,
        reason: str | None = None,
        following: Budget | None = None,
    ) -> None:
        """As :meth:`steer`, because of ``origin``.

        If that is ``following`` its parent, it resumes only what it has paused. The executions below follow,
        as many of them as the budget allows; recovery leads the others.
        """
        wish = Wish(verb, origin.principal, rfc3339(self._clock.now()), reason)
        while True:
            head = (await self._executions.head(scope, execution_id)).body
            changes = wish.change(head)
            if changes is None:
                break
            if following and verb == "resume" and (head["paused"] or {}).get("by") != origin.principal:
                return
            if await self._store(scope, origin, head, wish, changes, following or Budget()):
                if waits_for_turn(head):
                    # It takes its turn if that has come; to be cancelled, it needs none.
                    await self._admission.look(scope, execution_id)
                    await self._launcher.recover(scope, execution_id)
                    return
                head = {**head, **changes}
                break
        if head["status"] == "cancelling":
            await self._launcher.stop(head)

    async def _store(
        self,
        scope: TenantScope,
        origin: Origin,
        head: Mapping[str, Any],
        wish: Wish,
        changes: Mapping[str, Any],
        below: Budget,
    ) -> bool:
        """Write the wish down with its audit record; False if the execution moved on meanwhile.

        Raises:
            DocumentExistsError: the same request was done before.
        """
        execution_id, now = str(head["execution_id"]), self._clock.now()
        told = {"reason": wish.reason} if wish.reason else {}
        # A retry has kept what may have to be undone.
        withdrawn = (
            waits_for_turn(head) and changes["status"] == "cancelling" and head.get("retry_of") is None
        )
        act = Act(
            f"execution.{wish.verb}",
            origin,
            {"status": shown_status(head["status"])},
            {"status": "cancelled" if withdrawn else shown_status(changes["status"]), **told},
        )
        entry = self._chains.add(chain_of(scope, execution_id), head["audit"], act, now=now)
        if withdrawn:
            return await self._endings.withdraw(scope, head, changes, entry)
        mark = _mark(head, changes, entry)
        nudge, leads = None, False
        writes: list[Operation] = [mark, *entry.operations]
        if wish.verb in _EVENTS:
            number: int = entry.link["number"]
            run = await self._runs.load(scope, execution_id)
            leads = run is not None and RUN_INTENT in run.plan.actions
            writes.append(self._told(run, wish, number))
            if not waits_for_turn(head):
                nudge = self._nudges.nudge({wish.verb: number})
                writes.append(nudge)
        try:
            await self._documents.transact(
                scope, container=EXECUTIONS, partition=execution_id, operations=writes
            )
        except DocumentStaleError:
            return False
        if nudge is not None:
            # The children that another process is just making may not be seen yet: recovery looks again.
            await self._nudges.send(scope, execution_id, nudge, keep=leads)
            if leads:
                await self._lead(scope, execution_id, below)
        return True

    async def _lead(self, scope: TenantScope, execution_id: str, below: Budget) -> None:
        try:
            await self._following.align(scope, execution_id, budget=below)
        except UnavailableError:
            _log.warning("the children of %s do not follow it yet; recovery will lead them", execution_id)

    async def tell_left(self, scope: TenantScope, *, before: datetime) -> int:
        """Send the tenant's nudges that were stored ``before`` and are still there; how many were.

        Raises:
            UnavailableError: the store or the engine cannot be reached.
        """
        return await self._nudges.send_left(scope, before=before, behind=self.lead)

    async def lead(self, scope: TenantScope, execution_id: str, child: str | None = None) -> None:
        """Have the executions that its steps have asked for (or that one) be paused if it is, and else go on.

        Raises:
            UnavailableError: the store or the engine cannot be reached.
        """
        await self._following.align(scope, execution_id, budget=Budget(None), child=child)

    def _told(self, run: Run | None, wish: Wish, number: int) -> Create:
        """The event of the wish, which is the audit record's ``number``."""
        mark = run.mark if run else NOTHING
        body = event(
            key=f"execution:{number}",
            type=_EVENTS[wish.verb],
            now=self._clock.now(),
            data={"by": wish.by, **({"reason": wish.reason} if wish.reason else {}), **mark},
            trace=run.trace if run else NOTHING,
        )
        return Create(body)


def _mark(head: Mapping[str, Any], changes: Mapping[str, Any], entry: Entry) -> Patch:
    """The change of the head, on condition that the execution has not moved on."""
    return Patch(
        HEAD,
        set={("audit",): entry.link, **{(name,): value for name, value in changes.items()}},
        where={
            ("status",): head["status"],
            ("started_at",): head["started_at"],
            ("audit", "hash"): head["audit"]["hash"],
        },
    )
