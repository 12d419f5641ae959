"""Windows, what is left of them and how much is lent at a time."""

import pytest

from shared.domain.rates import DEFAULTS, NO_LIMITS, Policy, RateLimits, Standing, limit_errors

BURST = Policy("burst", 100, 60)


def test_a_user_has_a_thousand_requests_an_hour_and_a_hundred_a_minute() -> None:
    assert DEFAULTS.policies() == (Policy("hour", 1000, 3600), Policy("burst", 100, 60))
    assert NO_LIMITS.policies() == ()


def test_those_of_a_user_come_before_those_of_all_users_together() -> None:
    said = RateLimits(hour=1000, burst=5, tenant_hour=7)
    assert [policy.shared for policy in said.policies()] == [False, False, True]


def test_a_window_ends_when_the_next_one_begins() -> None:
    assert BURST.window(119.9) == 1
    assert BURST.window(120) == 2
    assert BURST.resets_at(119.9) == 120
    assert BURST.resets_at(120) == 180


@pytest.mark.parametrize(("taken", "asked"), [(0, 10), (60, 10), (80, 5), (96, 1), (100, 1), (130, 1)])
def test_leases_shrink_near_the_limit(taken: int, asked: int) -> None:
    assert BURST.lease(taken) == asked


@pytest.mark.parametrize(("taken", "granted"), [(10, 10), (100, 10), (104, 6), (110, 0), (500, 0)])
def test_of_a_lease_only_what_is_within_the_limit_is_granted(taken: int, granted: int) -> None:
    assert BURST.granted(10, taken) == granted


def test_leases_of_whatever_size_add_up_to_the_limit_and_to_no_more() -> None:
    for limit in range(1, 200):
        policy, taken, granted = Policy("burst", limit, 60), 0, 0
        while taken < limit:
            asked = policy.lease(taken)
            taken += asked
            granted += policy.granted(asked, taken)
        assert granted == limit


def test_who_is_refused_by_two_limits_waits_for_the_later_one() -> None:
    policies = DEFAULTS.policies()
    assert Standing(policies, [0, 0], 3590, ["burst"]).retry_after == 10
    assert Standing(policies, [0, 0], 3661, ["hour", "burst"]).retry_after == 3539
    assert Standing(policies, [0, 0], 3599.9, ["hour"]).retry_after == 1


def test_a_tenants_limits_have_bounds_and_every_wrong_one_is_named() -> None:
    errors = list(
        limit_errors(RateLimits(hour=0, burst=1, tenant_burst=10_000_001), "settings", "rate_limits")
    )
    assert [error.pointer for error in errors] == [
        "/settings/rate_limits/hour",
        "/settings/rate_limits/tenant_burst",
    ]
