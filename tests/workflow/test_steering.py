"""Pausing, resuming and terminating what runs, in every phase and in all that it consists of."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.workflow.cutting import cut
from shared.workflow.work import Work
from tests.workflow.generators import Generators
from tests.workflow.plans import Case, cases
from tests.workflow.test_executions import Actor, expected
from tests.workflow.test_items import Looping
from tests.workflow.world import Attempt, Outcome, Word, World

type Graph = Mapping[str, Sequence[str]]

DONE: Outcome = {"status": "completed"}
FAILED: Outcome = {"status": "failed"}
CHILD: Outcome = {"status": "pending", "delay": 3600, "token": "C", "gives_up": True}
WAITING: Outcome = {"status": "pending", "delay": 100, "token": "job"}
RETRY: Outcome = {"status": "retry", "delay": 100}
GIVEN_UP: Outcome = {"status": "cancelled", "terminated": True}
TERMINATE: Word = {"terminate": True}


def pause(number: int = 1) -> Word:
    return {"pause": number}


def resume(number: int = 2) -> Word:
    return {"resume": number}


def chain(name: str, length: int) -> dict[str, list[str]]:
    return {f"{name}{number}": [f"{name}{number - 1}"] if number else [] for number in range(length)}


def run(
    graph: Graph,
    words: Sequence[tuple[float, str | Word]],
    outcomes: Mapping[str, Sequence[Outcome | None]] | None = None,
    *,
    last: Graph | None = None,
    compensatable: frozenset[str] = frozenset(),
    cancel_at: float | None = None,
    timeout: float | None = None,
    small: int = 30,
    renew_after: int = 12,
    act: Callable[[Mapping[str, Any]], Outcome | None] | None = None,
) -> World:
    """Run it, every activity taking a second; what has no outcomes completes.

    Those of its compensation are under ``undo-`` and its name; ``act`` takes the place of all of them.
    """
    left = {step: list(listed) for step, listed in (outcomes or {}).items()}

    def perform(request: Mapping[str, Any]) -> tuple[float, Outcome | None]:
        if act is not None:
            return 1.0, act(request)
        listed = left.get(("undo-" if request.get("compensates") else "") + request["step"])
        return 1.0, listed.pop(0) if listed else DONE

    nodes = cut(graph, small=small, bundle=4)
    work = Work(
        "acme",
        "E",
        nodes,
        renew_after=renew_after,
        compensatable=compensatable,
        timeout=timeout,
        last=cut(last or {}, first_key=len(nodes), small=small, bundle=4),
    )
    world = World(Generators(), perform)
    world.run(work.to_json(), nudges=words, cancel_at=cancel_at)
    return world


def end_of(world: World) -> Mapping[str, Any]:
    (end,) = world.finished
    assert all(instance.ended for instance in world.instances.values())
    return end


def begun(world: World) -> list[tuple[str, float]]:
    return [(attempt.request["step"], attempt.began) for attempt in world.attempts]


def within(world: World, began: float, ended: float) -> list[Attempt]:
    """The attempts that began in that time."""
    return [attempt for attempt in world.attempts if began <= attempt.began < ended]


def test_what_runs_finishes_and_nothing_else_begins_until_it_is_resumed() -> None:
    world = run(chain("s", 3), [(0.5, pause()), (50, resume())])
    assert begun(world) == [("s0", 0), ("s1", 50), ("s2", 51)]
    assert end_of(world)["status"] == "completed"


def test_what_is_paused_before_it_began_is_still_the_beginning_when_it_goes_on() -> None:
    world = World(Generators(), lambda _request: (1.0, DONE))
    work = Work("acme", "E", cut(chain("s", 2)), paused=True, steered=1)
    world.run(work.to_json(), nudges=[(10, pause(1)), (50, resume(2))])
    assert [attempt.request["first"] for attempt in world.attempts] == [True, False]
    assert begun(world) == [("s0", 50), ("s1", 51)]


@pytest.mark.parametrize("outcome", [WAITING, RETRY])
def test_a_sleep_may_end_while_it_is_paused_and_what_follows_is_held(outcome: Outcome) -> None:
    late = run({"a": []}, [(50, pause()), (150, resume())], {"a": [outcome]})
    assert begun(late) == [("a", 0), ("a", 150)]
    early = run({"a": []}, [(50, pause()), (60, resume())], {"a": [outcome]})
    assert begun(early) == [("a", 0), ("a", 101)]
    meanwhile = run({"a": []}, [(0.5, pause()), (60, resume())], {"a": [outcome]})
    assert begun(meanwhile) == [("a", 0), ("a", 101)]


def test_what_is_nudged_while_it_is_paused_is_asked_when_it_is_resumed() -> None:
    world = run({"a": []}, [(5, pause()), (6, "a"), (10, resume())], {"a": [WAITING]})
    assert begun(world) == [("a", 0), ("a", 10)]


def test_what_begins_to_wait_while_it_is_paused_and_is_nudged_then_is_asked_when_it_is_resumed() -> None:
    words = [(0.5, pause()), (5, {"step": "a"}), (10, resume())]
    world = run({"a": []}, words, {"a": [WAITING, DONE]})
    assert [(attempt.began, attempt.request["token"]) for attempt in world.attempts] == [
        (0, None),
        (10, "job"),
    ]


def test_a_pause_holds_over_the_phases_and_generations() -> None:
    for at in range(9):
        world = run(
            chain("s", 4),
            [(at + 0.5, pause()), (at + 50, resume())],
            {"s2": [WAITING], "s3": [FAILED]},
            last=chain("f", 2),
            compensatable=frozenset({"s0", "s1"}),
            renew_after=2,
        )
        assert within(world, at + 0.5, at + 50) == []
        assert end_of(world)["status"] == "failed"
        undone = [attempt.request["step"] for attempt in world.attempts if "compensates" in attempt.request]
        assert undone == ["s1", "s0"]


def test_a_word_that_comes_late_or_twice_says_nothing() -> None:
    words = [(0.5, pause(1)), (0.6, pause(1)), (5, resume(2)), (5.2, pause(1)), (5.4, resume(2))]
    assert begun(run(chain("s", 3), words)) == [("s0", 0), ("s1", 5), ("s2", 6)]
    overtaken = [(0.5, resume(2)), (0.6, pause(1))]
    assert begun(run(chain("s", 3), overtaken)) == [("s0", 0), ("s1", 1), ("s2", 2)]


def test_a_pause_in_the_first_place_is_ended_by_a_cancellation() -> None:
    world = run(
        chain("s", 3),
        [(1.5, pause())],
        last=chain("f", 1),
        compensatable=frozenset({"s0"}),
        cancel_at=20,
    )
    assert end_of(world)["status"] == "cancelled"
    assert begun(world) == [("s0", 0), ("s1", 1), ("s0", 20), ("f0", 21)]


def test_the_deadline_goes_on_while_it_is_paused() -> None:
    world = run(chain("s", 3), [(0.5, pause())], last=chain("f", 1), timeout=30)
    assert (end_of(world)["status"], end_of(world)["expired"]) == ("cancelled", True)
    assert begun(world) == [("s0", 0), ("f0", 30)]


def test_a_list_is_paused_with_its_items() -> None:
    for count, limit in ((6, 2), (90, 3)):
        for at in (0.5, 1.5, 2.5, 4.5):
            looping = Looping(count, limit)
            end = looping.run(nudges=[(at, pause()), (at + 100, resume())])
            assert end["status"] == "completed"
            assert within(looping.world, at, at + 100) == []
            assert sorted(attempt.request["item"] for attempt in looping.items()) == list(range(count))


@given(cases(), st.integers(0, 30), st.integers(1, 200))
@settings(max_examples=120, deadline=None)
def test_whenever_it_is_paused_it_comes_to_the_same_end(case: Case, at: int, length: int) -> None:
    actor = Actor(case)
    words = [(at + 0.25, pause()), (at + 0.25 + length, resume())]
    actor.world.run(case.work(), nudges=words)
    assert within(actor.world, at + 0.25, at + 0.25 + length) == []
    end = end_of(actor.world)
    failed, blocked = expected(case)
    assert (set(end["failed"]), set(end["blocked"])) == (failed, blocked)


@given(cases(), st.integers(0, 30), st.booleans())
@settings(max_examples=120, deadline=None)
def test_whenever_it_is_terminated_nothing_else_begins_and_every_step_is_accounted_for(
    case: Case, at: int, paused: bool
) -> None:
    actor = Actor(case)
    before: list[tuple[float, str | Word]] = [(at / 2 + 0.25, pause())] if paused else []
    actor.world.run(case.work(), nudges=[*before, (at + 0.75, TERMINATE)])
    end = end_of(actor.world)
    assert within(actor.world, at + 0.75, float("inf")) == []
    if end.get("terminated"):
        assert end["status"] == "cancelled"
        ended = {step for step, _ in actor.ended.items()}
        assert set(case.graph) - ended <= {*end["cancelled"], *end["blocked"]}


@pytest.mark.parametrize("at", [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5])
@pytest.mark.parametrize("small", [30, 0])
def test_it_is_terminated_in_whatever_phase_it_is(at: float, small: int) -> None:
    world = run(
        chain("s", 3),
        [(at, TERMINATE)],
        {"s2": [FAILED]},
        last={**chain("f", 5), **chain("g", 5)},
        compensatable=frozenset({"s0", "s1"}),
        small=small,
    )
    end = end_of(world)
    assert (end["status"], end["terminated"]) == ("cancelled", True)
    assert within(world, at, 1000) == []
    assert end["failed"] == (["s2"] if at > 2 else [])
    ran = {attempt.request["step"] for attempt in world.attempts}
    assert {*end["cancelled"]} == {*chain("s", 3), *chain("f", 5), *chain("g", 5)} - ran
    completed = [step for step, ended in (("s1", 2), ("s0", 1)) if at > ended - 1]
    undone = [attempt.request["step"] for attempt in world.attempts if "compensates" in attempt.request]
    assert end.get("uncompensated", []) == completed[len(undone) :]


def test_what_is_being_cancelled_may_be_terminated() -> None:
    world = run(
        chain("s", 3),
        [(2.5, TERMINATE)],
        last=chain("f", 1),
        compensatable=frozenset({"s0", "s1"}),
        cancel_at=1.5,
    )
    end = end_of(world)
    assert (end["terminated"], end["uncompensated"], end["cancelled"]) == (True, ["s0"], ["s2", "f0"])
    assert begun(world) == [("s0", 0), ("s1", 1), ("s1", 2)]


def test_what_is_terminated_at_last_names_what_could_have_been_undone() -> None:
    undoable = frozenset({"s0", "s1"})
    world = run(chain("s", 2), [(2.5, TERMINATE)], last=chain("f", 2), compensatable=undoable)
    assert end_of(world)["uncompensated"] == ["s1", "s0"]


@pytest.mark.parametrize("renew_after", [1, 12])
def test_what_is_cancelled_while_it_is_paused_stops_what_its_steps_have_begun(renew_after: int) -> None:
    world = run(
        {"a": [], "b": ["a"]},
        [(5, pause())],
        {"a": [CHILD, {"status": "cancelled"}]},
        cancel_at=20,
        renew_after=renew_after,
    )
    asked = [(attempt.began, attempt.request.get("gives_up")) for attempt in world.attempts]
    assert asked == [(0, None), (20, "cancel")]
    assert sorted(end_of(world)["cancelled"]) == ["a", "b"]


def test_a_step_that_gives_up_first_says_that_it_is_terminated() -> None:
    world = run(chain("s", 3), [], {"s1": [GIVEN_UP]}, last=chain("f", 1), compensatable=frozenset({"s0"}))
    end = end_of(world)
    assert (end["status"], end["terminated"], end["cancelled"]) == ("cancelled", True, ["s1", "s2", "f0"])
    assert begun(world) == [("s0", 0), ("s1", 1)]


def test_so_does_one_in_an_orchestration_of_its_own_and_an_item_of_a_list() -> None:
    graph = {**chain("a", 5), **chain("b", 5)}
    world = run(graph, [], {"b2": [GIVEN_UP], "a2": [WAITING]}, last=chain("f", 1), small=0)
    assert len(world.instances) == 3
    assert end_of(world)["terminated"]
    assert within(world, 3.5, 1000) == []
    for count in (6, 90):
        looping = Looping(count, 3, {4: [GIVEN_UP]})
        assert looping.run()["terminated"]
        assert [attempt for attempt in looping.world.attempts if attempt.request["step"] == "after"] == []


@pytest.mark.parametrize("count", [6, 90])
@pytest.mark.parametrize("at", [1.5, 2.5, 3.5, 4.5])
def test_a_list_is_terminated_with_its_items(count: int, at: float) -> None:
    looping = Looping(count, 3, {4: [WAITING]})
    end = looping.run(nudges=[(at, TERMINATE)])
    assert (end["status"], end["terminated"], end["failed"]) == ("cancelled", True, [])
    assert sorted(end["cancelled"]) == ["after", "each"]
    assert within(looping.world, at, 1000) == []


@pytest.mark.parametrize("count", [6, 90])
def test_a_list_that_is_cancelled_before_it_says_which_items_begins_none(count: int) -> None:
    looping = Looping(count, 3)
    assert sorted(looping.run(cancel_at=1.5)["cancelled"]) == ["after", "each"]
    assert looping.items() == []
