"""Erasing tenants: a timer deletes all that a tenant has, wherever it is, and leaves that it was.

It takes away what it has seen and looks again, and nothing is noted of how far it came: whoever dies leaves
less for the next tick. Orchestrations go before the executions that name them, members and schedules after
what the directory has of them. When a look finds nothing more, the stores forget what they still have
(``ports/remains.py``), and the tenant's own document becomes a tombstone.

An action that was at work when its execution was terminated may store something yet. So for a day the timer
looks again at tenants that were erased.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from shared.domain.errors import DocumentError, DocumentMissingError, UnavailableError
from shared.domain.standings import Standing, standing_of
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import (
    CONTAINERS,
    EXECUTIONS,
    TENANCY,
    Container,
    Delete,
    Document,
    Documents,
    Query,
    Replace,
)
from shared.ports.orchestrations import Orchestrations
from shared.ports.remains import Remains
from shared.ports.secrets import Secrets
from shared.security.principals import PLATFORM
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act
from shared.services.build_contexts import BuildContexts
from shared.services.executions.runs import Runs
from shared.services.paging import bodies, pages
from shared.services.tenancy.directory import DIRECTORY, Directory
from shared.services.tenancy.standings import TenantSettling, kept
from shared.services.tenancy.tenants import TENANT, Tenants

GRACE: Final = timedelta(seconds=30)
"""Until all that began before is over: what is remembered of a tenant (``tenants.LIFE``), and a request."""
LATE: Final = timedelta(days=1)
"""For how long it is looked for what was stored late."""
TICK: Final = timedelta(minutes=4)
"""For how long one tick erases; the rest waits for the next."""
PAGE: Final = 25
"""How many documents are read, and deleted, at a time: each may have half a megabyte."""
AT_ONCE: Final = 8

_NOTED: Final = ("agenda", "purges", "parked", "secrets")
"""The directory's partitions with documents of tenants, which say whose they are (or, parked, tell it)."""

_log = logging.getLogger(__name__)


