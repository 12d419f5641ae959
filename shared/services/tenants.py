"""The tenants that there are.

A tenant is a document in its own partition ``tenant``, and an entry in the platform's directory, by which the
platform's timers find it.
"""

from collections.abc import AsyncIterator
from contextlib import suppress

from shared.domain.errors import DocumentExistsError
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Create, Documents
from shared.services.directory import Directory, tenant_scope


class Tenants:
    def __init__(self, documents: Documents, clock: Clock) -> None:
        self._documents = documents
        self._directory = Directory(documents)
        self._clock = clock

    async def ensure(self, tenant_id: str) -> None:
        """Make the tenant if it is new, for the local tools.

        Raises:
            ValidationFailedError: the id is not a DNS label, or is the platform's own.
        """
        scope = tenant_scope(tenant_id)
        created_at = rfc3339(self._clock.now())
        body = {"id": "tenant", "kind": "tenant", "created_at": created_at}
        with suppress(DocumentExistsError):
            await self._documents.transact(
                scope, container=TENANCY, partition="tenant", operations=[Create(body)]
            )
        await self._directory.add_tenant(tenant_id, created_at=created_at)

    def ids(self) -> AsyncIterator[str]:
        """Every tenant's id, for the platform's own timers: no request of a member's leads here."""
        return self._directory.tenant_ids()
