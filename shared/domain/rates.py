"""How many requests may come in a time: windows, what is left of them, and how much of one is lent at a time.

Windows are fixed: each begins when the last one ended, at the same moment for everybody, so that instances
agree on which one it is without asking each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from math import ceil
from typing import Any, Final

from shared.domain.errors import FieldError
from shared.domain.pointers import pointer

HOUR, BURST = 3600, 60
"""Seconds of the windows."""
MOST: Final = 10_000_000
"""The highest limit that can be set."""
SHARE: Final = 10
"""A lease is at most this part of a limit: how far an instance can be off is that much."""
NEAR: Final = 4
"""And at most this part of what is left: near the limit leases are small, and little lies idle elsewhere."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Requests a window, by policy; None: any number.

    Attributes:
        hour: of a user in an hour.
        burst: of a user in a minute.
        tenant_hour: of all the tenant's users together in an hour.
        tenant_burst: of all of them in a minute.
    """

    hour: int | None = None
    burst: int | None = None
    tenant_hour: int | None = None
    tenant_burst: int | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "RateLimits":
        return cls(**{name: stored.get(name) for name in NAMES})

    def to_json(self) -> dict[str, int | None]:
        return {name: getattr(self, name) for name in NAMES}

    def policies(self) -> tuple["Policy", ...]:
        """Those that there are, the user's first."""
        return tuple(
            Policy(name, limit, seconds, shared)
            for name, seconds, shared in _WINDOWS
            if (limit := getattr(self, name)) is not None
        )


NAMES: Final = tuple(one.name for one in fields(RateLimits))
NO_LIMITS: Final = RateLimits()
DEFAULTS: Final = RateLimits(hour=1000, burst=100)
"""Of the product, unless its operator or the tenant says otherwise."""

_WINDOWS: Final = (
    ("hour", HOUR, False),
    ("burst", BURST, False),
    ("tenant_hour", HOUR, True),
    ("tenant_burst", BURST, True),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """One limit: at most ``limit`` requests in each window of ``seconds``.

    ``shared``: of all the tenant's users together.
    """

    name: str
    limit: int
    seconds: int
    shared: bool = False

    def window(self, now: float) -> int:
        """The number of the window that ``now`` (Unix time) is in."""
        return int(now // self.seconds)

    def resets_at(self, now: float) -> int:
        """When the next window begins, as Unix time."""
        return (self.window(now) + 1) * self.seconds

    def lease(self, taken: int) -> int:
        """How many requests to take at a time when ``taken`` were; at least one, if it is only to ask."""
        return max(1, min(self.limit // SHARE, (self.limit - taken) // NEAR))

    def granted(self, asked: int, taken: int) -> int:
        """How many of ``asked`` are within the limit, now that ``taken`` are with them."""
        return max(0, min(asked, self.limit - (taken - asked)))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands to its limits after a request.

    Attributes:
        policies: those that there are.
        remaining: requests that are left of each, as far as this instance knows.
        now: Unix time of the request.
        violated: the names of those that refuse it; if there are none, it was counted.
    """

    policies: Sequence[Policy]
    remaining: Sequence[int]
    now: float
    violated: Sequence[str] = ()

    @property
    def retry_after(self) -> int:
        """Seconds until none of the violated ones refuses any more."""
        ends = [policy.resets_at(self.now) for policy in self.policies if policy.name in self.violated]
        return max(1, ceil(max(ends) - self.now))


def limit_errors(limits: RateLimits, *at: str) -> Iterator[FieldError]:
    """Every limit that is none, at its place below ``at``."""
    for name in NAMES:
        limit = getattr(limits, name)
        if limit is not None and not 1 <= limit <= MOST:
            message = f"it is 1 to {MOST}, not {limit}; null puts it back to what the platform has"
            yield FieldError(pointer(*at, name), "VALUE", message)
