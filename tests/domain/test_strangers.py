"""How long who fails is held off, and which addresses are one party's."""

import pytest

from shared.domain.strangers import FORGOTTEN, LONGEST, Failures, neighbourhood


def test_from_the_last_free_one_on_each_failure_holds_off_twice_as_long_up_to_a_minute() -> None:
    failures, now, held = Failures(), 0.0, list[int]()
    for _ in range(12):
        failures = failures.again(now, free=3)
        held.append(failures.left(now))
        now = failures.until
    assert held == [0, 0, 1, 2, 4, 8, 16, 32, 32, 60, 60, 60]
    assert failures.left(now) == 0


def test_failures_are_forgotten_one_by_one() -> None:
    failures = Failures()
    for _ in range(4):
        failures = failures.again(0.0, free=5)
    assert failures.again(FORGOTTEN - 1, free=5).left(FORGOTTEN - 1) == 1  # none is forgotten yet
    assert failures.again(FORGOTTEN, free=5).left(FORGOTTEN) == 0
    assert failures.again(10 * FORGOTTEN, free=5).count == 1


def test_a_clock_that_is_put_back_forgives_and_holds_nothing_more() -> None:
    failures = Failures().again(1000.0, free=1)
    assert failures.again(0.0, free=1) == Failures(2.0, 0.0, 2.0)
    assert failures.again(0.0, free=1).left(0.0) <= LONGEST


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::/64"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_addresses_that_one_party_may_easily_have_are_one(address: str | None, party: str) -> None:
    assert neighbourhood(address) == party
