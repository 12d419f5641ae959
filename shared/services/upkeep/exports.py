"""Exports: all that a tenant has, document by document.

A walk through every container, a page at a time, by partition and id: memory stays flat, whatever there is.
What is written meanwhile may be in it or not; a document that stays as it is, is in it once. So of something
that goes on, an execution for one, the documents may be of different moments; audit chains say what is whole
(``quantum/contract/chains.py``).
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from shared.domain.errors import DocumentError, NotFoundError, TenantSuspendedError, UnavailableError
from shared.domain.standings import GONE
from shared.ports.clock import Clock
from shared.ports.documents import CONTAINERS, COUNTERS, TENANCY, Container, Documents, Query
from shared.services.audit.chains import RECEIPT, Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.paging import bodies
from shared.services.tenancy.tenants import TENANT, Tenants

EXPORTED: Final = tuple(container for container in CONTAINERS if container is not COUNTERS)
"""What is exported: all but the counters, which are made of the rest, or of requests, and expire."""
PAGE: Final = 25
"""How many documents are read at a time: each may have half a megabyte."""
ATTEMPTS: Final = 5

_LEFT_OUT: Final = frozenset({RECEIPT})
"""Kinds that are about requests, and no data of the tenant's."""
_SEALED: Final[Mapping[str, frozenset[str]]] = {
    "subscription": frozenset({"secret"}),
    "secret": frozenset({"key", "reference"}),
    "module": frozenset({"keys"}),
}
"""Fields that are of use to the platform alone: sealed keys of webhooks and modules, what the vault calls a
value."""

type Exported = tuple[Container, Mapping[str, Any]]


class Exports:
    def __init__(self, *, documents: Documents, tenants: Tenants, chains: Chains, clock: Clock) -> None:
        self._documents = documents
        self._tenants = tenants
        self._chains = chains
        self._clock = clock

    async def begin(self, caller: Caller, tenant_id: str) -> AsyncIterator[Exported]:
        """All that the caller's tenant has; that it is asked for is in the trail before anything is given.

        Raises:
            NotFoundError: it is another's.
            TenantSuspendedError: it is being erased; a tenant that is suspended may still be exported.
        """
        if tenant_id != caller.scope.tenant_id:
            raise NotFoundError(f"There is no tenant {tenant_id!r}")
        standing = await self._tenants.standing(caller.scope)
        if standing.status in GONE:
            raise TenantSuspendedError(standing.refusal)
        await self._record(caller)
        return self._all(caller)

    async def _all(self, caller: Caller) -> AsyncIterator[Exported]:
        for container in EXPORTED:
            query = Query(container, None, limit=PAGE)
            async for body in bodies(self._documents, caller.scope, query):
                if body["kind"] not in _LEFT_OUT:
                    sealed = _SEALED.get(body["kind"], frozenset())
                    yield container, {name: value for name, value in body.items() if name not in sealed}

    async def _record(self, caller: Caller) -> None:
        chain, act = Chain(caller.scope, TENANCY, TENANT), Act("tenant.export", caller.origin, None, None)
        for _ in range(ATTEMPTS):
            record = await self._chains.linked(self._documents, chain, act, now=self._clock.now())
            try:
                await self._documents.transact(
                    chain.scope, container=chain.container, partition=chain.partition, operations=record
                )
            except DocumentError:
                continue
            return
        raise UnavailableError
