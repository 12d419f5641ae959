import re

import pytest
from jsonschema import Draft202012Validator

from shared.domain.steps import ACTION_NAME, parameters_of
from shared.domain.templates import has_template
from shared.modules.catalogue import BuiltInActions
from shared.security.egress import EgressPolicy
from tests.domain.actions import errors_of
from tests.fakes.approvals import StandingApprovals


@pytest.fixture(scope="module")
def catalogue() -> BuiltInActions:
    return BuiltInActions(egress=EgressPolicy(), approvals=StandingApprovals())


def test_every_action_is_described_in_full(catalogue: BuiltInActions) -> None:
    assert {action.name for action in catalogue.actions()} == {
        *("wait", "assert", "transform", "approval", "run-intent", "http-request"),
        *("push-to-registry", "restore-tags"),
        *("deploy-to-kubernetes", "undo-deployment", "verify-deployment"),
    }
    for action in catalogue.actions():
        assert re.fullmatch(ACTION_NAME, action.name)
        assert action.__doc__
        assert action.Parameters.model_json_schema()["type"] == "object"
        assert action.Outputs.model_json_schema()["type"] == "object"
        assert catalogue.action(action.name) is action
        assert catalogue.specs()[action.name].side_effect == action.side_effect


def test_what_is_shown_with_a_secret_takes_secrets(catalogue: BuiltInActions) -> None:
    for action in catalogue.actions():
        properties = action.Parameters.model_json_schema()["properties"]
        shown = {name for name, schema in properties.items() if "secret" in str(schema).lower()}
        assert shown == action.takes_secrets, action.name
        assert catalogue.specs()[action.name].takes_secrets == action.takes_secrets


def test_every_action_has_examples_that_fit_it(catalogue: BuiltInActions) -> None:
    for action in catalogue.actions():
        assert action.examples, action.name
        validator = Draft202012Validator(action.Parameters.model_json_schema())
        free = action.conditions
        for example in action.examples:
            # What other steps would have to give is all that an example leaves open.
            errors = errors_of({"steps": [example]}, catalogue.specs())
            assert {one.code for one in errors} <= {"UNKNOWN_STEP"}, (action.name, errors)
            given = parameters_of(example)
            names = [name for name, value in given.items() if name in free or has_template(str(value))]
            wrong = [one.message for one in validator.iter_errors(given) if one.absolute_path[0] not in names]
            assert not wrong, action.name


def test_every_action_is_of_a_module_that_is_described(catalogue: BuiltInActions) -> None:
    assert {action.module for action in catalogue.actions()} <= catalogue.modules().keys()


def test_an_unknown_action_is_a_lookup_error(catalogue: BuiltInActions) -> None:
    with pytest.raises(LookupError):
        catalogue.action("nope")


def test_what_is_wrong_with_parameters_is_told_where_it_was_written(catalogue: BuiltInActions) -> None:
    errors = errors_of(
        {
            "steps": [
                {"action": "http-request", "method": "FETCH", "headers": {"Host": "x"}, "speed": 1},
                {"action": "http-request", "parameters": {"url": "nope", "expect_status": ["9xx", 200]}},
                {"action": "wait"},
                {"action": "assert"},
                {
                    "action": "http-request",
                    "url": "${{ parameters.url }}",
                    "method": "${{ parameters.verb }}",
                },
                {
                    "action": "http-request",
                    "url": "http://x.y",
                    "expect_status": ["${{ parameters.status }}"],
                },
                {"action": "assert", "condition": "target == 'production'"},
                {"action": "wait", "seconds": "${{ parameters.pause }}"},
            ]
        },
        catalogue.specs(),
    )
    places = {error.pointer.removeprefix("/definition/steps"): error.code for error in errors}
    assert places == {
        "/0/method": "VALUE",
        "/0/url": "REQUIRED",
        "/0/headers": "VALUE",
        "/0/speed": "UNKNOWN_PARAMETER",
        "/1/parameters/url": "VALUE",
        "/1/parameters/expect_status/0": "VALUE",
        "/2": "VALUE",
        "/3/condition": "REQUIRED",
    }
