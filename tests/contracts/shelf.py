"""One partition of a documents store, in few words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.ports.documents import (
    EXECUTIONS,
    Change,
    Container,
    Create,
    Document,
    Documents,
    Operation,
    Page,
    Query,
    Where,
)
from shared.security.scope import TenantScope

ACME = TenantScope("acme")
GLOBEX = TenantScope("globex")


@dataclass(frozen=True)
class Shelf:
    documents: Documents
    scope: TenantScope = ACME
    container: Container = EXECUTIONS
    partition: str = "one"

    async def transact(self, *operations: Operation) -> Sequence[Document | None]:
        return await self.documents.transact(
            self.scope, container=self.container, partition=self.partition, operations=operations
        )

    async def create(self, id: str, kind: str = "thing", **fields: Any) -> Document:
        (document,) = await self.transact(Create({"id": id, "kind": kind, **fields}))
        assert document is not None
        return document

    async def read(self, id: str) -> Document | None:
        return await self.documents.read(
            self.scope, container=self.container, partition=self.partition, id=id
        )

    async def body(self, id: str) -> Mapping[str, Any]:
        """The document's body without what the store stamps; it must exist."""
        document = await self.read(id)
        assert document is not None, f"{id} is not there"
        return unstamped(document, self.container)

    async def changes(
        self, after: str | None = None, *, kind: str | None = None, limit: int = 100, wait: float = 0
    ) -> Sequence[Change]:
        return await self.documents.changes(
            self.scope,
            container=self.container,
            partition=self.partition,
            after=after,
            kind=kind,
            limit=limit,
            wait=wait,
        )

    async def matching(self, *where: Where) -> set[str]:
        """The ids of the partition's things that satisfy the conditions."""
        query = Query(self.container, "thing", partition=self.partition, where=where, limit=200)
        return set(ids(await self.documents.query(self.scope, query)))


def unstamped(document: Document, container: Container = EXECUTIONS) -> Mapping[str, Any]:
    stamps = {"tenant_id", container.partition_field}
    return {name: value for name, value in document.body.items() if name not in stamps}


def ids(found: Page | Sequence[Change]) -> list[str]:
    if isinstance(found, Page):
        return [document.body["id"] for document in found.items]
    return [change.document.body["id"] for change in found]
