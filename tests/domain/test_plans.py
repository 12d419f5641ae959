import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.domain.actions import Taking, Undoing
from shared.domain.definitions import parse_definition
from shared.domain.graphs import topological
from shared.domain.plans import Plan, make_plan
from tests.domain.actions import ACTIONS, errors_of


def plan(*steps: dict[str, Any], **head: Any) -> Plan:
    return make_plan(parse_definition({"steps": list(steps), **head}), actions=ACTIONS)


def edges(of: Plan) -> dict[str, tuple[str, ...]]:
    return {step.id: step.depends_on for step in of.steps}


def test_a_definition_without_edges_runs_top_to_bottom() -> None:
    made = plan({"action": "build"}, {"action": "build"}, {"action": "deploy"})
    assert edges(made) == {"build-1": (), "build-2": ("build-1",), "deploy-3": ("build-2",)}


def test_one_edge_makes_the_rest_independent() -> None:
    made = plan(
        {"id": "a", "action": "build"},
        {"id": "b", "action": "build", "depends_on": ["a"]},
        {"id": "c", "action": "build"},
    )
    assert edges(made) == {"a": (), "b": ("a",), "c": ()}


def test_references_make_edges_wherever_they_stand() -> None:
    made = plan(
        {"id": "a-b", "action": "build"},
        {"id": "c", "action": "build", "image": ["x${{ steps.a-b.outputs.image }}"]},
        {"id": "d", "action": "build", "when": "steps.c.status == 'completed'", "depends_on": ["a-b"]},
        {"id": "e", "action": "check", "condition": "steps['d'].outputs.ok"},
    )
    assert edges(made) == {"a-b": (), "c": ("a-b",), "d": ("a-b", "c"), "e": ("d",)}
    assert made.referenced == {"a-b", "c", "d"}
    assert made.step("d").references == {"c"}


def test_a_bare_condition_is_planned_as_an_expression() -> None:
    assert plan({"action": "check", "condition": "target == 'x'"}).steps[0].parameters == {
        "condition": "${{ target == 'x' }}"
    }


def test_a_plan_has_every_default_spelled_out() -> None:
    (step,) = plan({"action": "deploy"}).steps
    assert (step.timeout, step.retry.max_attempts, step.continue_on_error, step.side_effect) == (
        300,
        1,
        False,
        "idempotent",
    )


def test_a_plan_survives_json_with_its_hash() -> None:
    made = plan({"action": "deploy", "retry": {}, "timeout": 1.5, "when": "target == 'x'"}, target="x")
    again = Plan.from_json(json.loads(json.dumps(made.to_json())))
    assert again == made
    assert again.hash == made.hash
    assert made.hash.startswith("sha256:")


def test_another_plan_has_another_hash() -> None:
    assert plan({"action": "deploy"}).hash != plan({"action": "deploy", "timeout": 5}).hash
    assert plan({"action": "deploy"}).hash == plan({"action": "deploy", "timeout": 300.0}).hash


def test_topological_order_puts_everything_after_what_it_waits_for() -> None:
    order = topological({"d": ["b", "c"], "c": ["a"], "b": ["a"], "a": []})
    assert order.index("a") < order.index("b") < order.index("d")
    assert order.index("c") < order.index("d")


MAKING = {
    **ACTIONS,
    "make": replace(ACTIONS["build"], name="make", offers={"image": "image"}),
    "send": replace(ACTIONS["build"], name="send", offers={"image": "reference"}),
    "run": replace(ACTIONS["build"], name="run", takes={"image": Taking("image", frozenset({"manifests"}))}),
}


def taken(*steps: dict[str, Any], last: Sequence[dict[str, Any]] = ()) -> Plan:
    definition = {"steps": list(steps), "finally": list(last)}
    assert not errors_of(definition, MAKING)
    return make_plan(parse_definition(definition), actions=MAKING)


def test_a_step_takes_what_the_nearest_step_before_it_offers() -> None:
    made = taken({"action": "make"}, {"action": "send"}, {"action": "run"}, {"action": "make"})
    assert made.step("run-3").parameters == {"image": "${{ steps['send-2'].outputs.reference }}"}
    assert made.step("run-3").references == {"send-2"}
    assert edges(made) == {"make-1": (), "send-2": ("make-1",), "run-3": ("send-2",), "make-4": ("run-3",)}


