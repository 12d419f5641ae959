"""Limits: who of a tenant's executions may run now, and who is next.

Executions that no limit is about have nothing to do with this. One that a limit may hold back has a ticket
before it is stored, and gives it back when it has come to its end; whoever gives one back lets the next ones
go.

What waits is stored as ``queued``, which is shown as ``pending``. It is let go by making it ``pending`` under
the condition that it is still queued, and is then started. Wherever a process dies, the recovery timer finds
the ticket, and goes on (:meth:`Limits.heal`).
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, cast

from shared.domain.errors import (
    DocumentExistsError,
    DocumentMissingError,
    DocumentStaleError,
    QuotaExceededError,
    UnavailableError,
)
from shared.domain.executions import QUEUED, TERMINAL_STATUSES
from shared.domain.limits import Book, Claim, LineStatus, TicketStatus
from shared.domain.times import rfc3339
from shared.domain.waiting import Waiting
from shared.ports.clock import Clock
from shared.ports.documents import (
    EXECUTIONS,
    Create,
    Delete,
    Document,
    Documents,
    Patch,
    Query,
    Replace,
    Where,
)
from shared.security.scope import TenantScope
from shared.services.executions.launching import Launcher
from shared.services.executions.tickets import Tickets
from shared.services.settling import BehindError
from shared.services.steps.attempts import HEAD

TOGETHER: Final = 30
"""The most executions that one transaction lets go."""
YOUNG: Final = timedelta(minutes=1)
"""Longer than a request takes (``functions/gateway/edge.py``): a younger ticket may yet get its execution."""
PAGE: Final = 100
RETRY_AFTER: Final = 10
"""Seconds until one who is refused may look again."""
FENCE: Final = "fence"
"""The kind of what stands in the place of the plan of an execution that nobody may store any more."""
FENCE_LIFE: Final = 3600

_log = logging.getLogger(__name__)


class Limits:
    def __init__(self, *, documents: Documents, launcher: Launcher, clock: Clock) -> None:
        self._documents = documents
        self._launcher = launcher
        self._clock = clock
        self._tickets = Tickets(documents, clock)

    async def enter(
        self, scope: TenantScope, execution_id: str, claim: Claim, *, limit: int | None
    ) -> TicketStatus:
        """Take a ticket for an execution that is about to be stored; ``limit`` is the tenant's.

        If the execution is not stored then, the ticket is found later, and goes. Again, this gives the ticket
        that there is.

        Raises:
            QuotaExceededError: there is no place, and it would rather not wait.
        """

        async def work() -> tuple[TicketStatus, LineStatus]:
            seen = await self._tickets.see(scope, claim.line, new=Book(limit))
            limited = seen.counter.limited(claim)
            entered = limited.entered(claim)
            if entered is None:
                raise _refusal(claim, limited.line.limit)
            counter, status = entered
            ticket = self._tickets.made(execution_id, claim, limited.book.next, status)
            try:
                await self._tickets.write(scope, [*seen.written(counter), ticket])
            except DocumentExistsError:
                if (known := await self._tickets.find(scope, execution_id)) is not None:
                    return cast("TicketStatus", known.body["status"]), "closed"
                raise
            return status, counter.book.serves

        status, serves = await self._tickets.settled(scope, work)
        if serves != "closed":
            await self.advance(scope)
        return status

    async def look(self, scope: TenantScope, execution_id: str) -> None:
        """Let an execution go that has just been stored as queued, if its turn came before."""
        ticket = await self._tickets.find(scope, execution_id)
        if ticket is not None and ticket.body["status"] == "admitted":
            await self._begin(scope, execution_id)

    async def fenced(self, scope: TenantScope, execution_id: str) -> bool:
        """Whether nobody may store the execution any more, for its ticket was taken."""
        plan = await self._plan(scope, execution_id)
        return plan is not None and plan.body["kind"] == FENCE

    async def leave(self, scope: TenantScope, execution_id: str) -> None:
        """Give back the ticket of an execution that has come to its end, and let the next ones go."""

        async def work() -> None:
            ticket = await self._tickets.find(scope, execution_id)
            if ticket is None:
                return
            body = ticket.body
            seen = await self._tickets.see(scope, body["line"])
            line, status = seen.counter.line, body["status"]
            following = line.number
            if status == "queued" and following == body["number"]:
                _, following = await self._tickets.first(scope, line, status, 1)
            counter = seen.counter.left(status, child=body["child"], following=following)
            gone = Delete(body["id"], if_match=ticket.etag)
            await self._tickets.write(scope, [*seen.written(counter), gone])

        await self._tickets.settled(scope, work)
        await self.advance(scope)

    async def change(self, scope: TenantScope, limit: int | None) -> None:
        """Go by another limit of the tenant's; what runs goes on."""

        async def work() -> None:
            book = await self._tickets.book(scope)
            if book is not None and book.body["limit"] != limit:
                changed = Replace({**book.body, "limit": limit}, if_match=book.etag)
                await self._tickets.write(scope, [changed])

        await self._tickets.settled(scope, work)
        await self.advance(scope)

    async def advance(self, scope: TenantScope) -> None:
        """Let go whoever may, in the order of acceptance."""
        while admitted := await self._tickets.settled(scope, lambda: self._admit(scope)):
            await asyncio.gather(*(self._begin(scope, execution_id) for execution_id in admitted))

    async def waiting(self, scope: TenantScope, execution_id: str) -> Mapping[str, Any] | None:
        """Why an execution is queued: the limit, how many run, its place in the queue; None: it is not."""
        ticket = await self._tickets.find(scope, execution_id)
        if ticket is None or ticket.body["status"] == "admitted":
            return None
        counter = (await self._tickets.see(scope, ticket.body["line"])).counter
        book, line = counter.book, counter.line
        own = ticket.body["status"] == "child" or line.free == 0
        ahead = await self._tickets.ahead(scope, ticket, line=line.intent if own else None)
        facts = {
            "limit": "intent" if own else "tenant",
            "most": line.limit if own else book.limit,
            "running": line.running if own else book.running,
            "place": ahead + 1,
        }
        return {"step": None, **Waiting("limit", facts=facts).since(ticket.body["created_at"])}

    async def running(self, scope: TenantScope) -> int | None:
        """How many of the tenant's executions hold a slot; None: no limit was ever about any."""
        book = await self._tickets.book(scope)
        return None if book is None else Book.from_json(book.body).running

    async def used(self, scope: TenantScope) -> bool:
        """Whether a limit was ever about any of the tenant's executions."""
        return await self._tickets.book(scope) is not None

    async def heal(self, scope: TenantScope, limit: int | None, *, grace: timedelta) -> int:
        """Go on with what others left behind; how many tickets were looked after.

        ``limit`` is the tenant's. What is younger than ``grace`` is left to those who have it in hand.
        """
        await self.change(scope, limit)
        healed, after = 0, None
        while True:
            page, after = await self._tickets.admitted(scope, limit=PAGE, after=after)
            old = rfc3339(self._clock.now() - grace)
            tickets = {body["execution_id"]: body for body in page if body["admitted_at"] < old}
            if tickets:
                healed += await self._finish_left(scope, sorted(tickets))
                healed += await self._fence_lost(scope, tickets)
            if after is None:
                return healed

    async def _finish_left(self, scope: TenantScope, executions: Sequence[str]) -> int:
        """Start those that were let go and are queued, and take the tickets of those that have ended."""
        where = [
            Where((EXECUTIONS.partition_field,), "in", executions),
            Where(("status",), "in", sorted({QUEUED, *TERMINAL_STATUSES})),
        ]
        query = Query(EXECUTIONS, "execution", where=where, limit=len(executions))
        found = [one.body for one in (await self._documents.query(scope, query)).items]
        for head in found:
            _log.info("execution %s of %s was left in the queue", head["execution_id"], scope.tenant_id)
            follow_up = self._begin if head["status"] == QUEUED else self.leave
            await follow_up(scope, head["execution_id"])
        return len(found)

    async def _fence_lost(self, scope: TenantScope, tickets: Mapping[str, Mapping[str, Any]]) -> int:
        """Take the tickets of those that were never stored, and see to it that they never will be."""
        young = rfc3339(self._clock.now() - YOUNG)
        old = sorted(name for name, body in tickets.items() if body["created_at"] < young)
        if not old:
            return 0
        field = (EXECUTIONS.partition_field,)
        query = Query(EXECUTIONS, "execution", where=[Where(field, "in", old)], limit=len(old))
        stored = {name for name, _ in (await self._documents.count(scope, query, by=field)).values}
        lost = [name for name in old if name not in stored]
        for execution_id in lost:
            if await self._fence(scope, execution_id):
                await self.leave(scope, execution_id)
        return len(lost)

    async def _fence(self, scope: TenantScope, execution_id: str) -> bool:
        """Let nobody store the execution any more; False if it is stored."""
        fence = Create({"id": "plan", "kind": FENCE}, ttl=FENCE_LIFE)
        try:
            await self._documents.transact(
                scope, container=EXECUTIONS, partition=execution_id, operations=[fence]
            )
        except DocumentExistsError:
            plan = await self._plan(scope, execution_id)
            return plan is not None and plan.body["kind"] != "plan"  # or a child that was cancelled before
        return True

    async def _plan(self, scope: TenantScope, execution_id: str) -> Document | None:
        return await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id="plan")

    async def _admit(self, scope: TenantScope) -> Sequence[str]:
        """Let the next ones go in the tenant's book; which executions these are."""
        document = await self._tickets.book(scope)
        serves = Book.from_json(document.body).serves if document else "closed"
        if serves == "closed":
            return ()
        lines = await self._tickets.lines(scope, serves)
        if not lines:
            raise BehindError
        seen = await self._tickets.see(scope, lines[0].intent)
        child = serves == "child"
        # From the second line's first on, others would go before.
        bound = lines[1].number if len(lines) > 1 and not child else None
        chosen, following = await self._tickets.first(
            scope,
            seen.counter.line,
            "child" if child else "queued",
            min(seen.counter.places(child=child), TOGETHER),
            before=bound,
        )
        if not chosen:
            raise BehindError
        after = seen.counter.admitted(len(chosen), child=child, following=following)
        await self._tickets.write(scope, [*seen.written(after), *map(self._tickets.let_go, chosen)])
        return [one.body["execution_id"] for one in chosen]

    async def _begin(self, scope: TenantScope, execution_id: str) -> None:
        """Start an execution whose turn has come, unless it has been cancelled; else recovery does it."""
        mark = Patch(HEAD, set={("status",): "pending"}, where={("status",): QUEUED})
        try:
            await self._documents.transact(
                scope, container=EXECUTIONS, partition=execution_id, operations=[mark]
            )
            await self._launcher.recover(scope, execution_id)
        except DocumentMissingError:
            return  # who is about to store it looks again
        except DocumentStaleError:
            return  # another has begun it, or it was cancelled
        except UnavailableError:
            _log.warning("the turn of %s has come and it is not started; recovery will", execution_id)


def _refusal(claim: Claim, most: int | None) -> QuotaExceededError:
    return QuotaExceededError(
        f"{most} executions of {claim.line} run or wait already, and its definition says that more are "
        "refused: try again when one of them has ended",
        violated=[f"intents/{claim.line}/concurrency"],
        retry_after=RETRY_AFTER,
    )
