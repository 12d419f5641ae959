"""A store whose transactions a test can interrupt."""

from collections.abc import Callable, Sequence
from typing import Literal

from shared.ports.documents import Container, Document, Documents, Operation, Page, Query
from shared.security.scope import TenantScope
from shared.services.watched import WatchedDocuments

type Moment = Literal["before", "after"]
"""A transaction is about to be sent, or it is stored and nobody has been told."""


class Killed(BaseException):
    """The process dies: nothing catches it, and nothing more is done."""


class InterruptedDocuments(WatchedDocuments):
    """Another store; ``interrupt`` is asked around each transaction, and may raise."""

    interrupt: Callable[[Moment, Container], None] | None = None

    @property
    def inner(self) -> Documents:
        """The store behind it."""
        return self._documents

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        if self.interrupt:
            self.interrupt("before", container)
        stored = await super().transact(
            scope, container=container, partition=partition, operations=operations
        )
        if self.interrupt:
            self.interrupt("after", container)
        return stored


class LaggingDocuments(WatchedDocuments):
    """Another process's way to a store, by a replica that has stood still at its first look at a partition.

    As with session consistency, it is behind until this process writes there.
    """

    def __init__(self, documents: Documents) -> None:
        super().__init__(documents)
        self._seen: dict[str, dict[str, Document]] = {}

    async def lag(self, scope: TenantScope, container: Container, partition: str) -> None:
        """Stand still here and now."""
        changes = await self.changes(scope, container=container, partition=partition, limit=1000)
        self._seen[partition] = {change.document.body["id"]: change.document for change in changes}

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        if (seen := self._seen.get(partition)) is not None:
            return seen.get(id)
        return await super().read(scope, container=container, partition=partition, id=id)

    async def query(self, scope: TenantScope, query: Query) -> Page:
        if query.partition is not None and (seen := self._seen.get(query.partition)) is not None:
            return Page([one for one in seen.values() if query.kind in {None, one.body["kind"]}], None)
        return await super().query(scope, query)

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        stored = await super().transact(
            scope, container=container, partition=partition, operations=operations
        )
        self._seen.pop(partition, None)
        return stored
