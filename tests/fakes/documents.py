"""A store whose transactions a test can interrupt."""

from collections.abc import Callable, Sequence
from typing import Literal

from shared.ports.documents import Container, Document, Operation
from shared.security.scope import TenantScope
from shared.services.watched import WatchedDocuments

type Moment = Literal["before", "after"]
"""A transaction is about to be sent, or it is stored and nobody has been told."""


class Killed(BaseException):
    """The process dies: nothing catches it, and nothing more is done."""


class InterruptedDocuments(WatchedDocuments):
    """Another store; ``interrupt`` is asked around each transaction, and may raise."""

    interrupt: Callable[[Moment, Container], None] | None = None

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
