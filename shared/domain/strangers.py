"""Whom no member stands behind: how long it is held off if it fails again and again, and what is one party.

Failures are forgotten one by one as time goes, and by nothing else: a success buys nobody new attempts.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

FORGOTTEN: Final = 60.0
"""Seconds after which one failure is forgotten."""
LONGEST: Final = 60
"""Seconds for which anybody is held off at most at a time."""
NETWORK_BITS: Final = 64
"""Of an IPv6 address, what one customer of a network has all of (RFC 6177)."""
FAILURES: Final = 50
"""That are free, unless the operator says otherwise."""
REQUESTS: Final = 600
"""Without a token in a minute from one address, unless the operator says otherwise."""
NOWHERE: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Failures:
    """How often somebody has failed by ``at``, and until when that holds it off; times are Unix times."""

    count: float = 0.0
    at: float = 0.0
    until: float = 0.0

    def again(self, now: float, *, free: int) -> "Failures":
        """With one more: from the ``free``-th on each holds off twice as long as the one before."""
        count = max(0.0, self.count - max(0.0, now - self.at) / FORGOTTEN) + 1
        over = ceil(count) - free
        return Failures(count, now, now + min(2**over, LONGEST) if over >= 0 else now)

    def left(self, now: float) -> int:
        """For how many seconds it is held off still."""
        return max(0, ceil(self.until - now))


def neighbourhood(address: str | None) -> str:
    """What stands for all addresses that one party may easily have: of IPv6, the network."""
    if address is None:
        return NOWHERE
    try:
        known = ip_address(address)
    except ValueError:
        return address  # the end of a connection that has no address, such as a socket's name
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    host_bits = known.max_prefixlen - NETWORK_BITS
    return f"{IPv6Address(int(known) >> host_bits << host_bits)}/{NETWORK_BITS}"
