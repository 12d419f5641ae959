"""Circuit breakers: an endpoint that fails again and again is left alone for a while, and for ever longer."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.ports.actions import ActionError
from shared.ports.modules import Circuit

FAILURES: Final = 5
"""In a row, after which nobody asks any more."""
FIRST: Final = 5.0
"""Seconds that an endpoint is left alone the first time."""
GROWTH: Final = 2.0
LONGEST: Final = 300.0
PROBE: Final = 150.0
"""Seconds after which a probe that nobody has told the end of is made again: longer than a call may take."""
KEPT: Final = 1024
"""Endpoints that a process remembers; those that were asked least lately go first."""

type Key = tuple[str, str]
"""A tenant and an endpoint: what one tenant's calls come to says nothing to another."""


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    opened: int = 0
    """How often in a row, without a success in between."""
    until: datetime | None = None
    """None: it is closed."""
    probed: datetime | None = None
    """When a call was let through to try."""


class Circuits:
    """The breakers of one process."""

    def __init__(self) -> None:
        self._breakers: OrderedDict[Key, _Breaker] = OrderedDict()

    def enter(self, key: Key, now: datetime) -> None:
        """Let a call through, whose end is to be told by :meth:`succeeded` or :meth:`failed`.

        Raises:
            ActionError: the endpoint is left alone for now.
        """
        breaker = self._breakers.get(key)
        if breaker is None or breaker.until is None:
            return
        probing = breaker.probed is not None and now < breaker.probed + timedelta(seconds=PROBE)
        if now < breaker.until or probing:
            left = max((breaker.until - now).total_seconds(), 1.0)
            message = (
                f"the module's endpoint has failed {breaker.failures} times in a row, and is left alone for "
                f"{left:.0f} s; GET /modules/… tells how it stands"
            )
            raise ActionError("MODULE_CIRCUIT_OPEN", message, retryable=True, retry_after=left)
        breaker.probed = now

    def succeeded(self, key: Key) -> None:
        self._breakers.pop(key, None)

    def failed(self, key: Key, now: datetime) -> None:
        breaker = self._breakers.setdefault(key, _Breaker())
        self._breakers.move_to_end(key)
        breaker.failures += 1
        if breaker.probed is not None or (breaker.until is None and breaker.failures >= FAILURES):
            alone = min(FIRST * GROWTH**breaker.opened, LONGEST)
            breaker.opened, breaker.until, breaker.probed = (
                breaker.opened + 1,
                now + timedelta(seconds=alone),
                None,
            )
        while len(self._breakers) > KEPT:
            self._breakers.popitem(last=False)

    def state(self, key: Key, now: datetime) -> Circuit:
        breaker = self._breakers.get(key)
        if breaker is None:
            return Circuit()
        if breaker.until is None:
            return Circuit("closed", breaker.failures)
        if now < breaker.until:
            return Circuit("open", breaker.failures, breaker.until)
        return Circuit("half-open", breaker.failures)
