"""The store of a simulation: far away from the processes that use it, which fail, and outliving them."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
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
    Document,
    Documents,
    Operation,
    Page,
    Path,
    Query,
)
from shared.security.scope import TenantScope
from tests.fakes.documents import Killed


class InlineDocuments(SqliteDocuments):
    """The adapter of one machine without its threads: in virtual time there are none."""

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        place = Partition(container, scope.tenant_id, partition)
        job = _Job(partial(self._transact, place, prepare(place, operations)), asyncio.Future())
        self._writer._commit([job])
        if job.error is not None:
            raise job.error
        stored: Sequence[Document | None] = job.result
        return stored


@dataclass
class Weather:
    """How bad the way to the store is, for all processes."""

    failing: float = 0.0
    """The part of the calls that fail; of the writes that do, half are stored all the same."""
    slow: float = 0.05
    """The part of the calls that take a second or more."""


class RemoteDocuments:
    """A process's way to the store: it takes time, sometimes fails, and ends with the process.

    ``fuse`` is how many transactions from now the process dies in the middle of one: ``burnt`` is called.
    """

    def __init__(self, documents: Documents, chance: random.Random, weather: Weather) -> None:
        self._documents = documents
        self._chance = chance
        self._weather = weather
        self.dead = False
        self.fuse: int | None = None
        self.burnt: Callable[[], None] = lambda: None

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        return await self._call(
            lambda: self._documents.read(scope, container=container, partition=partition, id=id)
        )

    async def query(self, scope: TenantScope, query: Query) -> Page:
        return await self._call(lambda: self._documents.query(scope, query))

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
            return stored

        return await self._call(work)

    def _burn(self) -> NoReturn:
        self.fuse = None
        self.burnt()
        raise Killed

    async def changes(
        self, scope: TenantScope, *, container: Container, partition: str, **how: Any
    ) -> Sequence[Change]:
        work = partial(self._documents.changes, scope, container=container, partition=partition, **how)
        return await self._call(work)

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
