"""Rate limits that hold over many instances: leases from a counter that all of them share.

The counter of a window (documents container ``counters``) says how much of the limit has been lent. An
instance takes a lease by one increment, and lets through in memory as many requests as it was granted; what
it does not use runs out with the window. The increments are put in order by the store, and each is granted
only what is within the limit, so all instances together never let through more than it.

A store that does not answer does not stop everybody: for each window an instance may give itself one lease
that nobody has counted. So with the store away, the sum is at most the limit and one lease of each instance.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from shared.domain.errors import DocumentExistsError, DocumentMissingError, UnavailableError
from shared.domain.metrics import LEASES_UNCOUNTED
from shared.domain.rates import Policy, RateLimits, Standing
from shared.ports.clock import Clock
from shared.ports.documents import COUNTERS, Create, Documents, Operation, Patch
from shared.ports.telemetry import Telemetry
from shared.security.scope import TenantScope
from shared.services.tenancy.settings import Configuration

LEASE_SECONDS: Final = 2.0
"""How long a lease may take, and finding out what the tenant asks; then the store counts as away."""
AWAY_SECONDS: Final = 1.0
"""For how long a store that was away is not asked again."""
WINDOWS_KEPT: Final = 16_384
"""Most windows remembered; of those that are forgotten first, the rest of a lease is lost."""
ATTEMPTS: Final = 3
"""Of a lease: the counter may be made, or be over, just when it is asked for."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Window:
    """What this instance knows of a window, and what it has left of its leases."""

    number: int
    taken: int = 0
    """Lent to all instances, when it was last asked."""
    left: int = 0
    counted: bool = False
    """Whether the counter is known to be there."""
    uncounted: bool = False
    """Whether the lease that nobody counts was taken."""
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


type _Key = tuple[str, str, str]
"""Tenant, user (empty: all of them) and policy."""


