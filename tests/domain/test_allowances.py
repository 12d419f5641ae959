"""What the platform allows a tenant, and what the tenant makes of it."""

import pytest

from shared.domain.allowances import NO_ALLOWANCE, Allowance, allowance_errors, ceiling_errors
from shared.domain.errors import QuotaExceededError
from shared.domain.quotas import DEFAULTS, MOST, QUOTAS, Quotas, quota_errors, require_room
from shared.domain.rates import RateLimits

INSTALLATION = Allowance(50, RateLimits(hour=1000), Quotas(intents=100, members=10))


def test_what_is_said_of_one_tenant_goes_before_what_is_said_of_all_number_by_number() -> None:
    own = Allowance(rate_limits=RateLimits(hour=5000, tenant_hour=9), quotas=Quotas(intents=7))
    assert own.over(INSTALLATION) == Allowance(
        50, RateLimits(hour=5000, tenant_hour=9), Quotas(intents=7, members=10)
    )


def test_a_tenant_may_have_less_than_its_ceiling_and_never_more() -> None:
    asked = Allowance(60, RateLimits(hour=10, burst=3), Quotas(intents=99, members=11, secrets=1))
    assert asked.within(INSTALLATION) == Allowance(
        50, RateLimits(hour=10, burst=3), Quotas(intents=99, members=10, secrets=1)
    )
    assert NO_ALLOWANCE.within(INSTALLATION) == INSTALLATION


def test_whatever_becomes_more_than_the_ceiling_is_named_and_what_was_so_before_is_not() -> None:
    before = Allowance(quotas=Quotas(members=20))
    asked = Allowance(51, RateLimits(hour=1001, burst=5), Quotas(intents=101, members=20))
    errors = list(ceiling_errors(asked, before, INSTALLATION, "settings"))
    assert [(error.pointer, error.code) for error in errors] == [
        ("/settings/max_concurrent_executions", "CEILING"),
        ("/settings/rate_limits/hour", "CEILING"),
        ("/settings/quotas/intents", "CEILING"),
    ]
    assert "at most 100, not 101" in errors[2].message
    assert list(ceiling_errors(INSTALLATION, before, INSTALLATION, "settings")) == []


def test_every_number_that_is_none_is_named() -> None:
    bad = Allowance(0, RateLimits(burst=0), Quotas(definition_bytes=10, members=0, policies=1000))
    assert [error.pointer for error in allowance_errors(bad, "ceiling")] == [
        "/ceiling/max_concurrent_executions",
        "/ceiling/rate_limits/burst",
        "/ceiling/quotas/definition_bytes",
        "/ceiling/quotas/policies",
        "/ceiling/quotas/members",
    ]


def test_what_is_stored_is_what_was_said() -> None:
    for one in (INSTALLATION, NO_ALLOWANCE, Allowance(quotas=DEFAULTS)):
        assert Allowance.of(one.to_json()) == one


def test_what_the_product_has_by_itself_is_within_what_it_can_do() -> None:
    for quotas in (DEFAULTS, MOST):
        assert list(quota_errors(quotas)) == []
        assert None not in [getattr(quotas, name) for name in QUOTAS]


def test_there_is_room_until_there_are_as_many_as_there_may_be() -> None:
    require_room("event_streams", 4, 5, remedy="close one")
    with pytest.raises(QuotaExceededError, match="has 5 event streams, and may have 5: close one") as refused:
        require_room("event_streams", 5, 5, remedy="close one")
    assert refused.value.violated == ("event_streams",)
