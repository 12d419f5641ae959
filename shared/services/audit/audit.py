"""The audit trail of a tenant, as it is read: by chain to be verified, and by time to be looked through."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from shared.domain.errors import NotFoundError
from shared.domain.paging import Cursors
from shared.ports.documents import EXECUTIONS, REGISTRY, TENANCY, Container, Document, Documents, Query, Where
from shared.security.scope import TenantScope
from shared.services.audit.chains import CHAIN, RECORD, Chain, record_of
from shared.services.callers import Caller

HEADS: Final[Mapping[Container, Sequence[str]]] = {
    REGISTRY: ("intent",),
    EXECUTIONS: ("execution", CHAIN),
    TENANCY: (CHAIN,),
}
"""The document with the link of a chain: its id, and its kind as well. An execution's is moved when the
execution is purged."""
PAGE: Final = 100

type Record = Mapping[str, Any]
type _Place = tuple[str, str, str, str]
"""Where a record stands in the trail: time, container, partition and id."""


@dataclass(frozen=True, slots=True)
class Trail:
    """A chain as it is stored: records in the order in which they stand, and the link, if there is one."""

    chain: Chain
    records: Sequence[Record]
    link: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records; all conditions must hold.

    ``intent`` and ``execution`` name chains; ``since`` and ``until`` are times as records spell them, the
    first included, the second not.
    """

    principal: str | None = None
    action: str | None = None
    intent: str | None = None
    execution: str | None = None
    since: str | None = None
    until: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it takes chains as wholes."""
        return (self.principal, self.action, self.since, self.until) == (None,) * 4

    def partitions(self) -> list[tuple[Container, str | None]]:
        """Where to look: containers, and the one partition there if that is known."""
        match self.intent, self.execution:
            case None, None:
                return [(container, None) for container in HEADS]
            case str(intent), None:
                return [(REGISTRY, intent)]
            case None, str(execution):
                return [(EXECUTIONS, execution)]
        return []

    def conditions(self) -> list[Where]:
        found = [
            *([Where(("principal",), "=", self.principal)] if self.principal is not None else []),
            *([Where(("action",), "=", self.action)] if self.action is not None else []),
        ]
        return [*found, *_within(self.since, self.until)]


class Audit:
    """Use cases of the trail. Each method acts for ``caller`` in the caller's tenant only."""

    def __init__(self, *, documents: Documents, cursors: Cursors) -> None:
        self._documents = documents
        self._cursors = cursors

    async def trail(self, caller: Caller, container: Container, partition: str) -> Trail:
        """One chain as a whole, such that records which are written meanwhile seem no damage.

        Raises:
            NotFoundError: the tenant has nothing there.
        """
        chain = Chain(caller.scope, container, partition)
        link = await self._link(chain)
        query = Query(container, RECORD, partition=partition, limit=PAGE)
        stored = [document.body async for document in self._all(caller.scope, query)]
        if link is None and not stored:
            raise NotFoundError(f"There is no {HEADS[container][0]} {partition!r}")
        records = _in_place(container, stored)
        if link is not None and any(_number(record) > link["number"] for record in records):
            # What came after the link was read is no part of this look, if the chain has it by now.
            newer = await self._link(chain) or link
            late = range(link["number"] + 1, newer["number"] + 1)
            records = [record for record in records if _number(record) not in late]
        return Trail(chain, records, link)

    async def trails(
        self, caller: Caller, matching: AuditFilter, *, cursor: str | None = None
    ) -> AsyncGenerator[Trail]:
        """Every chain with what matches of it; whole chains have their links, selections have none.

        They come by container and partition, behind the chain that ``cursor`` was made of.

        Raises:
            BadCursorError: ``cursor`` was not made of these chains.
        """
        position = self._cursors.open(cursor, of=_of(caller.scope, matching)) if cursor else ""
        name, _, key = position.partition("/")
        for container, partition in matching.partitions():
            if name in {"", container.name}:
                async for trail in self._trails(caller, container, partition, matching, behind=key):
                    yield trail
                name, key = "", ""

    def cursor(self, trail: Trail, matching: AuditFilter) -> str:
        """What :meth:`trails` goes on with behind that chain."""
        return self._cursors.seal(trail.chain.name, of=_of(trail.chain.scope, matching))

    def page(
        self, trail: Trail, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Record], str | None]:
        """A page of a chain's records, newest first, and the cursor of the next page.

        Raises:
            BadCursorError: ``cursor`` was not made by this list.
        """
        of = [trail.chain.scope.tenant_id, "chain", trail.chain.name]
        below = int(self._cursors.open(cursor, of=of)) if cursor else None
        behind = [record for record in reversed(trail.records) if below is None or _number(record) < below]
        page = behind[:limit]
        more = len(behind) > limit
        return page, self._cursors.seal(str(_number(page[-1])), of=of) if more else None

    async def search(
        self, caller: Caller, matching: AuditFilter, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Record], str | None]:
        """A page of records, newest first, and the cursor of the next page.

        Raises:
            BadCursorError: ``cursor`` was not made by this list with this filter.
        """
        of = [caller.scope.tenant_id, "audit", asdict(matching)]
        behind: _Place | None = tuple(json.loads(self._cursors.open(cursor, of=of))) if cursor else None
        found: list[tuple[_Place, Record]] = []
        for container, partition in matching.partitions():
            found += await self._newest(caller, matching, (container, partition), behind, limit + 1)
        found.sort(key=lambda one: one[0], reverse=True)
        page = found[:limit]
        following = self._cursors.seal(json.dumps(page[-1][0]), of=of) if len(found) > limit else None
        return [record for _, record in page], following

    async def _newest(
        self,
        caller: Caller,
        matching: AuditFilter,
        where: tuple[Container, str | None],
        behind: _Place | None,
        count: int,
    ) -> list[tuple[_Place, Record]]:
        """The newest ``count`` matching records of a container that stand behind a place."""
        container, partition = where
        query = Query(
            container,
            RECORD,
            partition=partition,
            where=[*matching.conditions(), *([Where(("created_at",), "<=", behind[0])] if behind else [])],
            order=[(("created_at",), "desc")],
            limit=count,
        )
        found: list[tuple[_Place, Record]] = []
        async for document in self._all(caller.scope, query):
            body = document.body
            time = str(body.get("created_at", ""))
            place = (time, container.name, body[container.partition_field], body["id"])
            if behind is None or place < behind:  # else it is of the same time, and was shown
                found.append((place, record_of(container, body)))
            if len(found) == count:
                break
        return found

    async def _trails(
        self,
        caller: Caller,
        container: Container,
        partition: str | None,
        matching: AuditFilter,
        *,
        behind: str,
    ) -> AsyncIterator[Trail]:
        further = [Where((container.partition_field,), ">", behind)] if behind else []
        where = [*matching.conditions(), *further]
        records = Query(container, RECORD, partition=partition, where=where, limit=PAGE)
        if not matching.whole:
            async for key, stored in self._by_partition(caller.scope, records):
                yield Trail(Chain(caller.scope, container, key), _in_place(container, stored), None)
            return
        heads, *others = (
            self._by_partition(caller.scope, Query(container, kind, partition, further, limit=PAGE))
            for kind in HEADS[container]
        )
        for other in others:
            heads = _either(heads, other)
        async for key, head, stored in _joined(heads, self._by_partition(caller.scope, records)):
            chain = Chain(caller.scope, container, key)
            trail = Trail(chain, _in_place(container, stored), head[0]["audit"] if head else None)
            last = trail.records[-1] if trail.records else {}
            if trail.link is None or _number(last) != trail.link["number"]:
                # Perhaps written while it was read: one more look, at this chain alone.
                trail = await self.trail(caller, container, key)
            yield trail

    async def _by_partition(self, scope: TenantScope, query: Query) -> AsyncIterator["_Group"]:
        """What a query without an order finds, which is by partition, one partition at a time."""
        key: str | None = None
        bodies: list[Mapping[str, Any]] = []
        async for document in self._all(scope, query):
            at: str = document.body[query.container.partition_field]
            if key is not None and at != key:
                yield key, bodies
                bodies = []
            key = at
            bodies.append(document.body)
        if key is not None:
            yield key, bodies

    async def _all(self, scope: TenantScope, query: Query) -> AsyncIterator[Document]:
        after: str | None = None
        while True:
            page = await self._documents.query(scope, replace(query, after=after))
            for document in page.items:
                yield document
            if (after := page.after) is None:
                return

    async def _link(self, chain: Chain) -> Mapping[str, Any] | None:
        for id_ in HEADS[chain.container]:
            head = await self._documents.read(
                chain.scope, container=chain.container, partition=chain.partition, id=id_
            )
            if head is not None:
                link: Mapping[str, Any] = head.body["audit"]
                return link
        return None