class Rates:
    """Counts requests of callers."""

    def __init__(
        self,
        *,
        documents: Documents,
        configuration: Configuration,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._documents = documents
        self._configuration = configuration
        self._clock = clock
        self._telemetry = telemetry
        self._windows: OrderedDict[_Key, _Window] = OrderedDict()
        self._away_until = 0.0

    async def take(self, scope: TenantScope, user: str) -> Standing:
        """Count a request of that member of the tenant, unless one of the limits refuses it.

        Raises:
            UnavailableError: the store is away, and so much was let through without it already.
        """
        policies = _policies(await self._limits(scope))
        while True:
            now = self._clock.now().timestamp()
            windows = [self._window(scope, user, policy, now) for policy in policies]
            pairs = list(zip(policies, windows, strict=True))
            empty = [(policy, window) for policy, window in pairs if window.left == 0]
            if violated := [policy.name for policy, window in empty if window.taken >= policy.limit]:
                return Standing(policies, _remaining(policies, windows), now, violated)
            if not empty:
                # Nothing is awaited since it was looked at: no other request has had it.
                for window in windows:
                    window.left -= 1
                return Standing(policies, _remaining(policies, windows), now)
            for policy, window in empty:
                await self._lease(scope, user, policy, window)

    async def taken(self, scope: TenantScope, user: str | None) -> list[tuple[Policy, int | None, int]]:
        """The tenant's limits, how much of each is taken in this window, and when it ends (Unix time).

        Of the limits of users, by ``user``; None: by nobody. What other instances have in reserve is taken.
        """
        now = self._clock.now().timestamp()
        policies = _policies(await self._limits(scope))
        lent = await asyncio.gather(*(self._counted(scope, user, policy, now) for policy in policies))
        return [(policy, count, policy.resets_at(now)) for policy, count in zip(policies, lent, strict=True)]

    async def _counted(self, scope: TenantScope, user: str | None, policy: Policy, now: float) -> int | None:
        if user is None and not policy.shared:
            return None
        counter = await self._documents.read(
            scope,
            container=COUNTERS,
            partition=_partition(policy, user),
            id=_counter(policy, policy.window(now)),
        )
        window = self._windows.get((scope.tenant_id, "" if policy.shared else str(user), policy.name))
        left = window.left if window is not None and window.number == policy.window(now) else 0
        return max(0, min(policy.limit, counter.body["taken"] if counter else 0) - left)

    async def _limits(self, scope: TenantScope) -> RateLimits:
        """What the tenant is allowed; while nobody can tell, what every tenant is."""
        try:
            async with asyncio.timeout(LEASE_SECONDS):
                return (await self._configuration.allowance(scope)).rate_limits
        except (UnavailableError, TimeoutError):
            return self._configuration.installation.rate_limits

    def _window(self, scope: TenantScope, user: str, policy: Policy, now: float) -> _Window:
        key = (scope.tenant_id, "" if policy.shared else user, policy.name)
        number = policy.window(now)
        window = self._windows.get(key)
        if window is None or window.number != number:
            window = self._windows[key] = _Window(number)
            if len(self._windows) > WINDOWS_KEPT:
                self._windows.popitem(last=False)
        self._windows.move_to_end(key)
        return window

    async def _lease(self, scope: TenantScope, user: str, policy: Policy, window: _Window) -> None:
        """Have something left of the window, or know that it is spent; one request asks for all that wait."""
        async with window.asking:
            if window.left or window.taken >= policy.limit:
                return
            asked = policy.lease(window.taken)
            taken = await self._lent(scope, user, policy, window, asked)
            if taken is not None:
                window.taken, window.left = taken, policy.granted(asked, taken)
            elif window.uncounted:
                raise UnavailableError
            else:
                self._go_on_uncounted(scope, policy, window, asked)

    async def _lent(
        self, scope: TenantScope, user: str, policy: Policy, window: _Window, asked: int
    ) -> int | None:
        """How much is lent when ``asked`` more is; None: the store is away."""
        now = self._clock.now().timestamp()
        if now < self._away_until:
            return None
        try:
            async with asyncio.timeout(LEASE_SECONDS):
                return await self._increment(scope, user, policy, window, asked)
        except (UnavailableError, TimeoutError):
            self._away_until = now + AWAY_SECONDS
            return None

    def _go_on_uncounted(self, scope: TenantScope, policy: Policy, window: _Window, asked: int) -> None:
        window.uncounted, window.left = True, asked
        about = {"tenant_id": scope.tenant_id, "policy": policy.name}
        self._telemetry.record(LEASES_UNCOUNTED, 1, about)
        _log.warning(
            "the store of the rate limits is away: %d requests of %s go uncounted", asked, policy.name,
            extra=about,
        )  # fmt: skip

    async def _increment(
        self, scope: TenantScope, user: str, policy: Policy, window: _Window, asked: int
    ) -> int:
        """The counter with ``asked`` more. Applied twice in doubt, it lends less, not more."""
        counter, partition = _counter(policy, window.number), _partition(policy, user)
        for _ in range(ATTEMPTS):
            operation: Operation = (
                Patch(counter, increment={("taken",): asked})
                if window.counted
                else Create({"id": counter, "kind": "rate", "taken": asked}, ttl=2 * policy.seconds)
            )
            with suppress(DocumentExistsError, DocumentMissingError):
                stored = await self._documents.transact(
                    scope, container=COUNTERS, partition=partition, operations=[operation]
                )
                window.counted = True
                assert stored[0] is not None
                return int(stored[0].body["taken"])
            window.counted = not window.counted
        raise UnavailableError


def _partition(policy: Policy, user: str | None) -> str:
    return "rates" if policy.shared else f"rates:{user}"


def _counter(policy: Policy, window: int) -> str:
    return f"{policy.name}:{window}"


@lru_cache(1024)
def _policies(limits: RateLimits) -> tuple[Policy, ...]:
    return limits.policies()


def _remaining(policies: Sequence[Policy], windows: Sequence[_Window]) -> list[int]:
    """What others have left of their leases counts as used, for it is not ours. Never over the limit."""
    return [
        min(policy.limit, max(0, policy.limit - window.taken) + window.left)
        for policy, window in zip(policies, windows, strict=True)
    ]
