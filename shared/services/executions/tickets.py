"""The tickets of executions that a limit may hold back, the lines they stand in, and the book of the tenant.

They are documents of one partition, and each change of them is one transaction under the condition that
nobody wrote the book meanwhile. It touches the book, a line and a few tickets, however many there are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.limits import Book, Claim, Counter, Line, LineStatus, TicketStatus
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import (
    TENANCY,
    Create,
    Delete,
    Document,
    Documents,
    Operation,
    Patch,
    Path,
    Query,
    Replace,
    Where,
)
from shared.security.scope import TenantScope
from shared.services.settling import BehindError, Settling

PARTITION: Final = "admission"
BOOK: Final = "book"
"""The id, and the kind, of the document with a tenant's counts."""
TICKET: Final = "ticket"
LINE: Final = "line"


@dataclass(frozen=True, slots=True)
class Seen:
    """A tenant's book and one of its lines, as they were read."""

    counter: Counter
    book: Document | None
    line: Document | None

    def written(self, counter: Counter) -> list[Operation]:
        """What makes it this, unless somebody has written the book meanwhile."""
        book = {"id": BOOK, "kind": BOOK, **counter.book.to_json()}
        return [_put(book, self.book), *self._line(counter.line)]

    def _line(self, line: Line) -> Sequence[Operation]:
        if line.empty:
            return (Delete(self.line.body["id"], if_match=self.line.etag),) if self.line else ()
        return (
            _put(
                {"id": _line_id(line.intent), "kind": LINE, "status": line.status, **line.to_json()},
                self.line,
            ),
        )


class Tickets:
    def __init__(self, documents: Documents, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._settling = Settling()

    async def settled[T](self, scope: TenantScope, work: Callable[[], Awaitable[T]]) -> T:
        """See :meth:`Settling.settled`."""
        return await self._settling.settled(scope, work)

    async def book(self, scope: TenantScope) -> Document | None:
        """The tenant's book; None: no limit was ever about any execution of it."""
        return await self._read(scope, BOOK)

    async def find(self, scope: TenantScope, execution_id: str) -> Document | None:
        return await self._read(scope, _ticket_id(execution_id))

    async def see(self, scope: TenantScope, line: str, *, new: Book | None = None) -> Seen:
        """The book and a line of it; where there is none, a new one.

        Raises:
            BehindError: there is no book, and it cannot be ``new``.
        """
        book, stored = await asyncio.gather(self._read(scope, BOOK), self._read(scope, _line_id(line)))
        if book is None and new is None:
            raise BehindError
        counter = Counter(
            Book.from_json(book.body) if book else new or Book(None),
            Line.from_json(stored.body) if stored else Line(line),
        )
        return Seen(counter, book, stored)

    async def write(self, scope: TenantScope, operations: Sequence[Operation]) -> None:
        """Write all of them, or none.

        Raises:
            DocumentError: one of them was written by another.
        """
        await self._documents.transact(scope, container=TENANCY, partition=PARTITION, operations=operations)

    async def lines(self, scope: TenantScope, status: LineStatus) -> Sequence[Line]:
        """The two lines of that status whose first have waited longest."""
        query = Query(
            TENANCY,
            LINE,
            partition=PARTITION,
            where=[Where(("status",), "=", status)],
            order=[(("number",), "asc")],
            limit=2,
        )
        page = await self._documents.query(scope, query)
        return [Line.from_json(one.body) for one in page.items]

    async def first(
        self, scope: TenantScope, line: Line, status: TicketStatus, count: int, *, before: int | None = None
    ) -> tuple[Sequence[Document], int]:
        """The first ``count`` of those that wait in a line, and the number of the one behind them (0: none).

        With ``before``, only those of lower numbers.

        Raises:
            BehindError: they are not those that the line tells of.
        """
        query = Query(
            TENANCY,
            TICKET,
            partition=PARTITION,
            where=[Where(("line",), "=", line.intent), Where(("status",), "=", status)],
            order=[(("number",), "asc")],
            limit=count + 1,
        )
        found = (await self._documents.query(scope, query)).items
        there = line.children if status == "child" else line.queued
        number = found[0].body["number"] if found else 0
        if len(found) != min(there, count + 1) or (status == "queued" and number != line.number):
            raise BehindError
        chosen = [one for one in found[:count] if before is None or one.body["number"] < before]
        return chosen, found[len(chosen)].body["number"] if len(found) > len(chosen) else 0

    async def ahead(self, scope: TenantScope, ticket: Document, *, line: str | None) -> int:
        """How many wait that are before it, in that line or (None) in all of them."""
        before = [
            Where(("status",), "=", ticket.body["status"]),
            Where(("number",), "<", ticket.body["number"]),
            *([Where(("line",), "=", line)] if line is not None else []),
        ]
        query = Query(TENANCY, TICKET, partition=PARTITION, where=before)
        counts = await self._documents.count(scope, query, by=("status",))
        return sum(count for _, count in counts.values)

    async def admitted(
        self, scope: TenantScope, *, limit: int, after: str | None
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """A page of the tickets that hold a slot, and where the next one begins."""
        query = Query(
            TENANCY,
            TICKET,
            partition=PARTITION,
            where=[Where(("status",), "=", "admitted")],
            order=[(("number",), "asc")],
            limit=limit,
            after=after,
        )
        page = await self._documents.query(scope, query)
        return [one.body for one in page.items], page.after

    def made(self, execution_id: str, claim: Claim, number: int, status: TicketStatus) -> Create:
        """The operation that stores a new ticket."""
        now = rfc3339(self._clock.now())
        body = {
            "id": _ticket_id(execution_id),
            "kind": TICKET,
            "execution_id": execution_id,
            "line": claim.line,
            "number": number,
            "child": claim.child,
            "status": status,
            "created_at": now,
            "admitted_at": now if status == "admitted" else None,
        }
        return Create(body)

    def let_go(self, ticket: Document) -> Patch:
        """The operation that lets a ticket go that waits."""
        changes: dict[Path, Any] = {("status",): "admitted", ("admitted_at",): rfc3339(self._clock.now())}
        return Patch(ticket.body["id"], set=changes, if_match=ticket.etag)

    async def _read(self, scope: TenantScope, id: str) -> Document | None:
        return await self._documents.read(scope, container=TENANCY, partition=PARTITION, id=id)


def _put(body: Mapping[str, Any], before: Document | None) -> Operation:
    return Create(body) if before is None else Replace(body, if_match=before.etag)


def _ticket_id(execution_id: str) -> str:
    return f"{TICKET}:{execution_id}"


def _line_id(intent: str) -> str:
    return f"{LINE}:{intent}"
