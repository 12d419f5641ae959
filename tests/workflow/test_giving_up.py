"""Giving up: what a step has begun and waits for is stopped when nothing more begins."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflow.test_items import Looping
from tests.workflow.test_steering import TERMINATE, chain, run
from tests.workflow.world import Attempt, Outcome, World

DONE: Outcome = {"status": "completed"}
FAILED: Outcome = {"status": "failed"}
WAITING: Outcome = {"status": "pending", "delay": 100, "token": "job", "gives_up": True}
STOPPING: Outcome = {"status": "pending", "delay": 50, "token": "job", "gives_up": True}
STOPPED: Outcome = {"status": "cancelled"}
BROKEN_OFF: Outcome = {"status": "cancelled", "token": "job", "gives_up": True}


def given_up(world: World, step: str) -> list[tuple[float, str, Any]]:
    """The attempts to stop what the step has begun: when, why, and with which token."""
    return [
        (one.began, one.request["gives_up"], one.request["token"])
        for one in world.attempts
        if one.request["step"] == step and "gives_up" in one.request
    ]


def end_of(world: World) -> Mapping[str, Any]:
    assert all(instance.ended for instance in world.instances.values())
    (end,) = world.finished
    return end


@pytest.mark.parametrize("small", [30, 0], ids=["whole", "segmented"])
def test_what_a_step_waits_for_is_stopped_when_the_execution_is_cancelled(small: int) -> None:
    graph = {**chain("a", 5), **chain("b", 4)}
    world = run(graph, [], {"a1": [WAITING, STOPPED]}, cancel_at=20, small=small)
    assert given_up(world, "a1") == [(20, "cancel", "job")]
    end = end_of(world)
    assert (end["status"], set(end["cancelled"])) == ("cancelled", {"a1", "a2", "a3", "a4"})


def test_a_cancellation_waits_until_it_is_stopped_and_a_nudge_says_when() -> None:
    outcomes: Mapping[str, Sequence[Outcome]] = {"s0": [WAITING, STOPPING, STOPPING, STOPPED]}
    world = run(chain("s", 2), [(40, "s0")], outcomes, cancel_at=20, last=chain("f", 1))
    assert [at for at, _, _ in given_up(world, "s0")] == [20, 40, 91]
    assert [one.began for one in world.attempts if one.request["step"] == "f0"] == [92]


def test_what_was_done_before_it_could_be_stopped_has_completed_and_is_undone() -> None:
    world = run(chain("s", 2), [], {"s0": [WAITING, DONE]}, cancel_at=20, compensatable=frozenset({"s0"}))
    assert [one.request["step"] for one in world.attempts if one.request.get("compensates")] == ["s0"]
    assert end_of(world)["cancelled"] == ["s1"]


def test_what_is_being_asked_when_the_cancellation_comes_is_stopped_after_that() -> None:
    world = run(chain("s", 1), [], {"s0": [WAITING, STOPPED]}, cancel_at=0.5)
    assert given_up(world, "s0") == [(1, "cancel", "job")]


@pytest.mark.parametrize("token", [None, "job"], ids=["in the middle of its beginning", "of a look"])
def test_an_attempt_that_sees_the_cancellation_first_is_broken_off_and_then_stopped(token: Any) -> None:
    world = run(chain("s", 2), [], {"s0": [{**BROKEN_OFF, "token": token}, STOPPED]})
    assert given_up(world, "s0") == [(1, "cancel", token)]
    assert (end_of(world)["status"], end_of(world)["cancelled"]) == ("cancelled", ["s0", "s1"])


def test_the_deadline_stops_it_too() -> None:
    world = run(chain("s", 1), [], {"s0": [WAITING, STOPPED]}, timeout=30)
    assert given_up(world, "s0") == [(30, "cancel", "job")]
    assert end_of(world)["expired"]


def test_a_termination_is_told_to_what_is_being_stopped_already() -> None:
    outcomes = {"s0": [WAITING, STOPPING, STOPPED]}
    world = run(chain("s", 1), [(30, TERMINATE)], outcomes, cancel_at=20, last=chain("f", 1))
    assert given_up(world, "s0") == [(20, "cancel", "job"), (30, "terminate", "job")]
    assert end_of(world)["cancelled"] == ["s0", "f0"]


def test_a_termination_stops_what_an_undoing_has_begun() -> None:
    outcomes = {"s1": [FAILED], "undo-s0": [WAITING, STOPPED]}
    world = run(chain("s", 2), [(30, TERMINATE)], outcomes, compensatable=frozenset({"s0"}))
    assert given_up(world, "s0") == [(30, "terminate", "job")]
    assert end_of(world)["uncompensated"] == ["s0"]


def test_what_cannot_be_stopped_and_what_waits_for_another_attempt_are_let_go() -> None:
    plain = {"status": "pending", "delay": 100, "token": "job"}
    retry = {"status": "retry", "delay": 100}
    world = run({"a": [], "b": []}, [], {"a": [plain], "b": [WAITING, retry]}, cancel_at=110)
    assert [one.request["step"] for one in world.attempts if "gives_up" in one.request] == []
    assert end_of(world)["cancelled"] == ["b"]


def test_an_item_that_fails_stops_what_the_others_have_begun_and_the_execution_goes_on() -> None:
    looping = Looping(3, 3, {0: [WAITING, STOPPING, STOPPED], 1: [FAILED], 2: [WAITING, DONE]}, {1: 10})
    end = looping.run()
    asked = [one.request for one in looping.items() if "gives_up" in one.request]
    assert [one["item"] for one in asked] == [0, 2, 0]
    assert (end["status"], end["cancelled"]) == ("failed", [])


def test_it_is_stopped_although_the_history_before_was_forgotten() -> None:
    world = run(chain("s", 6), [], {"s4": [WAITING, STOPPED]}, cancel_at=50, renew_after=2)
    assert given_up(world, "s4") == [(50, "cancel", "job")]
    assert world.instances["E"].generation > 0


@pytest.mark.parametrize(("count", "limit", "other"), [(4, 4, 1), (200, 2, 25)], ids=["few", "in shares"])
def test_a_nudge_may_name_the_item_that_it_is_for(count: int, limit: int, other: int) -> None:
    waits = {"status": "pending", "delay": 1000, "token": "child"}
    looping = Looping(count, limit, {0: [waits], other: [waits]})
    looping.run(nudges=[(100, {"step": "each", "item": other})])
    assert 100 in _begun(looping.items(), other)
    assert 100 not in _begun(looping.items(), 0)


def _begun(attempts: Sequence[Attempt], item: int) -> list[float]:
    return [one.began for one in attempts if one.request["item"] == item]


@given(st.integers(0, 12), st.integers(0, 3), st.booleans(), st.sampled_from([0, 30]), st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_whenever_it_is_stopped_nothing_is_left_that_was_begun(
    at: int, stopping: int, terminates: bool, small: int, renew_after: int
) -> None:
    """Each step waits twice and can be stopped: what was pending last is stopped, completed, or let be."""
    graph = {**chain("a", 4), **chain("b", 4)}
    outcomes = {step: [WAITING, WAITING, DONE] for step in graph}
    pending: dict[str, bool] = {}

    def act(request: Mapping[str, Any]) -> Outcome:
        if "gives_up" in request:
            outcome = (
                STOPPING if stopping > len([one for one in world_asks if one == request["step"]]) else STOPPED
            )
            world_asks.append(request["step"])
        else:
            outcome = outcomes[request["step"]].pop(0)
        pending[request["step"]] = outcome["status"] == "pending"
        return outcome

    world_asks: list[str] = []
    moment = at * 40 + 0.5
    words = [(moment, TERMINATE)] if terminates else []
    world = run(
        graph,
        words,
        cancel_at=None if terminates else moment,
        small=small,
        renew_after=renew_after,
        act=act,
    )
    end = end_of(world)
    assert not any(pending.values())
    assert set(graph) == set(end["cancelled"]) | {step for step, left in outcomes.items() if not left}
