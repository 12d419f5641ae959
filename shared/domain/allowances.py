"""What a tenant is allowed: by the platform, and within that by the tenant's own administrators.

Three say it. The operator, for every tenant of the installation; the platform's administrators, for one
tenant in place of that, which makes its *ceiling*; and the tenant's administrators in its settings, who may
take less than the ceiling and never more.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from shared.domain.definitions import MAX_CONCURRENCY
from shared.domain.errors import FieldError
from shared.domain.pointers import pointer
from shared.domain.quotas import NO_QUOTAS, Quotas, quota_errors
from shared.domain.rates import NO_LIMITS, RateLimits, limit_errors

type _Choice = Callable[[int | None, int | None], int | None]


@dataclass(frozen=True, slots=True)
class Allowance:
    """The most of everything; None: nothing is said of it here, and where nobody says anything, any number.

    Attributes:
        max_concurrent_executions: how many executions run at a time.
        rate_limits: how many requests are served in a time.
        quotas: how much there may be of each thing.
    """

    max_concurrent_executions: int | None = None
    rate_limits: RateLimits = NO_LIMITS
    quotas: Quotas = NO_QUOTAS

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Allowance":
        return cls(
            stored.get("max_concurrent_executions"),
            RateLimits.of(stored.get("rate_limits", {})),
            Quotas.of(stored.get("quotas", {})),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "max_concurrent_executions": self.max_concurrent_executions,
            "rate_limits": self.rate_limits.to_json(),
            "quotas": self.quotas.to_json(),
        }

    def over(self, others: "Allowance") -> "Allowance":
        """This, and where it says nothing, the others'."""
        return _each(self, others, lambda own, other: other if own is None else own)

    def within(self, ceiling: "Allowance") -> "Allowance":
        """Of each the lower."""
        return _each(self, ceiling, _lower)


NO_ALLOWANCE: Final = Allowance()
"""Of who says nothing."""


def allowance_errors(allowance: Allowance, *at: str) -> Iterator[FieldError]:
    """Everything wrong with an allowance, at its place below ``at``."""
    most = allowance.max_concurrent_executions
    if most is not None and not 1 <= most <= MAX_CONCURRENCY:
        message = f"it is 1 to {MAX_CONCURRENCY}, not {most}; null puts it back to what the platform has"
        yield FieldError(pointer(*at, "max_concurrent_executions"), "VALUE", message)
    yield from limit_errors(allowance.rate_limits, *at, "rate_limits")
    yield from quota_errors(allowance.quotas, *at, "quotas")


def ceiling_errors(asked: Allowance, before: Allowance, ceiling: Allowance, at: str) -> Iterator[FieldError]:
    """Everything that is to become more than the ceiling; what was so before is held to it all the same."""
    most, known = dict(_numbers(ceiling)), dict(_numbers(before))
    for path, number in _numbers(asked):
        limit = most[path]
        if number is not None and limit is not None and number > limit and number != known[path]:
            message = (
                f"the platform allows this tenant at most {limit}, not {number}; ask its operator for more"
            )
            yield FieldError(pointer(at, *path), "CEILING", message)


def _each[T](one: T, other: T, choose: _Choice) -> T:
    """The numbers of both, one by one, as one of the same kind."""
    instance: Any = one
    pairs = ((getattr(one, field.name), getattr(other, field.name)) for field in fields(instance))
    return type(one)(
        *(_each(own, its, choose) if is_dataclass(own) else choose(own, its) for own, its in pairs)
    )


def _numbers(one: Any, *at: str) -> Iterator[tuple[tuple[str, ...], int | None]]:
    """Every number of an allowance, and where it stands."""
    for field in fields(one):
        value = getattr(one, field.name)
        if is_dataclass(value):
            yield from _numbers(value, *at, field.name)
        else:
            yield (*at, field.name), value


def _lower(one: int | None, other: int | None) -> int | None:
    return min((number for number in (one, other) if number is not None), default=None)
