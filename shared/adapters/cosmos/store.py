"""The documents port over Azure Cosmos DB for NoSQL. Importing it loads the SDK; see ``documents.py``."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from shared.adapters.cosmos.account import Account, RequestUnits, Transport
from shared.adapters.cosmos.bodies import Place, document, escaped_id
from shared.adapters.cosmos.client import Access, Client
from shared.adapters.cosmos.faults import Deadline
from shared.adapters.cosmos.feed import FeedPage, FeedPosition, Found, look, read_page
from shared.adapters.cosmos.operations import prepare
from shared.adapters.cosmos.signals import Signals, pause
from shared.adapters.cosmos.statements import (
    Position,
    Segment,
    Statement,
    check,
    conditions,
    container_key,
    context,
    segments,
    statement,
)
from shared.adapters.cosmos.transactions import Transaction, read_stored
from shared.domain.errors import BadCursorError
from shared.ports.documents import (
    Change,
    Container,
    Counts,
    Document,
    Json,
    Operation,
    Page,
    Path,
    Query,
)
from shared.security.scope import TenantScope

LAG = 1.0
"""Seconds for a replica to come to a position that another replica gave."""

GROUPS = 1000
"""Most values in one page of counts."""

FIRST_POLL = 0.01
LONGEST_POLL = 0.5
"""Seconds between two looks of who waits for changes: an empty look costs a request unit."""


class CosmosStore:
    """Implements :class:`shared.ports.documents.Documents`, once the SDK is loaded."""

    def __init__(
        self,
        account: Account,
        *,
        patience: float,
        on_request_units: RequestUnits,
        transport: Transport | None = None,
    ) -> None:
        """See :class:`shared.adapters.cosmos.documents.CosmosDocuments`."""
        self._client = Client(account, on_request_units, transport)
        self.patience = patience
        """Seconds that a call goes on; calls that begin from now on heed a change."""
        self._signals = Signals()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        """See :meth:`shared.ports.documents.Documents.read`."""
        place = Place(container, scope.tenant_id, partition)
        stored = await read_stored(self._client, place, escaped_id(id), self._deadline(), operation="read")
        return None if stored is None else document(stored)

    async def query(self, scope: TenantScope, query: Query) -> Page:
        """See :meth:`shared.ports.documents.Documents.query`."""
        check(query)
        made = segments(query)
        for segment in made:  # refuses what cannot be asked before anything is
            statement(query, segment, tenant_id=scope.tenant_id, after=None)
        deadline = self._deadline()
        cursors = (await self._client.database(deadline)).cursors
        named = context(query, scope.tenant_id)
        after = None if query.after is None else Position.decode(cursors.open(query.after, of=named))
        rows: list[tuple[Segment, dict[str, Json]]] = []
        for segment in made[after.segment if after else 0 :]:
            wanted = query.limit + 1 - len(rows)
            if wanted == 0:
                break
            found = await self._select(scope, query, segment, after, wanted, deadline)
            rows += [(segment, row) for row in found]
            after = None
        shown = rows[: query.limit]
        following = None
        if len(rows) > query.limit:
            segment, row = shown[-1]
            following = cursors.seal(segment.position(row).encode(), of=named)
        return Page([document(row) for _, row in shown], following)

    async def count(self, scope: TenantScope, query: Query, *, by: Path, each: bool = False) -> Counts:
        """See :meth:`shared.ports.documents.Documents.count`."""
        check(query)
        made = conditions(query, tenant_id=scope.tenant_id)
        text = made.tally(by, each=each)
        counts = Counter[str]()
        # Every physical partition counts for itself, and maybe every page of an answer.
        for row in await self._rows(scope, query, made, text, GROUPS, self._deadline()):
            counts[row["v"]] += row["n"]
        ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        return Counts(ordered[: query.limit], len(ordered[query.limit :]))

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        """See :meth:`shared.ports.documents.Documents.transact`."""
        place = Place(container, scope.tenant_id, partition)
        batch = prepare(place, operations)
        try:
            return await Transaction(self._client, batch, self._deadline()).run()
        finally:
            # After a failure, too: it may have been carried out all the same.
            self._signals.announce(place)

    async def changes(
        self,
        scope: TenantScope,
        *,
        container: Container,
        partition: str,
        after: str | None = None,
        kind: str | None = None,
        limit: int = 100,
        wait: float = 0,
    ) -> Sequence[Change]:
        """See :meth:`shared.ports.documents.Documents.changes`."""
        if limit < 1:
            raise ValueError(f"at least one change can be asked for, not {limit}")
        place = Place(container, scope.tenant_id, partition)
        named = ["changes", container.name, scope.tenant_id, partition]
        cursors = (await self._client.database(self._deadline())).cursors
        start = FeedPosition() if after is None else FeedPosition.decode(cursors.open(after, of=named))
        found = await self._tail(place, start, kind=kind, limit=limit, wait=wait)
        return [
            Change(document(stored), cursors.seal(behind.encode(), of=named))
            for stored, behind in found.changes
        ]

    def _deadline(self) -> Deadline:
        return Deadline(self.patience)

    async def _select(
        self,
        scope: TenantScope,
        query: Query,
        segment: Segment,
        after: Position | None,
        wanted: int,
        deadline: Deadline,
    ) -> list[dict[str, Json]]:
        """The first ``wanted`` rows of a segment, behind ``after``."""
        made = statement(query, segment, tenant_id=scope.tenant_id, after=after)
        text = made.text(segment.keys, wanted)
        # Of a tenant that lives in several physical partitions, the SDK gives one's rows behind the other's.
        rows = await self._rows(scope, query, made, text, wanted, deadline)
        return segment.sorted(rows)[:wanted]

    async def _rows(
        self, scope: TenantScope, query: Query, made: Statement, text: str, page: int, deadline: Deadline
    ) -> list[dict[str, Json]]:
        """All rows of a statement, read some ``page`` at a time."""
        key = container_key(query.container, scope.tenant_id, query.partition)

        async def attempt(access: Access) -> list[dict[str, Any]]:
            found = access.container.query_items(
                text,
                parameters=made.parameters,
                partition_key=key,
                max_item_count=page,
                response_hook=access.hook,
                **access.session,
            )
            return [row async for row in found]

        return await self._client.call("query", query.container, attempt, deadline, tenant_id=scope.tenant_id)

    async def _tail(
        self, place: Place, start: FeedPosition, *, kind: str | None, limit: int, wait: float
    ) -> Found:
        """What ``look`` finds, now or within ``wait`` seconds."""

        async def read(since: int) -> FeedPage:
            async def attempt(access: Access) -> FeedPage:
                return await read_page(access, place.partition_key, since=since, limit=limit)

            return await self._client.call(
                "changes", place.container, attempt, self._deadline(), tenant_id=place.tenant_id
            )

        ends, catches_up = Deadline(wait), Deadline(LAG)
        poll = FIRST_POLL
        with self._signals.subscribed(place) as written:
            while True:
                found = await look(read, start, kind=kind, limit=limit)
                start = found.following
                if found.changes or (ends.left() <= 0 and not found.behind):
                    return found
                if found.behind and catches_up.left() <= 0:
                    raise BadCursorError
                left = catches_up.left() if found.behind else ends.left()
                woken = await pause(written, min(poll, left))
                poll = FIRST_POLL if woken else min(2 * poll, LONGEST_POLL)
