"""The secrets port: what a reference stands for, at the moment it is used."""

from typing import Protocol

from shared.security.scope import TenantScope


class Secrets(Protocol):
    async def resolve(self, scope: TenantScope, *, name: str) -> str | None:
        """The tenant's secret of that name as it is now, or None if there is none.

        Raises:
            UnavailableError: the secrets cannot be read now.
        """
        ...
