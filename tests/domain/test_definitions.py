from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.definitions import MAX_DEPTH, MAX_STEPS, parse_definition
from tests.domain.actions import errors_of


def found(*steps: Any, **head: Any) -> dict[str, str]:
    """The errors of a definition with these steps: place to code."""
    errors = errors_of({"steps": list(steps), **head})
    return {error.pointer.removeprefix("/definition"): error.code for error in errors}


def message(*steps: Any) -> str:
    errors = errors_of({"steps": list(steps)})
    assert len(errors) == 1
    return errors[0].message


def test_the_tutorials_definition_is_good() -> None:
    assert (
        found(
            {"action": "build", "image": "myapp:1.2.3"},
            {"action": "deploy", "namespace": "production", "replicas": 3},
            target="production",
            version="1.2.3",
            environment="azure-westus",
        )
        == {}
    )


def test_a_definition_needs_no_steps() -> None:
    assert errors_of({"target": "production"}) == []


def test_the_flat_and_the_long_form_say_the_same() -> None:
    flat = parse_definition({"steps": [{"action": "build", "image": "a"}]})
    long = parse_definition({"steps": [{"action": "build", "parameters": {"image": "a"}}]})
    assert flat == long
    assert flat.steps[0].id == "build-1"
    assert flat.steps[0].parameters == {"image": "a"}


def test_every_error_is_found_at_once() -> None:
    assert found(
        {"id": "build", "action": "biuld"},
        {"id": "a", "action": "build", "depends_on": ["biuld", "a"], "timeout": 0},
        {"id": "r", "action": "build", "retry": {"max_attempts": 0}},
        {"id": "a", "action": "build", "when": "steps.nope.status ==", "foreach": "x"},
        "deploy",
        {"id": "-x", "action": "approval", "depends_on": "a", "timeout": "3"},
        {"id": "y", "action": "build", "image": "a", "parameters": {"image": "b"}},
        {"action": "deploy", "replicas": "three"},
        {},
        target=3,
        **{"finally": {}},
    ) == {
        "/target": "TYPE",
        "/finally": "TYPE",
        "/steps/0/action": "UNKNOWN_ACTION",
        "/steps/1/depends_on/0": "UNKNOWN_STEP",
        "/steps/1/depends_on/1": "CYCLE",
        "/steps/1/timeout": "VALUE",
        "/steps/2/retry/max_attempts": "VALUE",
        "/steps/3/id": "DUPLICATE",
        "/steps/3/when": "EXPRESSION",
        "/steps/3/foreach": "FOREACH",
        "/steps/4": "TYPE",
        "/steps/5/id": "VALUE",
        "/steps/5/action": "UNKNOWN_ACTION",
        "/steps/5/depends_on": "TYPE",
        "/steps/5/timeout": "TYPE",
        "/steps/6/parameters/image": "DUPLICATE",
        "/steps/7/replicas": "TYPE",
        "/steps/8": "REQUIRED",
    }


@pytest.mark.parametrize(
    ("step", "place", "code"),
    [
        ({"timeout": 86_401}, "/timeout", "VALUE"),
        ({"timeout": True}, "/timeout", "TYPE"),
        ({"timeout": float("nan")}, "/timeout", "VALUE"),
        ({"retry": {"max_attempts": 101}}, "/retry/max_attempts", "VALUE"),
        ({"retry": {"backoff": 0.5}}, "/retry/backoff", "VALUE"),
        ({"retry": {"attempts": 3}}, "/retry/attempts", "VALUE"),
        ({"retry": 3}, "/retry", "TYPE"),
        ({"continue_on_error": "yes"}, "/continue_on_error", "TYPE"),
        ({"when": ""}, "/when", "VALUE"),
        ({"when": 1}, "/when", "TYPE"),
        ({"id": 5}, "/id", "TYPE"),
        ({"id": "a b"}, "/id", "VALUE"),
        ({"action": 5}, "/action", "TYPE"),
        ({"parameters": []}, "/parameters", "TYPE"),
        ({"compensate": "build"}, "/compensate", "TYPE"),
        ({"compensate": {"action": "build", "when": "true"}}, "/compensate/when", "VALUE"),
        ({"compensate": {"action": "nope"}}, "/compensate/action", "UNKNOWN_ACTION"),
        ({"compensate": {"action": "deploy", "replicas": "x"}}, "/compensate/replicas", "TYPE"),
        (
            {"compensate": {"action": "build", "image": "${{ steps.nope.outputs.x }}"}},
            "/compensate/image",
            "UNKNOWN_STEP",
        ),
        ({"depends_on": ["build-1"] * 1001}, "/depends_on", "VALUE"),
    ],
)
def test_a_bad_keyword_is_told_with_its_place(step: dict[str, Any], place: str, code: str) -> None:
    assert found({"action": "build", **step}).get("/steps/0" + place) == code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("${{ steps.s0.outputs.x }}", "CYCLE"),
        ("${{ steps.nope.outputs.x }}", "UNKNOWN_STEP"),
        ("${{ steps.build-1.result }}", "UNKNOWN_NAME"),
        ("${{ steps }}", "EXPRESSION"),
        ("${{ secrets.TOKEN }}", "SECRET_PLACE"),
        ("${{ item }}", "UNKNOWN_NAME"),
        ("${{ environment }}", "UNKNOWN_NAME"),
        ("${{ parameters.a.map(x, x + y) }}", "UNKNOWN_NAME"),
        ("${{ lower(target) }}", "UNKNOWN_FUNCTION"),
        ("${{ 1 + }}", "EXPRESSION"),
        ("${{ target", "EXPRESSION"),
    ],
)
def test_a_bad_expression_is_told_with_its_place(value: str, code: str) -> None:
    steps = [
        {"id": "s0", "action": "build", "image": {"names": [value]}},
        {"id": "build-1", "action": "build"},
    ]
    assert found(*steps).get("/steps/0/image/names/0") == code


