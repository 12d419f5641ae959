"""What people are asked, over all executions of a tenant.

It is read of the approvals' own documents, which the transaction writes that asks, so what has been asked is
in it at once. An execution that ends withdraws what it has asked; what is on its way there is left out here.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any, Final

from shared.domain.approvals import APPROVAL, Approval, ApprovalFilter, Asked
from shared.domain.executions import TERMINAL_STATUSES
from shared.domain.paging import Cursors
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, Document, Documents, Query, Where
from shared.security.authorization import Resource
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from shared.services.executions.runs import Runs
from shared.services.executions.states import of_intent
from shared.services.steps.attempts import HEAD
from shared.services.steps.questions import awaited
from shared.services.tenancy.policies import Policies

APPROVE: Final = "executions.approve"
ROUNDS: Final = 10
"""So many times it is looked for more, when what was found is not what was asked for; the page ends then."""


class Inbox:
    def __init__(
        self, *, documents: Documents, runs: Runs, policies: Policies, cursors: Cursors, clock: Clock
    ) -> None:
        self._documents = documents
        self._runs = runs
        self._policies = policies
        self._cursors = cursors
        self._clock = clock

    async def list(
        self, caller: Caller, matching: ApprovalFilter, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Asked], str | None]:
        """A page of the tenant's approvals, and the next page's cursor.

        Of those that wait, the longest wait is first; of others, what was asked last. A page may have fewer
        than ``limit``, although there are more.

        Raises:
            BadCursorError: the cursor is not of this list with this filter.
        """
        of: list[Any] = [caller.scope.tenant_id, "approvals", *astuple(matching)]
        if matching.mine:
            of.append(caller.principal.name)
        after = self._cursors.open(cursor, of=of) if cursor else None
        found: list[Asked] = []
        for _ in range(ROUNDS):
            page = await self._documents.query(
                caller.scope, _query(matching, limit=limit - len(found), after=after)
            )
            looked = await asyncio.gather(*(self._asked(caller, matching, item) for item in page.items))
            found += [one for one in looked if one is not None]
            after = page.after
            if after is None or len(found) == limit:
                break
        return found, self._cursors.seal(after, of=of) if after else None

    async def _asked(self, caller: Caller, matching: ApprovalFilter, item: Document) -> Asked | None:
        """The approval with its place; None if it is not what was asked for."""
        execution_id: str = item.body["execution_id"]
        approval = Approval.from_json(item.body["approval"])
        may_decide = await self._may_decide(caller, execution_id, approval)
        if matching.mine and not may_decide:
            return None
        head = await self._documents.read(caller.scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        if head is None:
            return None  # it is being purged
        if approval.waits and not await self._awaited(caller.scope, head.body, approval):
            return None
        return Asked(execution_id, head.body["intent_id"], approval, may_decide)

    async def _awaited(self, scope: TenantScope, head: Mapping[str, Any], approval: Approval) -> bool:
        """Whether somebody's word would still count."""
        if approval.overdue(self._clock.now()) or head["status"] in TERMINAL_STATUSES:
            return False
        if head["status"] != "cancelling":
            return True
        run = await self._runs.load(scope, head["execution_id"])
        return run is not None and awaited(head, run, approval.step)

    async def _may_decide(self, caller: Caller, execution_id: str, approval: Approval) -> bool:
        who = caller.principal
        if not approval.awaits(who.name, who.roles, who.attributes, self._clock.now()):
            return False
        return await self._policies.allows(caller, APPROVE, Resource(execution_id))


def _query(matching: ApprovalFilter, *, limit: int, after: str | None) -> Query:
    status = Where(("approval", "status"), "=", matching.status)
    return Query(
        EXECUTIONS,
        APPROVAL,
        where=[status, *of_intent(matching.intent)],
        order=[(("approval", "since"), "asc" if matching.status == "waiting" else "desc")],
        limit=limit,
        after=after,
    )
