"""Endpoints that fail again and again are left alone, for longer each time, and by nobody else's doing."""

import pytest

from shared.modules.remote.circuits import FAILURES, FIRST, KEPT, LONGEST, PROBE, Circuits, Key
from shared.ports.actions import ActionError
from shared.ports.modules import Circuit
from tests.fakes.clock import FrozenClock

KEY = ("acme", "https://modules.example.com/x")


def broken(circuits: Circuits, clock: FrozenClock, key: Key = KEY) -> None:
    for _ in range(FAILURES):
        circuits.enter(key, clock.now())
        circuits.failed(key, clock.now())


def left_alone(circuits: Circuits, clock: FrozenClock, key: Key = KEY) -> float:
    with pytest.raises(ActionError) as caught:
        circuits.enter(key, clock.now())
    assert (caught.value.code, caught.value.retryable) == ("MODULE_CIRCUIT_OPEN", True)
    return caught.value.retry_after


def test_failures_with_a_success_in_between_open_nothing(clock: FrozenClock) -> None:
    circuits = Circuits()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            circuits.failed(KEY, clock.now())
        circuits.succeeded(KEY)
    circuits.enter(KEY, clock.now())
    assert circuits.state(KEY, clock.now()) == Circuit()


def test_one_call_is_let_through_to_try_and_what_it_comes_to_decides(clock: FrozenClock) -> None:
    circuits = Circuits()
    broken(circuits, clock)
    assert left_alone(circuits, clock) == FIRST
    for number in range(1, 10):
        until = circuits.state(KEY, clock.now()).until
        assert until is not None
        clock.advance((until - clock.now()).total_seconds())
        assert circuits.state(KEY, clock.now()).state == "half-open"
        circuits.enter(KEY, clock.now())
        left_alone(circuits, clock)
        circuits.failed(KEY, clock.now())
        assert left_alone(circuits, clock) == min(FIRST * 2**number, LONGEST)
    clock.advance(LONGEST)
    circuits.enter(KEY, clock.now())
    circuits.succeeded(KEY)
    circuits.enter(KEY, clock.now())
    assert circuits.state(KEY, clock.now()) == Circuit()


def test_a_try_that_nobody_told_the_end_of_is_made_again(clock: FrozenClock) -> None:
    circuits = Circuits()
    broken(circuits, clock)
    clock.advance(FIRST)
    circuits.enter(KEY, clock.now())
    clock.advance(PROBE - 1)
    left_alone(circuits, clock)
    clock.advance(1)
    circuits.enter(KEY, clock.now())


def test_what_one_tenants_calls_come_to_says_nothing_to_another(clock: FrozenClock) -> None:
    circuits = Circuits()
    broken(circuits, clock)
    circuits.enter(("globex", KEY[1]), clock.now())
    assert circuits.state(("globex", KEY[1]), clock.now()) == Circuit()


def test_no_more_endpoints_are_remembered_than_there_is_room_for(clock: FrozenClock) -> None:
    circuits = Circuits()
    broken(circuits, clock)
    for number in range(KEPT):
        circuits.failed(("acme", f"https://{number}.example"), clock.now())
    assert circuits.state(KEY, clock.now()) == Circuit()
    assert circuits.state(("acme", "https://1.example"), clock.now()).failures == 1