@pytest.mark.parametrize(
    "value",
    [
        "${{ parameters.a.map(x, x + 1) }}",
        "${{ has(parameters.a) && size(target) > 1 }}",
        "a ${{ execution.id }}",
    ],
)
def test_a_good_expression_is_no_error(value: str) -> None:
    assert found({"action": "build", "image": value}) == {}


def test_a_parameter_with_an_expression_is_left_to_run_time() -> None:
    assert found({"action": "deploy", "replicas": "${{ parameters.replicas }}"}) == {}


def test_a_condition_is_an_expression_without_braces() -> None:
    assert found({"action": "check", "condition": "parameters.a == 1"}) == {}
    assert found({"action": "check", "condition": "a =="}) == {"/steps/0/condition": "EXPRESSION"}
    assert found({"action": "check", "parameters": {"condition": "nope"}}) == {
        "/steps/0/parameters/condition": "UNKNOWN_NAME"
    }


def test_cycles_are_named_step_by_step() -> None:
    text = message(
        {"id": "a", "action": "build", "depends_on": ["c"]},
        {"id": "b", "action": "build", "image": "${{ steps.a.outputs.x }}"},
        {"id": "c", "action": "build", "when": "steps.b.status == 'completed'"},
    )
    assert "a → c → b → a" in text


def test_messages_say_what_is_meant_and_how_to_mend_it() -> None:
    assert message(
        {"id": "build", "action": "build"}, {"id": "deploy", "action": "deploy", "depends_on": ["biuld"]}
    ) == ("step 'deploy' depends on 'biuld', which is not a step of this intent; did you mean 'build'?")
    assert message({"action": "deplyo"}) == "there is no action 'deplyo'; did you mean 'deploy'?"


def test_a_derived_id_that_is_taken_is_a_duplicate() -> None:
    assert found({"id": "build-2", "action": "build"}, {"action": "build"}) == {"/steps/1": "DUPLICATE"}


def test_a_definition_of_a_thousand_dense_steps_is_checked_and_one_more_is_refused() -> None:
    steps = [
        {
            "id": f"s{number}",
            "action": "build",
            "depends_on": [f"s{before}" for before in range(max(0, number - 5), number)],
        }
        for number in range(MAX_STEPS)
    ]
    assert found(*steps) == {}
    assert found(*steps, {"action": "build"}) == {"/steps": "TOO_MANY"}


def test_a_long_chain_that_closes_on_itself_is_found() -> None:
    steps = [
        {"id": f"s{number}", "action": "build", "depends_on": [f"s{(number + 1) % 900}"]}
        for number in range(900)
    ]
    assert set(found(*steps).values()) == {"CYCLE"}


def test_a_depth_bomb_is_refused() -> None:
    bomb: Any = "x"
    for _ in range(50_000):
        bomb = [bomb]
    assert found({"action": "build", "image": bomb}) == {"": "TOO_DEEP"}
    nested: Any = "x"
    for _ in range(MAX_DEPTH - 3):
        nested = {"a": nested}
    assert found({"action": "build", "image": nested}) == {}


@pytest.mark.parametrize(
    "raw", [None, [], "x", 1, {"steps": {}}, {"steps": "x"}, {"parameters": []}, {"steps": [None]}]
)
def test_other_shapes_are_refused(raw: Any) -> None:
    assert errors_of(raw)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["a", "build", "${{ steps.a.x }}", "${{"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "action", "depends_on", "when", "retry", "steps", "parameters", "x"]),
            inner,
        )
    ),
    max_leaves=20,
)


@given(JSON, st.lists(JSON, max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_json_is_judged_and_what_passes_can_be_parsed(head: Any, steps: list[Any]) -> None:
    for raw in (head, {"steps": steps}):
        if not errors_of(raw):
            parse_definition(raw)
