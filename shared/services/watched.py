"""The stores as the services are given them: with a memory of which calls have failed.

A store can be read and not written (a full disk, a key that may only read), or serve all containers but one.
Who asks whether it is well looks where calls have failed, and nowhere else: a probe of everything, each
second on each instance, would cost more than it finds.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Literal

from shared.domain.errors import UnavailableError
from shared.ports.documents import (
    TENANCY,
    Change,
    Container,
    Counts,
    Create,
    Document,
    Documents,
    Operation,
    Page,
    Path,
    Query,
)
from shared.ports.events import CloudEvent, Events
from shared.ports.secrets import Secrets
from shared.security.scope import TenantScope
from shared.services.tenancy.directory import DIRECTORY

PROBES = "health"
"""The directory's partition, in every container, where probes are made."""
PROBE_TTL = 1
"""Seconds after which a probe that was written is gone."""
PROBE_BYTES = 8192
"""Of a probe that is written: what is nearly full may still take less."""
REMEMBERED = 600.0
"""Seconds for which a failure counts of what no probe tries: the relay publishes again every five minutes at
least, secrets are put now and then, and where another instance does it, nothing here would ever say that it
works again."""

_log = logging.getLogger(__name__)

type _Use = Literal["read", "write"]


class WatchedDocuments:
    """Implements :class:`shared.ports.documents.Documents` over another implementation."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._failing: dict[tuple[Container, _Use], None] = {}

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        """See :meth:`shared.ports.documents.Documents.read`."""
        call = self._documents.read(scope, container=container, partition=partition, id=id)
        return await self._watched(container, "read", call)

    async def query(self, scope: TenantScope, query: Query) -> Page:
        """See :meth:`shared.ports.documents.Documents.query`."""
        return await self._watched(query.container, "read", self._documents.query(scope, query))

    async def count(self, scope: TenantScope, query: Query, *, by: Path, each: bool = False) -> Counts:
        """See :meth:`shared.ports.documents.Documents.count`."""
        call = self._documents.count(scope, query, by=by, each=each)
        return await self._watched(query.container, "read", call)

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        """See :meth:`shared.ports.documents.Documents.transact`."""
        call = self._documents.transact(
            scope, container=container, partition=partition, operations=operations
        )
        return await self._watched(container, "write", call)

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
        call = self._documents.changes(
            scope, container=container, partition=partition, after=after, kind=kind, limit=limit, wait=wait
        )
        return await self._watched(container, "read", call)

    async def check(self) -> None:
        """See whether documents can be read and, where that has failed, written; what works is forgotten.

        It costs one read while all is well.

        Raises:
            UnavailableError: they cannot.
        """
        for container, use in [(TENANCY, "read"), *self._failing]:
            await (self._probe_write(container) if use == "write" else self._probe_read(container))

    async def _probe_read(self, container: Container) -> None:
        await self.read(TenantScope(DIRECTORY), container=container, partition=PROBES, id="probe")

    async def _probe_write(self, container: Container) -> None:
        body = {"id": secrets.token_hex(16), "kind": "probe", "padding": "x" * PROBE_BYTES}
        probe = Create(body, ttl=PROBE_TTL)
        await self.transact(TenantScope(DIRECTORY), container=container, partition=PROBES, operations=[probe])

    async def _watched[T](self, container: Container, use: _Use, call: Awaitable[T]) -> T:
        try:
            result = await call
        except UnavailableError:
            self._failing[container, use] = None
            raise
        if self._failing:
            self._failing.pop((container, use), None)
        return result


class WatchedEvents:
    """Implements :class:`shared.ports.events.Events` over another implementation."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._failed: tuple[float, UnavailableError] | None = None

    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """See :meth:`shared.ports.events.Events.publish`."""
        try:
            await self._events.publish(events)
        except UnavailableError as error:
            self._failed = asyncio.get_running_loop().time(), error
            raise
        self._failed = None

    async def check(self) -> None:
        """See :meth:`shared.ports.events.Events.check`; a failure counts until something gets through."""
        await self._events.check()
        if self._failed is None:
            return
        when, error = self._failed
        if asyncio.get_running_loop().time() - when < REMEMBERED:
            raise UnavailableError(error.message, cause=error.cause)


class WatchedSecrets:
    """Implements :class:`shared.ports.secrets.Secrets` over another implementation.

    A vault is asked by few requests, and by no probe while all is well: the log is told at once what fails.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._failing: dict[_Use, tuple[float, UnavailableError]] = {}

    async def put(self, scope: TenantScope, *, name: str, value: str) -> str:
        """See :meth:`shared.ports.secrets.Secrets.put`."""
        return await self._watched("write", self._secrets.put(scope, name=name, value=value))

    async def resolve(self, scope: TenantScope, *, name: str, version: str | None = None) -> str | None:
        """See :meth:`shared.ports.secrets.Secrets.resolve`."""
        return await self._watched("read", self._secrets.resolve(scope, name=name, version=version))

    async def delete(self, scope: TenantScope, *, name: str) -> None:
        """See :meth:`shared.ports.secrets.Secrets.delete`."""
        await self._watched("write", self._secrets.delete(scope, name=name))

    def names(self, scope: TenantScope) -> AsyncIterator[str]:
        """See :meth:`shared.ports.secrets.Secrets.names`."""
        return self._secrets.names(scope)

    async def check(self) -> None:
        """See whether secrets that could not be read can be; those that could not be put count for a while.

        Raises:
            UnavailableError: they cannot.
        """
        if "read" in self._failing:
            await self.resolve(TenantScope(DIRECTORY), name=PROBES)
        if (failed := self._failing.get("write")) is not None:
            if asyncio.get_running_loop().time() - failed[0] < REMEMBERED:
                raise UnavailableError(failed[1].message, cause=failed[1].cause)
            del self._failing["write"]

    async def _watched[T](self, use: _Use, call: Awaitable[T]) -> T:
        try:
            result = await call
        except UnavailableError as error:
            known = self._failing.get(use)
            if known is None or known[1].cause is not error.cause:
                _log.warning("secrets: %s (%s). To do: %s", error.cause.reason, error, error.cause.remedy)
            self._failing[use] = asyncio.get_running_loop().time(), error
            raise
        self._failing.pop(use, None)
        return result
