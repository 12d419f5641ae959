"""The use case of usage: how much of what a tenant is allowed is in use."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

from shared.domain.quotas import QUOTAS
from shared.domain.times import rfc3339
from shared.domain.usage import Spent, Usage, Used
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from shared.services.executions.limits import Limits
from shared.services.registry.slots import Slots
from shared.services.tenancy.berths import Berths
from shared.services.tenancy.quotas import STOCKS, Room
from shared.services.tenancy.rates import Rates
from shared.services.tenancy.settings import Configuration
from shared.services.tenancy.tenants import scope_of

_OF_EACH: Final = frozenset({"versions", "definition_bytes", "output_bytes"})
"""Quotas of each single thing: there is no sum that would say anything."""


class Usages:
    def __init__(
        self,
        *,
        configuration: Configuration,
        room: Room,
        slots: Slots,
        berths: Berths,
        limits: Limits,
        rates: Rates,
    ) -> None:
        self._configuration = configuration
        self._room = room
        self._slots = slots
        self._berths = berths
        self._limits = limits
        self._rates = rates

    async def of(self, caller: Caller, id: str) -> Usage:
        """What the tenant uses, as this process sees it now. Nothing is counted for it that is not small.

        Raises:
            NotFoundError: ``id`` is nobody's, or another's and the caller no member of the platform's tenant.
        """
        scope = scope_of(caller, id)
        await self._configuration.get(caller, id)
        allowance = await self._configuration.allowance(scope)
        running, rates, used = await asyncio.gather(
            self._limits.running(scope),
            self._spent(scope, caller),
            asyncio.gather(*(self._used(scope, name) for name in QUOTAS)),
        )
        limits: list[int | None] = [getattr(allowance.quotas, name) for name in QUOTAS]
        return Usage(
            Used(running, allowance.max_concurrent_executions),
            rates,
            {name: Used(one, most) for name, one, most in zip(QUOTAS, used, limits, strict=True)},
        )

    async def _used(self, scope: TenantScope, name: str) -> int | None:
        if name in _OF_EACH:
            return None
        if name in STOCKS:
            return await self._room.used(scope, name)
        counts: dict[str, Any] = {"intents": self._slots, "event_streams": self._berths}
        used: int = await counts[name].used(scope)
        return used

    async def _spent(self, scope: TenantScope, caller: Caller) -> dict[str, Spent]:
        """What is spent of the rate limits: of a user's, what the caller has, in its own tenant."""
        user = caller.principal.user if scope == caller.scope else None
        return {
            policy.name: Spent(taken, policy.limit, rfc3339(datetime.fromtimestamp(resets_at, UTC)))
            for policy, taken, resets_at in await self._rates.taken(scope, user)
        }
