"""The store of a simulation: far away from the processes that use it, which fail, and outliving them."""

import asyncio
import pathlib
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NoReturn

from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.operations import Partition, prepare
from localhost.sqlite.writer import _Job
from shared.domain.errors import UnavailableError
from shared.ports.documents import (
    Change,
    Container,
    Counts,
    Create,
    Document,
    Operation,
    Page,
    Path,
    Query,
    Replace,
)
from shared.security.scope import TenantScope
from tests.fakes.documents import Killed

type Place = tuple[str, str, str, str]
"""Container, tenant, partition and id of a document."""


class InlineDocuments(SqliteDocuments):
    """The adapter of one machine without its threads: in virtual time there are none.

    ``versions`` are the states that each document has had, with their places in the order of all writes.
    """

    def __init__(self, path: pathlib.Path, *, now: Callable[[], datetime]) -> None:
        super().__init__(path, now=now)
        self.versions: dict[Place, list[tuple[int, Document | None]]] = defaultdict(list)

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        place = Partition(container, scope.tenant_id, partition)
        job = _Job(partial(self._transact, place, prepare(place, operations)), asyncio.Future())
        self._writer._commit([job])
        if job.error is not None:
            raise job.error
        stored: Sequence[Document | None] = job.result
        for operation, document in zip(operations, stored, strict=True):
            name = operation.body["id"] if isinstance(operation, Create | Replace) else operation.id
            version = (self.last_seq(), document)
            self.versions[container.name, scope.tenant_id, partition, str(name)].append(version)
        return stored


@dataclass
class Weather:
    """How bad the way to the store is, for all processes."""

    failing: float = 0.0
    """The part of the calls that fail; of the writes that do, half are stored all the same."""
    slow: float = 0.05
    """The part of the calls that take a second or more."""
    stale: float = 0.0
    """The part of the reads that are answered by a replica which lags behind."""


class RemoteDocuments:
    """A process's way to the store: it takes time, sometimes fails, and ends with the process.

    As with session consistency, a process sees what it has written, and nothing older than it has seen; what
    others have written it may see late. ``fuse`` is how many transactions from now the process dies in the
    middle of one: ``burnt`` is called.
    """

    def __init__(self, documents: InlineDocuments, chance: random.Random, weather: Weather) -> None:
        self._documents = documents
        self._chance = chance
        self._weather = weather
        self._seen = 0
        """How far the writes have come that this process knows of."""
        self.dead = False
        self.fuse: int | None = None
        self.burnt: Callable[[], None] = lambda: None

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        async def work() -> Document | None:
            found = await self._documents.read(scope, container=container, partition=partition, id=id)
            return self._as_of(self._replica(), (container.name, scope.tenant_id, partition, id), found)

        return await self._call(work)

    async def query(self, scope: TenantScope, query: Query) -> Page:
        async def work() -> Page:
            page = await self._documents.query(scope, query)
            if query.partition is None or query.where:
                return page
            place, replica = (query.container.name, scope.tenant_id, query.partition), self._replica()
            found = [self._as_of(replica, (*place, one.body["id"]), one) for one in page.items]
            return Page([one for one in found if one is not None], page.after)

        return await self._call(work)

    async def count(self, scope: TenantScope, query: Query, *, by: Path, each: bool = False) -> Counts:
        return await self._call(lambda: self._documents.count(scope, query, by=by, each=each))

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        async def work() -> Sequence[Document | None]:
            if self.fuse is not None:
                self.fuse -= 1
            if self.fuse == 0 and self._chance.random() < 0.3:
                self._burn()
            stored = await self._documents.transact(
                scope, container=container, partition=partition, operations=operations
            )
            if self.fuse == 0:
                self._burn()
            self._seen = self._documents.last_seq()
            return stored

        return await self._call(work)

    async def changes(
        self, scope: TenantScope, *, container: Container, partition: str, **how: Any
    ) -> Sequence[Change]:
        work = partial(self._documents.changes, scope, container=container, partition=partition, **how)
        return await self._call(work)

    def _replica(self) -> int:
        """How far the replica has come that answers."""
        last = self._documents.last_seq()
        if self._chance.random() < self._weather.stale:
            self._seen = max(self._seen, last - self._chance.randrange(100))
        else:
            self._seen = last
        return self._seen

    def _as_of(self, replica: int, place: Place, newest: Document | None) -> Document | None:
        """The document as that replica has it."""
        states = self._documents.versions.get(place, ())
        if not states or states[-1][0] <= replica:
            return newest
        return next((document for seq, document in reversed(states) if seq <= replica), None)

    def _burn(self) -> NoReturn:
        self.fuse = None
        self.burnt()
        raise Killed

    async def _call[T](self, work: Callable[[], Awaitable[T]]) -> T:
        await self._travel()
        fails = self._chance.random() < self._weather.failing
        if fails and self._chance.random() < 0.5:
            raise UnavailableError
        done = await work()
        await self._travel()
        if fails:
            raise UnavailableError
        return done

    async def _travel(self) -> None:
        chance = self._chance
        slow = chance.random() < self._weather.slow
        await asyncio.sleep(chance.uniform(1, 3) if slow else chance.uniform(0.001, 0.02))
        if self.dead:
            raise Killed
