"""The documents port over Azure Cosmos DB for NoSQL, without the SDK until it is needed.

Loading the SDK takes a second of CPU, more than all else that a cold start does; the warm-up's first question
does it ahead.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.adapters.cosmos.account import Account, RequestUnits, Transport
from shared.ports.documents import Change, Container, Counts, Document, Operation, Page, Path, Query
from shared.security.scope import TenantScope

if TYPE_CHECKING:
    from shared.adapters.cosmos.store import CosmosStore

PATIENCE = 5.0
"""Seconds that a call goes on in spite of throttling, faults and slowness."""


def _no_meter(_tenant_id: str, _operation: str, _container: str, _units: float) -> None:
    """Where nobody measures."""


class CosmosDocuments:
    """Implements :class:`shared.ports.documents.Documents`. One per process; it is used on one event loop."""

    def __init__(
        self,
        account: Account,
        *,
        patience: float = PATIENCE,
        on_request_units: RequestUnits = _no_meter,
        transport: Transport | None = None,
    ) -> None:
        """Nothing is asked of the account before the first call.

        ``patience`` is in seconds. ``on_request_units`` is called on the event loop for every answer.
        Without a ``transport`` it is asked by aiohttp.
        """
        self._account = account
        self._patience = patience
        self._on_request_units = on_request_units
        self._transport = transport
        self._store: CosmosStore | None = None

    async def close(self) -> None:
        """Close the connections; calls that are under way end in an error."""
        if self._store is not None:
            await self._store.close()

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        """See :meth:`shared.ports.documents.Documents.read`."""
        store = self._store or await self._loaded()
        return await store.read(scope, container=container, partition=partition, id=id)

    async def query(self, scope: TenantScope, query: Query) -> Page:
        """See :meth:`shared.ports.documents.Documents.query`."""
        store = self._store or await self._loaded()
        return await store.query(scope, query)

    async def count(self, scope: TenantScope, query: Query, *, by: Path, each: bool = False) -> Counts:
        """See :meth:`shared.ports.documents.Documents.count`."""
        store = self._store or await self._loaded()
        return await store.count(scope, query, by=by, each=each)

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        """See :meth:`shared.ports.documents.Documents.transact`."""
        store = self._store or await self._loaded()
        return await store.transact(scope, container=container, partition=partition, operations=operations)

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
        store = self._store or await self._loaded()
        return await store.changes(
            scope, container=container, partition=partition, after=after, kind=kind, limit=limit, wait=wait
        )

    async def _loaded(self) -> "CosmosStore":
        # On a thread: the event loop goes on meanwhile.
        store = await asyncio.to_thread(_load)
        if self._store is None:
            self._store = store(
                self._account,
                patience=self._patience,
                on_request_units=self._on_request_units,
                transport=self._transport,
            )
        return self._store


def _load() -> type["CosmosStore"]:
    # Imported here for cold start.
    from shared.adapters.cosmos.store import CosmosStore

    return CosmosStore
