"""Secrets in memory, which can be away when a test says so."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from shared.domain.errors import UnavailableError
from shared.ports.secrets import require_storable
from shared.security.scope import TenantScope
from tests.fakes.clock import START


@dataclass(frozen=True)
class _Version:
    version: str
    value: str
    created_at: datetime


class KeptSecrets:
    """Keeps them.

    Attributes:
        away: whether every call fails.
        interrupt: called with the name of each call before it does anything; may raise.
        resolved: how often a value was asked for.
    """

    def __init__(self, *, now: Callable[[], datetime] = lambda: START) -> None:
        self._now = now
        self._versions: dict[tuple[str, str], list[_Version]] = {}
        self._count = 0
        self.away = False
        self.interrupt: Callable[[str], Awaitable[None]] | None = None
        self.resolved = 0

    async def put(self, scope: TenantScope, *, name: str, value: str) -> str:
        require_storable(name, value)
        await self._enter("put")
        self._count += 1
        version = _Version(f"v{self._count}", value, self._now())
        self._versions.setdefault((scope.tenant_id, name), []).append(version)
        return version.version

    async def resolve(self, scope: TenantScope, *, name: str, version: str | None = None) -> str | None:
        await self._enter("resolve")
        self.resolved += 1
        versions = self._versions.get((scope.tenant_id, name), [])
        wanted = [one.value for one in versions if version in {None, one.version}]
        return wanted[-1] if wanted else None

    async def delete(self, scope: TenantScope, *, name: str) -> None:
        await self._enter("delete")
        self._versions.pop((scope.tenant_id, name), None)

    async def names(self, scope: TenantScope) -> AsyncIterator[str]:
        await self._enter("names")
        for tenant, name in list(self._versions):
            if tenant == scope.tenant_id:
                yield name

    async def _enter(self, call: str) -> None:
        if self.interrupt is not None:
            await self.interrupt(call)
        if self.away:
            raise UnavailableError
