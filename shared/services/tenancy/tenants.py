"""The tenants that there are, and how each of them stands.

A tenant is a document in its own partition ``tenant``: the truth about it. An entry in the platform's
directory says that there is one, by which the platform's timers and administrators find it; it may be behind
for a moment (``tenant_changes.py``).
"""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from shared.domain.errors import (
    ConflictError,
    DocumentExistsError,
    NotFoundError,
    TenantSuspendedError,
)
from shared.domain.standings import GONE, PLATFORM, Standing, standing_of
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Create, Document, Documents
from shared.security.scope import TENANT_ID, TenantScope
from shared.services.callers import Caller
from shared.services.tenancy.directory import Directory, tenant_scope

TENANT: Final = "tenant"
"""The id and kind of a tenant's own document, and its partition, which has the chain of its records too."""
LIFE: Final = 5.0
"""Seconds for which it is remembered how a tenant stands: how long a suspension may take to be felt."""
KEPT: Final = 4096
"""Most tenants remembered; the least recently seen go first."""

_ACTIVE: Final = Standing()


class Tenants:
    def __init__(self, documents: Documents, clock: Clock) -> None:
        self._documents = documents
        self._directory = Directory(documents)
        self._clock = clock
        self._standings: OrderedDict[str, tuple[float, Standing]] = OrderedDict()
        self._changes = 0

    async def ensure(self, tenant_id: str) -> None:
        """Make the tenant if it is new, for the local tools.

        Raises:
            ValidationFailedError: the id is not a DNS label, or is the platform's own.
            ConflictError: it was erased, or is about to be.
        """
        scope = tenant_scope(tenant_id)
        created_at = rfc3339(self._clock.now())
        body = {"id": TENANT, "kind": TENANT, "created_at": created_at}
        with suppress(DocumentExistsError):
            await self._documents.transact(
                scope, container=TENANCY, partition=TENANT, operations=[Create(body)]
            )
        if (await self.standing(scope)).status in GONE:
            raise ConflictError(f"The tenant {tenant_id!r} was erased, and its id is not given again")
        await self._directory.add_tenant(tenant_id, created_at=created_at)

    def ids(self) -> AsyncIterator[str]:
        """The id of every tenant that is not erased, for the platform's own timers: no request leads here."""
        return self._directory.tenant_ids()

    async def standing(self, scope: TenantScope) -> Standing:
        """How the tenant stands, as it was stored up to ``LIFE`` seconds ago."""
        now = self._clock.now().timestamp()
        known = self._standings.get(scope.tenant_id)
        if known is not None and 0 <= now - known[0] < LIFE:
            return known[1]
        changes = self._changes
        document = await self.document(scope)
        standing = standing_of(document.body) if document else _ACTIVE
        if changes == self._changes:  # else what was read may be from before
            self._standings[scope.tenant_id] = (now, standing)
            self._standings.move_to_end(scope.tenant_id)
            if len(self._standings) > KEPT:
                self._standings.popitem(last=False)
        return standing

    async def require_served(self, scope: TenantScope) -> None:
        """Let pass a tenant for whose members things are done.

        Raises:
            TenantSuspendedError: it is suspended, or is being erased.
        """
        standing = await self.standing(scope)
        if not standing.served:
            raise TenantSuspendedError(standing.refusal)

    def forget(self, scope: TenantScope) -> None:
        """Read anew how the tenant stands, for this process has changed it."""
        self._changes += 1
        self._standings.pop(scope.tenant_id, None)

    async def document(self, scope: TenantScope) -> Document | None:
        """What is stored of the tenant, as it is now."""
        return await self._documents.read(scope, container=TENANCY, partition=TENANT, id=TENANT)


def scope_of(caller: Caller, tenant_id: str) -> TenantScope:
    """The tenant that the caller names: its own, or of a member of the platform's tenant any.

    Whether it may do that to the tenant, the policies have said before.

    Raises:
        NotFoundError: there is none of that id for this caller.
    """
    if tenant_id == caller.scope.tenant_id:
        return caller.scope
    if caller.principal.tenant_id != PLATFORM or not TENANT_ID.fullmatch(tenant_id):
        raise NotFoundError(f"There is no tenant {tenant_id!r}")
    return TenantScope(tenant_id)
