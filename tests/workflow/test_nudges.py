"""Waiting for what is told: a nudge wakes the step that waits, whenever it comes, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.workflow.cutting import cut
from shared.workflow.work import Work
from tests.workflow.generators import Generators
from tests.workflow.plans import Case, cases
from tests.workflow.test_executions import Actor, expected
from tests.workflow.world import Attempt, Outcome, World

DONE: Outcome = {"status": "completed"}
WAITING: Outcome = {"status": "pending", "delay": 3600, "token": "decision"}
RETRY: Outcome = {"status": "retry", "delay": 3600}


def run(
    graph: Mapping[str, Sequence[str]],
    outcomes: Mapping[str, Sequence[Outcome]],
    nudges: Sequence[tuple[float, str]],
    *,
    small: int = 30,
    renew_after: int = 12,
    last: Mapping[str, Sequence[str]] | None = None,
) -> World:
    """Run it, every activity taking a second; what has no outcomes completes."""
    left = {step: list(listed) for step, listed in outcomes.items()}

    def act(request: Mapping[str, Any]) -> tuple[float, Outcome | None]:
        listed = left.get(request["step"])
        return 1.0, listed.pop(0) if listed else DONE

    nodes = cut(graph, small=small, bundle=4)
    after = cut(last or {}, first_key=len(nodes))
    world = World(Generators(), act)
    world.run(Work("acme", "E", nodes, renew_after=renew_after, last=after).to_json(), nudges=nudges)
    assert world.finished[0]["status"] == "completed"
    assert all(instance.ended for instance in world.instances.values())
    return world


def of(world: World, step: str) -> list[Attempt]:
    return [attempt for attempt in world.attempts if attempt.request["step"] == step]


def begun(world: World, step: str) -> list[float]:
    return [attempt.began for attempt in of(world, step)]


def test_a_step_that_waits_is_asked_again_with_its_token_when_it_is_nudged() -> None:
    world = run({"a": []}, {"a": [WAITING, WAITING]}, [(10, "a"), (20, "a")])
    assert begun(world, "a") == [0, 10, 20]
    assert [attempt.request["token"] for attempt in of(world, "a")] == [None, "decision", "decision"]
    assert {attempt.request["attempt"] for attempt in of(world, "a")} == {1}


def test_without_a_nudge_it_is_asked_when_its_time_is_over() -> None:
    assert begun(run({"a": []}, {"a": [WAITING]}, []), "a") == [0, 3601]


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_a_nudge_that_comes_while_the_step_is_asked_is_not_lost(at: float) -> None:
    assert begun(run({"a": []}, {"a": [WAITING]}, [(at, "a")]), "a") == [0, 1]


def test_a_nudge_for_another_step_or_one_that_has_ended_wakes_nobody() -> None:
    graph: dict[str, list[str]] = {"a": [], "b": []}
    world = run(graph, {"a": [WAITING]}, [(5, "b"), (6, "none")])
    assert (begun(world, "a"), begun(world, "b")) == ([0, 3601], [0])


def test_a_nudge_does_not_cut_short_the_time_before_another_attempt() -> None:
    assert begun(run({"a": []}, {"a": [RETRY]}, [(5, "a")]), "a") == [0, 3601]


def test_a_nudge_reaches_a_step_in_an_orchestration_of_its_own() -> None:
    graph = {f"{lane}{n}": [f"{lane}{n - 1}"] if n else [] for lane in "ab" for n in range(5)}
    world = run(graph, {"b2": [WAITING]}, [(50, "b2")], small=0, renew_after=2)
    assert len(world.instances) == 3
    assert begun(world, "b2") == [2, 50]


def test_nudges_reach_what_waits_in_every_phase_and_generation() -> None:
    chain = {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(4)}
    outcomes = {"s1": [WAITING], "s3": [WAITING], "f": [WAITING]}
    world = run(chain, outcomes, [(10, "s1"), (20, "s3"), (30, "f")], renew_after=1, last={"f": []})
    assert (begun(world, "s1"), begun(world, "s3"), begun(world, "f")) == ([1, 10], [12, 20], [21, 30])


@given(cases(), st.lists(st.tuples(st.floats(0, 40), st.integers(0, 15)), max_size=12))
@settings(max_examples=120, deadline=None)
def test_no_nudge_changes_what_an_execution_comes_to(case: Case, told: list[tuple[float, int]]) -> None:
    actor = Actor(case)
    actor.world.run(case.work(), nudges=[(at, f"s{number}") for at, number in told])
    (end,) = actor.world.finished
    failed, blocked = expected(case)
    assert (set(end["failed"]), set(end["blocked"]), end["cancelled"]) == (failed, blocked, [])
    assert all(actor.calls[step] == len(case.scripts[step].outcomes) for step in actor.ended)