def test_what_a_step_says_itself_or_has_something_in_place_of_is_not_handed_to_it() -> None:
    made = taken({"action": "make"}, {"action": "run", "image": "mine"}, {"action": "run", "manifests": []})
    assert [step.parameters for step in made.steps] == [{}, {"image": "mine"}, {"manifests": []}]


def test_what_is_handed_over_makes_an_edge_in_a_graph() -> None:
    made = taken(
        {"id": "lint", "action": "build"},
        {"id": "image", "action": "make"},
        {"id": "test", "action": "build", "depends_on": ["lint"]},
        {"id": "up", "action": "run"},
        last=[{"id": "again", "action": "run"}],
    )
    assert edges(made) == {"lint": (), "image": (), "test": ("lint",), "up": ("image",)}
    assert made.step("again").references == {"image"}
    assert made.step("again").depends_on == ()


def test_a_step_that_nobody_gives_what_it_needs_is_told_who_could() -> None:
    many = {"action": "make", "foreach": ["a", "b"]}
    (error,) = errors_of({"steps": [many, {"action": "run"}, {"action": "make"}]}, MAKING)
    assert (error.pointer, error.code) == ("/definition/steps/1/image", "REQUIRED")
    assert "put a step with make or send before" in error.message


def test_steps_that_wait_for_what_they_are_to_give_are_a_cycle() -> None:
    give = {"id": "give", "action": "make", "depends_on": ["take"]}
    (error,) = errors_of({"steps": [give, {"id": "take", "action": "run"}]}, MAKING)
    assert error.code == "CYCLE"
    assert "give → take → give" in error.message


UNDOING = {
    **ACTIONS,
    "open": replace(
        ACTIONS["build"], name="open", undone_by=Undoing("shut", {"door": "opened"}, frozenset({"key"}))
    ),
    "shut": replace(ACTIONS["build"], name="shut"),
}


def undone(step: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """What undoes the step, by its plan."""
    made = make_plan(parse_definition({"steps": [{"id": "it", **step}]}), actions=UNDOING)
    undo = made.step("it").compensate
    return None if undo is None else (undo.action, dict(undo.parameters))


def test_what_undoes_an_action_by_itself_stands_in_the_plan() -> None:
    assert undone({"action": "open"}) == ("shut", {"door": "${{ steps['it'].outputs.opened }}"})
    assert undone({"action": "open", "foreach": [1]}) == (
        "shut",
        {"door": "${{ steps['it'].outputs.opened }}"},
    )
    given = {"door": "${{ steps['it'].outputs.opened }}", "key": "${{ parameters.key }}"}
    assert undone({"action": "open", "key": "${{ parameters.key }}"}) == ("shut", given)
    assert undone({"action": "shut"}) is None


def test_a_step_may_say_otherwise_what_undoes_it_or_that_nothing_does() -> None:
    assert undone({"action": "open", "compensate": {"action": "build", "x": 1}}) == ("build", {"x": 1})
    assert undone({"action": "open", "compensate": False}) is None


def test_what_runs_last_is_not_undone() -> None:
    last = {
        "finally": [{"id": "it", "action": "open", "compensate": False}, {"id": "other", "action": "open"}]
    }
    assert not errors_of({"steps": [], **last}, UNDOING)
    made = make_plan(parse_definition(last), actions=UNDOING)
    assert [step.compensate for step in made.last] == [None, None]


def test_a_plan_knows_the_secrets_that_it_may_come_to_and_names_them_only() -> None:
    undone = {"action": "build", "token": "${{ secrets.UNDO }}"}
    made = plan(
        {"id": "a", "action": "build", "headers": {"A": "Bearer ${{ secrets.TOKEN }}"}, "compensate": undone},
        {"id": "b", "action": "build", "said": "secrets.NONE ${{ target }}"},
        **{"finally": [{"id": "c", "action": "build", "key": ["${{ secrets.KEY }}"]}]},
    )
    assert made.secrets == {"TOKEN", "UNDO", "KEY"}
    assert {step.id: step.secrets for step in made.every_step} == {"a": {"TOKEN"}, "b": set(), "c": {"KEY"}}
    assert "Bearer ${{ secrets.TOKEN }}" in json.dumps(made.to_json())
