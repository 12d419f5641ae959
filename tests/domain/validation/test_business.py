from typing import Any

import pytest

from shared.domain.validation.stages import validate
from shared.domain.validation.subject import MAX_TARGETS, Context, Sent, Target
from tests.domain.actions import ACTIONS
from tests.domain.validation.looks import errors, report, warnings


def knowing(**targets: Target) -> Context:
    """Validation that knows these intents."""
    return Context(ACTIONS, intents=targets)


def running(name: Any) -> dict[str, Any]:
    return {"id": "run", "action": "run-intent", "intent": name}


@pytest.mark.parametrize("condition", ["false", "1 > 2", "${{ false }}", "size('') > 0"])
def test_a_step_that_is_switched_off_is_a_warning(condition: str) -> None:
    off = {"id": "a", "action": "build", "when": condition}
    assert errors(off) == {}
    assert warnings(off) == {"/steps/0/when": "UNREACHABLE"}


@pytest.mark.parametrize("condition", ["true", "target == 'x'", "parameters.go", "1 == 1"])
def test_a_step_whose_condition_may_hold_is_reachable(condition: str) -> None:
    may_run = {"id": "a", "action": "build", "when": condition}
    assert errors(may_run) == {}
    assert "/steps/0/when" not in warnings(may_run)


def test_who_needs_the_outputs_of_an_unreachable_step_is_told_and_who_only_follows_it_is_not() -> None:
    assert errors(
        {"id": "never", "action": "build", "when": "false"},
        {"id": "needs", "action": "build", "image": "${{ steps.never.outputs.image }}"},
        {"id": "follows", "action": "build", "depends_on": ["never"]},
        {"id": "looks", "action": "build", "when": "steps.never.status == 'skipped'"},
    ) == {"/steps/1/image": "UNREACHABLE"}


def test_a_step_that_could_be_tried_for_more_than_a_month_is_over_its_budget() -> None:
    day = {"id": "a", "action": "build", "timeout": 86_400}
    assert errors(day | {"retry": {"max_attempts": 29, "max_interval": 60}}) == {}
    assert errors(day | {"retry": {"max_attempts": 31}}) == {"/steps/0/retry": "BUDGET"}
    long = {"max_attempts": 40, "initial_interval": 86_400, "max_interval": 86_400}
    assert errors({"id": "a", "action": "build", "retry": long}) == {"/steps/0/retry": "BUDGET"}
    assert errors({"id": "a", "action": "build", "retry": long | {"budget": 86_400}}) == {}


def test_a_wait_that_its_own_limit_cuts_short_is_a_warning() -> None:
    retry = {"max_attempts": 3, "initial_interval": 120, "max_interval": 60}
    found = warnings({"id": "a", "action": "build", "retry": retry})
    assert found == {"/steps/0/retry/initial_interval": "BUDGET"}


def test_a_budget_that_is_over_before_a_second_attempt_is_a_warning() -> None:
    retry = {"initial_interval": 60, "jitter": 0.5, "budget": 30}
    step = {"id": "a", "action": "build"}
    assert warnings(step | {"retry": retry}) == {"/steps/0/retry/budget": "BUDGET"}
    assert warnings(step | {"retry": retry | {"budget": 31}}) == {}


def declared(*names: str, closed: bool = False) -> dict[str, Any]:
    properties = {name: {"type": "string", "description": "It"} for name in names}
    return {"type": "object", "properties": properties, **({"additionalProperties": False} if closed else {})}


@pytest.mark.parametrize(
    "use", ["${{ parameters.regoin }}", "${{ parameters['regoin'] }}", "a ${{ size(parameters . regoin) }}"]
)
def test_an_undeclared_parameter_is_an_error_where_no_others_may_be_given_and_else_a_warning(
    use: str,
) -> None:
    step = {"id": "a", "action": "build", "image": use, "region": "${{ parameters.region }}"}
    place = {"/steps/0/image": "UNKNOWN_PARAMETER"}
    assert errors(step, parameters=declared("region", closed=True)) == place
    assert errors(step, parameters=declared("region")) == {}
    assert warnings(step, parameters=declared("region")) == place
    assert warnings(step) == {}
    found = report(step, parameters=declared("region", closed=True)).errors[0]
    assert "did you mean 'region'?" in found.message


def test_a_name_within_a_text_or_behind_a_dot_is_no_parameter() -> None:
    step = {"action": "build", "image": "${{ 'parameters.a' + string(steps.b.outputs.parameters.c) }}"}
    assert errors(step, {"id": "b", "action": "build"}, parameters=declared(closed=True)) == {}


def test_a_declared_parameter_that_nobody_uses_is_a_warning() -> None:
    step = {"action": "build", "image": "${{ parameters.image }}"}
    found = warnings(step, parameters=declared("image", "size"))
    assert found == {"/parameters/properties/size": "UNUSED"}
    anything = {"action": "build", "image": "${{ parameters }}"}
    assert warnings(anything, parameters=declared("image", "size")) == {}


def test_what_has_no_description_is_a_warning() -> None:
    definition = {
        "parameters": {"properties": {"a": {"type": "string"}, "b": {"description": "It"}}},
        "steps": [{"action": "build", "image": "${{ parameters.a + parameters.b }}"}],
    }
    found = validate(Sent(definition, description=" "), Context(ACTIONS)).warnings
    assert [(warning.pointer, warning.code, warning.stage) for warning in found] == [
        ("/description", "DESCRIPTION", "business"),
        ("/definition/parameters/properties/a", "DESCRIPTION", "business"),
    ]
    assert len(validate(Sent(definition), Context(ACTIONS)).warnings) == 1


@pytest.mark.parametrize(
    ("target", "errors_found", "warnings_found"),
    [
        (Target("active"), {}, {}),
        (Target(None), {"/steps/0/intent": "UNKNOWN_INTENT"}, {}),
        (Target("archived"), {"/steps/0/intent": "ARCHIVED"}, {}),
        (Target("draft"), {}, {"/steps/0/intent": "DRAFT"}),
        (Target("deprecated", "newer"), {}, {"/steps/0/intent": "DEPRECATED"}),
    ],
)
def test_what_an_intent_runs_must_be_there_and_is_best_in_use(
    target: Target, errors_found: dict[str, str], warnings_found: dict[str, str]
) -> None:
    context = knowing(other=target)
    ours = {
        place: code for place, code in errors(running("other"), context=context).items() if "intent" in place
    }
    assert ours == errors_found
    assert warnings(running("other"), context=context) == warnings_found


@pytest.mark.parametrize("name", ["${{ parameters.which }}", "Not A Name", "a-v0-v1"])
def test_what_an_intent_runs_is_written_out(name: str) -> None:
    assert errors(running(name))["/steps/0/intent"] == "REFERENCE"


def test_an_intent_does_not_run_itself() -> None:
    found = validate(Sent({"steps": [running("loop-v2")]}, name="loop"), Context(ACTIONS)).errors
    assert ("/definition/steps/0/intent", "CYCLE") in [(error.pointer, error.code) for error in found]


def test_an_intent_runs_only_so_many_others() -> None:
    steps = [running(f"other-{number}") | {"id": f"r{number}"} for number in range(MAX_TARGETS + 1)]
    assert errors(*steps)["/steps"] == "TOO_MANY"
