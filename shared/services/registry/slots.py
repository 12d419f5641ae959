"""Slots: how many intents a tenant has that are not archived, counted exactly.

Intents are partitions of their own, and no transaction spans two. So each that is not archived has a *slot*
in one partition of the tenant's, together with the *book* that counts them. A slot and the book change in one
transaction under the condition that nobody wrote the book meanwhile: the count never passes the limit, and
cannot drift from the slots.

That the slots are those of the intents is kept thus: a slot is taken before its intent is stored, and is
given back after it was archived. Meanwhile it is ``moving``, and stays so where a process dies; a timer
looks at the intents of all that moved a while ago, and lets them be ``held`` or takes them back.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from shared.domain.errors import (
    DocumentError,
    DocumentExistsError,
    DocumentMissingError,
    DocumentStaleError,
    QuantumError,
    UnavailableError,
)
from shared.domain.intents import HEAD
from shared.domain.quotas import require_room
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.clock import Clock, Ids
from shared.ports.documents import (
    REGISTRY,
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
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.tenants import Tenants

PARTITION: Final = "intents"
BOOK: Final = "slots"
"""The id, and the kind, of the document that counts the slots."""
SLOT: Final = "slot"
PAGE: Final = 90
"""Slots that one transaction makes, with the book."""
UNDER_WAY: Final = timedelta(minutes=1)
"""How long a slot that moves is left to those who have it in hand."""
MAX_MOVE: Final = timedelta(seconds=30)
"""How long they allow themselves; the rest is for clocks that differ."""


@dataclass(frozen=True, slots=True)
class Move:
    """A change of an intent by which it needs a slot, or needs it no more.

    Attributes:
        slot: as it was taken or announced; None: the change needs no other slot than before.
        taken: whether there was none before.
        leaves: whether the intent is about to be archived.
    """

    clock: Clock
    slot: Document | None = None
    taken: bool = False
    leaves: bool = False

    def require_fresh(self) -> None:
        """Let pass who is in time.

        Raises:
            UnavailableError: it took so long that the slot may have been taken back.
        """
        if self.slot and self.clock.now() - parse_rfc3339(self.slot.body["since"]) > MAX_MOVE:
            raise UnavailableError


class Slots:
    def __init__(self, documents: Documents, *, tenants: Tenants, room: Room, clock: Clock, ids: Ids) -> None:
        self._documents = documents
        self._tenants = tenants
        self._room = room
        self._clock = clock
        self._ids = ids
        self._settling = Settling()

    @asynccontextmanager
    async def moving(self, scope: TenantScope, name: str, *, was: bool, will: bool) -> AsyncIterator[Move]:
        """Store a change of the intent within this: ``was`` and ``will`` say whether it needs a slot.

        Raises:
            QuotaExceededError: it needs one, and there are as many as there may be.
        """
        move = await self._begun(scope, name, was=was, will=will)
        try:
            yield move
        except UnavailableError:
            raise  # it may be stored: the timer will see
        except QuantumError:
            if move.taken:
                await self._give_back(scope, move)
            raise
        if move.leaves:
            await self._give_back(scope, move)

    async def used(self, scope: TenantScope) -> int:
        """How many intents of the tenant are not archived."""
        return _count(await self._settling.settled(scope, lambda: self._book(scope)))

    async def heal(self) -> None:
        """See to the slots of all tenants that somebody has left moving."""
        async for tenant_id in self._tenants.ids():
            await self._heal_tenant(TenantScope(tenant_id))

    async def _heal_tenant(self, scope: TenantScope) -> None:
        after: str | None = None
        while True:
            moving = [Where(("status",), "=", "moving")]
            query = Query(TENANCY, SLOT, partition=PARTITION, where=moving, limit=PAGE, after=after)
            page = await self._documents.query(scope, query)
            for slot in page.items:
                if self._clock.now() - parse_rfc3339(slot.body["since"]) > UNDER_WAY:
                    with suppress(DocumentError):  # somebody moves it again
                        await self._healed(scope, slot)
            if (after := page.after) is None:
                return

    async def _healed(self, scope: TenantScope, slot: Document) -> None:
        # Whoever moved it is done or has given up: nothing is on its way to the intent any more. That it
        # lives may be an old state, but who archives it moves its slot before; that it does not must be seen.
        name = slot.body["intent"]
        if await self._lives(scope, name) or await self._lives(scope, name, fresh=True):
            held = Patch(slot.body["id"], set={("status",): "held"}, if_match=slot.etag)
            await self._write(scope, held)
        else:
            await self._take_back(scope, slot)

    async def _begun(self, scope: TenantScope, name: str, *, was: bool, will: bool) -> Move:
        if was == will:
            return Move(self._clock)
        if will:
            slot, taken = await self._settling.settled(scope, lambda: self._taken(scope, name))
            return Move(self._clock, slot, taken=taken)
        await self._settling.settled(scope, lambda: self._book(scope))  # so that it has a slot, if it is old
        announced = await self._touched(scope, name)
        return Move(self._clock, announced, leaves=announced is not None)

    async def _taken(self, scope: TenantScope, name: str) -> tuple[Document, bool]:
        """The slot of the intent, and whether it had none."""
        limit = await self._room.limit(scope, "intents")
        book = await self._book(scope)
        used = _count(book)
        if used < limit:
            with suppress(DocumentExistsError):
                stored = await self._write(scope, _counting(book, +1), Create(self._slot(name)))
                assert stored[1] is not None  # a create gives back what it stored
                return stored[1], True
        if (slot := await self._touched(scope, name)) is not None:
            return slot, False
        require_room("intents", used, limit, remedy="archive one first")
        raise BehindError  # it had one, and has just been archived

    async def _touched(self, scope: TenantScope, name: str) -> Document | None:
        """Its slot, moving from now on, so that nobody else takes it back; None: it has none."""
        said: dict[Path, Any] = {("status",): "moving", ("since",): rfc3339(self._clock.now())}
        with suppress(DocumentMissingError):
            (slot,) = await self._write(scope, Patch(_id(name), set=said))
            return slot
        return None

    async def _give_back(self, scope: TenantScope, move: Move) -> None:
        """Give back the slot, unless somebody else moves it by now; where that fails the timer does."""
        assert move.slot is not None  # it was taken, or left
        with suppress(DocumentError, UnavailableError):
            await self._take_back(scope, move.slot)

    async def _take_back(self, scope: TenantScope, slot: Document) -> None:
        async def work() -> None:
            book = await self._book(scope)
            gone = Delete(slot.body["id"], if_match=slot.etag)
            try:
                await self._write(scope, _counting(book, -1), gone)
            except (DocumentStaleError, DocumentMissingError) as error:
                if error.index == 0:
                    raise  # another has written the book: again

        await self._settling.settled(scope, work)

    async def _book(self, scope: TenantScope) -> Document:
        """The book; of a tenant that has none yet, it is opened with all intents that there are."""
        book = await self._documents.read(scope, container=TENANCY, partition=PARTITION, id=BOOK)
        if book is None:
            new = Create({"id": BOOK, "kind": BOOK, "used": 0, "whole": False})
            book = await self._stored(scope, new)
        return book if book.body["whole"] else await self._opened(scope, book)

    async def _opened(self, scope: TenantScope, book: Document) -> Document:
        """The book with a slot for every intent that is not archived."""
        known = {slot.body["intent"] async for slot in self._all(scope, Query(TENANCY, SLOT, PARTITION))}
        live = [Where(("status",), "in", ("draft", "active", "deprecated"))]
        names = [head.body["name"] async for head in self._all(scope, Query(REGISTRY, "intent", where=live))]
        new = [name for name in names if name not in known]
        for start in range(0, len(new), PAGE):
            slots = [Create(self._slot(name)) for name in new[start : start + PAGE]]
            book = await self._stored(scope, _counting(book, len(slots)), *slots)
        return await self._stored(scope, Replace({**book.body, "whole": True}, if_match=book.etag))

    async def _stored(self, scope: TenantScope, *operations: Operation) -> Document:
        """Write all of them; what the first has made of the book."""
        book = (await self._write(scope, *operations))[0]
        assert book is not None  # neither a create nor a replace gives nothing back
        return book

    async def _all(self, scope: TenantScope, query: Query) -> AsyncIterator[Document]:
        after: str | None = None
        while True:
            page = await self._documents.query(scope, _page(query, after))
            for document in page.items:
                yield document
            if (after := page.after) is None:
                return

    async def _lives(self, scope: TenantScope, name: str, *, fresh: bool = False) -> bool:
        """Whether there is such an intent that is not archived; if ``fresh``, as of now."""
        if fresh:  # what a process has written it reads again, and with it all that was before
            probe = Create({"id": f"probe:{self._ids.new()}", "kind": "probe"}, ttl=1)
            await self._documents.transact(scope, container=REGISTRY, partition=name, operations=[probe])
        head = await self._documents.read(scope, container=REGISTRY, partition=name, id=HEAD)
        return head is not None and head.body["status"] != "archived"

    def _slot(self, name: str) -> Mapping[str, Any]:
        now = rfc3339(self._clock.now())
        return {"id": _id(name), "kind": SLOT, "intent": name, "status": "moving", "since": now}

    async def _write(self, scope: TenantScope, *operations: Operation) -> list[Document | None]:
        return list(
            await self._documents.transact(
                scope, container=TENANCY, partition=PARTITION, operations=operations
            )
        )


def _page(query: Query, after: str | None) -> Query:
    return Query(query.container, query.kind, query.partition, query.where, limit=PAGE, after=after)


def _counting(book: Document, change: int) -> Replace:
    """The book with that many more."""
    return Replace({**book.body, "used": book.body["used"] + change}, if_match=book.etag)


def _count(book: Document) -> int:
    used: int = book.body["used"]
    return used


def _id(name: str) -> str:
    return f"{SLOT}:{name}"
