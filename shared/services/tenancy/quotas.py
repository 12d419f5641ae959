"""Room for one more: how much a tenant has of what it keeps, and how much it may have.

Nothing is kept beside the things themselves where they are all in one partition with a chain of audit
records: whoever makes one reads the chain's link, counts, and stores it under the condition that the link is
still that one (``chains.py``). So what is counted is what there is, and of two that make the last one, one
loses and counts again. What is not in one partition has a book of its own: intents (``slots.py``) and open
event streams (``berths.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.domain.quotas import MOST, require_room
from shared.ports.documents import TENANCY, Documents, Query
from shared.security.scope import TenantScope
from shared.services.tenancy.settings import Configuration


@dataclass(frozen=True, slots=True)
class Stock:
    """What is counted by the documents that there are of a ``kind`` in one partition of the tenancy."""

    partition: str
    kind: str


STOCKS: Final[Mapping[str, Stock]] = {
    "schedules": Stock("schedules", "schedule"),
    "subscriptions": Stock("subscriptions", "subscription"),
    "policies": Stock("policies", "policy"),
    "members": Stock("members", "member"),
    "secrets": Stock("secrets", "secret"),
    "modules": Stock("modules", "module"),
}
"""By the name of the quota."""


class Room:
    def __init__(self, documents: Documents, configuration: Configuration | None = None) -> None:
        """Without ``configuration`` nobody says anything: there is room for what the platform can do."""
        self._documents = documents
        self._configuration = configuration

    async def limit(self, scope: TenantScope, name: str) -> int:
        """How many of ``name`` (or how large one) the tenant may have; felt as settings are."""
        most: int = getattr(MOST, name)
        if self._configuration is None:
            return most
        said: int | None = getattr((await self._configuration.allowance(scope)).quotas, name)
        return most if said is None else said

    async def used(self, scope: TenantScope, name: str) -> int:
        """How many the tenant has of one of ``STOCKS``."""
        stock = STOCKS[name]
        query = Query(TENANCY, stock.kind, partition=stock.partition)
        counted = await self._documents.count(scope, query, by=("kind",))
        return sum(count for _, count in counted.values)

    async def require(self, scope: TenantScope, name: str) -> None:
        """Let pass who makes one more of one of ``STOCKS``.

        To be asked between the reading of the partition's link and the transaction that replaces it.

        Raises:
            QuotaExceededError: there are as many as there may be.
        """
        limit = await self.limit(scope, name)
        require_room(name, await self.used(scope, name), limit, remedy="delete one first")
