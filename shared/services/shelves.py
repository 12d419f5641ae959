"""What a tenant keeps by name: all of a kind in one partition, beside the chain of its audit records.

Each change is stored with its record, on condition that the chain ends where it did before anything was
looked at: so of changes at the same time one is first, the others look again, and what was counted or
checked in between holds.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.domain.errors import DocumentError, NotFoundError, UnavailableError
from shared.domain.paging import Cursors
from shared.ports.documents import TENANCY, Document, Documents, Operation, Query, Where
from shared.security.principals import Origin
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.receipts import Record, once
from shared.services.tenancy.quotas import Room

ATTEMPTS: Final = 5
"""Of a change that others' changes get in the way of."""


@dataclass(frozen=True, slots=True)
class Change:
    """Who does what to one thing; None: there was nothing, or will be.

    The thing and its record are of the same time, by which a request that comes again knows what it made.
    """

    scope: TenantScope
    action: str
    origin: Origin
    at: datetime
    before: Document | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a tenant's things of one kind are.

    Attributes:
        partition: theirs and their chain's; their quota has that name, too.
        audited: what a record shows of one.
        id_of: the document of a name.
    """

    documents: Documents
    chains: Chains
    cursors: Cursors
    room: Room
    partition: str
    kind: str
    audited: Callable[[Mapping[str, Any]], dict[str, Any]]
    id_of: Callable[[str], str] = str

    def chain(self, scope: TenantScope) -> Chain:
        return Chain(scope, TENANCY, self.partition)

    async def find(self, scope: TenantScope, name: str) -> Document | None:
        found = await self.documents.read(
            scope, container=TENANCY, partition=self.partition, id=self.id_of(name)
        )
        return found if found and found.body["kind"] == self.kind else None

    async def existing(self, scope: TenantScope, name: str) -> Document:
        """The one of that name.

        Raises:
            NotFoundError: the tenant has none.
        """
        if (found := await self.find(scope, name)) is None:
            raise NotFoundError(f"There is no {self.kind} {name!r}")
        return found

    def query(self, *, limit: int, after: str | None = None, where: Sequence[Where] = ()) -> Query:
        """All of them by name."""
        return Query(
            TENANCY,
            self.kind,
            partition=self.partition,
            where=where,
            order=[(("name",), "asc")],
            limit=limit,
            after=after,
        )

    async def page(
        self, caller: Caller, *, limit: int, cursor: str | None
    ) -> tuple[Sequence[Document], str | None]:
        """A page of them by name, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list.
        """
        of = [caller.scope.tenant_id, self.partition]
        after = self.cursors.open(cursor, of=of) if cursor else None
        page = await self.documents.query(caller.scope, self.query(limit=limit, after=after))
        return page.items, self.cursors.seal(page.after, of=of) if page.after else None

    async def store(
        self,
        change: Change,
        *operations: Operation,
        check: Callable[[], Awaitable[None]] | None = None,
    ) -> Document | None:
        """Store a change with its record: what the first operation left, or what it deleted.

        None: another change came first. ``check`` is called where what it reads holds until the change is
        stored.

        Raises:
            QuotaExceededError: it would be one more than the tenant may have.
        """
        act = Act(change.action, change.origin, self._shown(change.before), self._shown(change.after))
        record = await self.chains.linked(self.documents, self.chain(change.scope), act, now=change.at)
        if change.before is None:
            await self.room.require(change.scope, self.partition)
        if check is not None:
            await check()
        try:
            stored = await self.documents.transact(
                change.scope, container=TENANCY, partition=self.partition, operations=[*operations, *record]
            )
        except DocumentError:
            return None
        return stored[0] or change.before

    def _shown(self, thing: Document | Mapping[str, Any] | None) -> dict[str, Any] | None:
        body = thing.body if isinstance(thing, Document) else thing
        return None if body is None else self.audited(body)

    async def once[T, U](
        self, caller: Caller, work: Awaitable[T], *, done: Callable[[Record], Awaitable[U]]
    ) -> T | U:
        """What ``work`` comes to, or what ``done`` shows of it if this request was done (``receipts.py``)."""
        return await once(self.documents, self.chain(caller.scope), caller.turn, work, done=done)


def fields(*names: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """These of a thing, as its record shows them."""
    return lambda body: {name: body[name] for name in names}


async def first[T](attempt: Callable[[], Awaitable[T | None]]) -> T:
    """What ``attempt`` comes to, which looks and changes, and is None where another change came first.

    Raises:
        UnavailableError: another one always did.
    """
    for _ in range(ATTEMPTS):
        if (done := await attempt()) is not None:
            return done
    raise UnavailableError


async def nothing(_: Record) -> None:
    """What is shown of what was deleted."""
