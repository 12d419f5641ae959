"""How much a tenant uses of what it is allowed."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Used:
    """``used`` None: it is of each single one, or nobody counts it. ``limit`` None: any number."""

    used: int | None
    limit: int | None


@dataclass(frozen=True, slots=True)
class Spent:
    """Requests of a window; ``resets_at`` is RFC 3339 in UTC."""

    used: int | None
    limit: int
    resets_at: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant uses, by the names of its settings; of ``rate_limits`` those that there are."""

    max_concurrent_executions: Used
    rate_limits: Mapping[str, Spent]
    quotas: Mapping[str, Used]