class Erasure:
    def __init__(
        self,
        *,
        documents: Documents,
        runs: Runs,
        orchestrations: Orchestrations,
        secrets: Secrets,
        contexts: BuildContexts,
        remains: Remains,
        tenants: Tenants,
        settling: TenantSettling,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._runs = runs
        self._orchestrations = orchestrations
        self._secrets = secrets
        self._contexts = contexts
        self._remains = remains
        self._directory = Directory(documents)
        self._tenants = tenants
        self._settling = settling
        self._clock = clock

    async def run(self) -> int:
        """One tick; how many tenants were erased. What cannot be reached now holds up no other tenant.

        Raises:
            UnavailableError: the directory cannot be read.
        """
        began, erased = self._clock.now(), 0
        async for tenant_id in self._directory.tenant_ids("erasing"):
            try:
                erased += await self._erase(TenantScope(tenant_id))
            except UnavailableError:
                _log.warning(
                    "the tenant %s is not erased yet; the next tick goes on", tenant_id, exc_info=True
                )
            if self._clock.now() - began > TICK:
                return erased
        await self._look_late()
        return erased

    async def _erase(self, scope: TenantScope) -> bool:
        document = await self._tenants.document(scope)
        if document is None or standing_of(document.body).status != "erasing":
            return False  # the directory is behind
        since = parse_rfc3339(document.body["changed_at"])
        if self._clock.now() - since < GRACE or not await self._emptied(scope):
            return False
        stripped = await self._strip(scope, document)
        if stripped is None:
            return False
        await self._remains.forget(scope)
        await self._bury(scope, stripped)
        _log.info("the tenant %s is erased", scope.tenant_id)
        return True

    async def _look_late(self) -> None:
        after: str | None = None
        while True:
            found, after = await self._directory.summaries("erased", limit=PAGE, after=after)
            for one in found:
                late = one.changed_at and self._clock.now() - parse_rfc3339(one.changed_at) < LATE
                if late and await self._delete_documents(TenantScope(one.id)):
                    await self._remains.forget(TenantScope(one.id))
            if after is None:
                return

    async def _emptied(self, scope: TenantScope) -> bool:
        """Delete all but the tenant's own document; False if something would not go yet."""
        if not await self._forget_orchestrations(scope):
            return False
        async for name in self._secrets.names(scope):
            await self._secrets.delete(scope, name=name)
        await self._contexts.forget_all(scope)
        await self._forget_identities(scope)
        await self._forget_notes(scope)
        while await self._delete_documents(scope):
            pass
        return True

    async def _forget_orchestrations(self, scope: TenantScope) -> bool:
        """End and forget every orchestration of the tenant; False if one is still on its way to its end.

        An execution's documents go with its orchestration, so that there are fewer to ask for each time.
        """
        gone = True
        async for page in pages(self._documents, scope, Query(EXECUTIONS, "execution", limit=PAGE)):
            gone &= await self._all_gone(scope, [(body["execution_id"], body) for body in page])
        async for page in pages(self._documents, scope, Query(TENANCY, "delivery", limit=PAGE)):
            gone &= await self._all_gone(
                scope, [(f"webhook-{scope.tenant_id}-{body['id']}", body) for body in page]
            )
        return gone

    async def _all_gone(self, scope: TenantScope, named: Sequence[tuple[str, Mapping[str, Any]]]) -> bool:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(instance_id: str, body: Mapping[str, Any]) -> bool:
            async with places:
                await self._orchestrations.terminate(instance_id=instance_id, reason="the tenant is erased")
                await self._orchestrations.purge(instance_id=instance_id)
                if await self._orchestrations.status(instance_id=instance_id) is not None:
                    return False
                if body["kind"] == "execution":
                    await self._delete_partition(scope, EXECUTIONS, instance_id)
                    self._runs.forget(scope, instance_id)
                return True

        outcomes = await asyncio.gather(*(one(*each) for each in named), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return all(outcomes)

    async def _forget_identities(self, scope: TenantScope) -> None:
        """Take the tenant's members out of the directory; it is they who say where to look there."""
        async for member in bodies(self._documents, scope, Query(TENANCY, "member", limit=PAGE)):
            entry = await self._directory.entry(member["issuer"], member["subject"])
            if entry is not None and scope.tenant_id in entry.body["tenants"]:
                await self._directory.drop(entry, scope.tenant_id)

    async def _forget_notes(self, scope: TenantScope) -> None:
        """Delete what the directory has of the tenant besides."""
        for partition in _NOTED:
            query = Query(TENANCY, None, partition=partition, limit=PAGE)
            async for note in bodies(self._documents, TenantScope(DIRECTORY), query):
                if _whose(note) == scope.tenant_id:
                    await self._delete(TenantScope(DIRECTORY), TENANCY, partition, [note["id"]])

    async def _delete_documents(self, scope: TenantScope) -> bool:
        """Delete all but the tenant's own document; whether there was anything."""
        found = False
        for container in CONTAINERS:
            async for partition, ids in self._stored(scope, container):
                found = True
                await self._delete(scope, container, partition, ids)
        return found

    async def _stored(
        self, scope: TenantScope, container: Container, partition: str | None = None
    ) -> AsyncIterator[tuple[str, Sequence[str]]]:
        """What there is, some of a partition at a time."""
        query = Query(container, None, partition=partition, limit=PAGE)
        async for page in pages(self._documents, scope, query):
            ids: dict[str, list[str]] = {}
            for body in page:
                if body["kind"] != TENANT:
                    ids.setdefault(body[container.partition_field], []).append(body["id"])
            for key, some in ids.items():
                yield key, some

    async def _delete_partition(self, scope: TenantScope, container: Container, partition: str) -> None:
        async for key, ids in self._stored(scope, container, partition):
            await self._delete(scope, container, key, ids)

    async def _delete(
        self, scope: TenantScope, container: Container, partition: str, ids: Sequence[str]
    ) -> None:
        try:
            await self._transact(scope, container, partition, [Delete(one) for one in ids])
        except DocumentMissingError:  # expired, or another timer was faster: each by itself
            for one in ids:
                with suppress(DocumentMissingError):
                    await self._transact(scope, container, partition, [Delete(one)])

    async def _transact(
        self, scope: TenantScope, container: Container, partition: str, operations: Sequence[Delete | Replace]
    ) -> Document | None:
        stored = await self._documents.transact(
            scope, container=container, partition=partition, operations=operations
        )
        return stored[0]

    async def _strip(self, scope: TenantScope, document: Document) -> Document | None:
        """Leave of the tenant's document what the tombstone has; None if another timer was faster."""
        body = document.body
        bare = {name: body[name] for name in ("id", "kind", "created_at")}
        rest = bare | asdict(standing_of(body))
        with suppress(DocumentError):
            return await self._transact(scope, TENANCY, TENANT, [Replace(rest, if_match=document.etag)])
        return None

    async def _bury(self, scope: TenantScope, document: Document) -> None:
        before, now = standing_of(document.body), rfc3339(self._clock.now())
        after = Standing("erased", before.reason, now, before.changed_by)
        act = Act("tenant.erased", PLATFORM, before.audited, after.audited)
        tombstone = {**document.body, **asdict(after), "untold": [kept(act, f"{scope.tenant_id}:erased")]}
        await self._settling.note(scope)
        with suppress(DocumentError):  # another timer has
            await self._transact(scope, TENANCY, TENANT, [Replace(tombstone, if_match=document.etag)])
        self._tenants.forget(scope)
        await self._settling.settle(scope)


def _whose(note: Mapping[str, Any]) -> str | None:
    """The tenant that a document of the directory is about."""
    if note["kind"] == "parked":
        _, _, rest = str(note["document"]).partition('"tenant_id": "')
        return rest.partition('"')[0]
    tenant: str | None = note.get("tenant")
    return tenant
