"""What a retry keeps: what ended well, unless something that runs again stands before it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.definitions import parse_definition
from shared.domain.errors import IrreversibleError, ValidationFailedError
from shared.domain.plans import Plan, make_plan
from shared.domain.retrying import Retrial, has_begun, is_good, kept_of
from tests.domain.actions import ACTIONS

GRAPH = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []}


def plan_of(graph: dict[str, list[str]]) -> Plan:
    steps = [{"id": step, "action": "build", "depends_on": before} for step, before in graph.items()]
    return make_plan(parse_definition({"steps": steps}), actions=ACTIONS)


def test_what_ended_well_is_kept_and_what_depends_on_something_else_is_not() -> None:
    plan = plan_of(GRAPH)
    assert kept_of(plan, set("ace"), ()) == set("ace")
    assert kept_of(plan, set("abcde"), "b") == set("ace")
    assert kept_of(plan, set("abcde"), "a") == {"e"}
    assert kept_of(plan, set("bcde"), ()) == {"e"}


@given(good=st.sets(st.sampled_from("abcde")), again=st.sets(st.sampled_from("abcde")))
def test_nothing_is_kept_that_stands_behind_what_runs_again(good: set[str], again: set[str]) -> None:
    kept = kept_of(plan_of(GRAPH), good, again)
    assert kept <= good - again
    for step in kept:
        assert kept.issuperset(GRAPH[step])
    for step in good - again - kept:
        assert not kept.issuperset(GRAPH[step])


def step(status: str, **fields: Any) -> dict[str, Any]:
    return {"status": status, "error": None, "attempts": 1, "started_at": "2026-01-01T00:00:00Z"} | fields


def test_a_step_that_was_skipped_by_its_condition_ended_well_and_one_that_was_blocked_did_not() -> None:
    assert is_good(step("completed"))
    assert is_good(step("skipped"))
    assert not is_good(step("skipped", error={"code": "BLOCKED"}))
    assert not is_good(step("completed", compensation={"status": "failed"}))
    for status in ("failed", "cancelled", "compensated", "running"):
        assert not is_good(step(status))
    assert not is_good(None)


def test_an_action_has_begun_unless_its_only_attempt_failed_before_it() -> None:
    assert has_begun(step("failed"))
    assert has_begun(step("failed", attempts=2, acted=False))
    assert not has_begun(step("failed", acted=False))
    assert not has_begun(step("cancelled", attempts=0))
    assert not has_begun(None)


def test_names_that_are_no_steps_are_told_with_their_places_all_at_once() -> None:
    plan = plan_of({"build": [], "deploy": ["build"]})
    Retrial("build", ["deploy"]).require_known(plan)
    with pytest.raises(ValidationFailedError) as caught:
        Retrial("biuld", ["deploy", "depoly"]).require_known(plan)
    assert [(one.pointer, one.message) for one in caught.value.errors] == [
        ("/from", "the plan has no step 'biuld'; did you mean 'build'?"),
        ("/repeat_irreversible/1", "the plan has no step 'depoly'; did you mean 'deploy'?"),
    ]
    with pytest.raises(ValidationFailedError) as caught:
        Retrial(["build", "x"]).require_known(plan)
    assert [one.pointer for one in caught.value.errors] == ["/from/1"]


def test_only_what_is_named_is_repeated() -> None:
    Retrial().require_repeatable([])
    Retrial(repeat=True).require_repeatable(["a", "b"])
    Retrial(repeat=["a"]).require_repeatable(["a"])
    with pytest.raises(IrreversibleError, match="'b', 'c'") as caught:
        Retrial(repeat=["a"]).require_repeatable(["a", "b", "c"])
    assert len(caught.value.errors) == 2