type _Group = tuple[str, list[Mapping[str, Any]]]
"""The documents of one partition, and its key."""


async def _joined(
    heads: AsyncIterator[_Group], records: AsyncIterator[_Group]
) -> AsyncIterator[tuple[str, list[Mapping[str, Any]], list[Mapping[str, Any]]]]:
    """Both by partition; what one of them has nothing of is empty there."""
    head, stored = await anext(heads, None), await anext(records, None)
    while head is not None or stored is not None:
        key = min(group[0] for group in (head, stored) if group is not None)
        found = (
            head[1] if head is not None and head[0] == key else [],
            stored[1] if stored is not None and stored[0] == key else [],
        )
        yield key, *found
        if found[0]:
            head = await anext(heads, None)
        if found[1]:
            stored = await anext(records, None)


async def _either(one: AsyncIterator[_Group], other: AsyncIterator[_Group]) -> AsyncIterator[_Group]:
    """By partition, what one of them has, or else the other."""
    async for key, found, else_found in _joined(one, other):
        yield key, found or else_found


def _of(scope: TenantScope, matching: AuditFilter) -> list[Any]:
    """What a cursor between chains is bound to."""
    return [scope.tenant_id, "chains", asdict(matching)]


def _within(since: str | None, until: str | None) -> list[Where]:
    return [
        *([Where(("created_at",), ">=", since)] if since is not None else []),
        *([Where(("created_at",), "<", until)] if until is not None else []),
    ]


def _in_place(container: Container, stored: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Records in the order of their ids' numbers: where they stand, whatever they say themselves."""

    def place(body: Mapping[str, Any]) -> tuple[bool, int]:
        number = str(body["id"]).rpartition(":")[2]
        return (False, int(number)) if number.isascii() and number.isdecimal() else (True, 0)

    return [record_of(container, body) for body in sorted(stored, key=place)]


def _number(record: Record) -> int:
    number = record.get("number")
    return number if isinstance(number, int) else 0
