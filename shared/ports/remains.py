"""The remains port: what stores keep of a tenant beside what the other ports show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.security.scope import TenantScope


class Remains(Protocol):
    async def forget(self, scope: TenantScope) -> None:
        """Leave nothing of a tenant whose documents, secrets and orchestrations were deleted.

        That is published events as far as they are kept here, what expired and was not swept, what indexes
        know of its documents, and the bytes of all that was deleted. It may take long, and hold up writes;
        again, it does no harm.

        Raises:
            UnavailableError: something cannot be written now; some of it may be done.
        """
        ...


@dataclass(frozen=True, slots=True)
class AllRemains:
    """Of several stores."""

    parts: Sequence[Remains]

    async def forget(self, scope: TenantScope) -> None:
        for part in self.parts:
            await part.forget(scope)


class NoRemains:
    """Of services that keep nothing that is deleted for longer than they say themselves."""

    async def forget(self, scope: TenantScope) -> None:
        """There is nothing to do."""
