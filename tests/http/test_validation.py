"""Validation over the wire, the published schema, and YAML in the place of JSON."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from examples import hosting
from functions.openapi import schemas
from quantum.contract.validation import ValidationReport
from shared.domain.validation.stages import validate
from shared.domain.validation.subject import Context, Sent
from shared.modules.catalogue import BuiltInActions
from shared.security.egress import EgressPolicy
from tests.domain.validation.test_bounds import VALUES
from tests.fakes.approvals import StandingApprovals
from tests.http.harness import World

YAML = {"Content-Type": "application/yaml"}
GOOD = {"steps": [{"id": "a", "action": "assert", "condition": "true"}]}
BAD = {
    "parameters": {"properties": {"unused": {"type": "string"}}},
    "steps": [
        {"id": "a", "action": "asert"},
        {"id": "b", "action": "assert", "condition": "steps.c.outputs.x"},
        {"id": "d", "action": "http-request", "url": "http://169.254.169.254/"},
    ],
}


async def judged(world: World, body: Any, **options: Any) -> dict[str, Any]:
    response = await world.send("viewer", "POST", "/intents/validate", json=body, **options)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_good_intent_is_valid_and_is_not_stored(world: World) -> None:
    found = await judged(world, {"name": "good", "description": "It", "definition": GOOD})
    assert found == {"valid": True, "errors": [], "warnings": []}
    assert await world.names() == []


async def test_all_three_stages_are_told_at_once_and_advice_apart(world: World) -> None:
    found = await judged(world, {"name": "No!", "definition": BAD})
    assert not found["valid"]
    assert [(error["pointer"], error["code"], error["stage"]) for error in found["errors"]] == [
        ("/name", "VALUE", "schema"),
        ("/definition/steps/0/action", "UNKNOWN_ACTION", "schema"),
        ("/definition/steps/1/condition", "UNKNOWN_STEP", "business"),
        ("/definition/steps/2/url", "EGRESS", "security"),
    ]
    assert [(warning["pointer"], warning["code"]) for warning in found["warnings"]] == [
        ("/definition/parameters/properties/unused", "UNUSED"),
        ("/description", "DESCRIPTION"),
        ("/definition/parameters/properties/unused", "DESCRIPTION"),
    ]


async def test_creating_refuses_what_validating_tells(world: World) -> None:
    found = await judged(world, {"name": "bad", "definition": BAD})
    refused = await world.send("author", "POST", "/intents", json={"name": "bad", "definition": BAD})
    assert refused.status_code == 422
    assert refused.json()["errors"] == found["errors"]
    assert await world.names() == []


async def test_an_intent_may_run_another_that_is_there(world: World) -> None:
    await world.intent("other")
    body = {"steps": [{"id": "run", "action": "run-intent", "intent": "other"}]}
    await world.intent("runs", definition=body)
    assert (await world.send("operator", "POST", "/intents/runs/execute")).status_code == 202
    lost = await judged(world, {"definition": {"steps": [{"action": "run-intent", "intent": "nope"}]}})
    assert [error["code"] for error in lost["errors"]] == ["UNKNOWN_INTENT"]


async def test_a_body_of_another_shape_is_400(world: World) -> None:
    shapes: list[Any] = [{}, [], {"definition": []}, {"definition": {}, "name": 1}]
    for body in shapes:
        response = await world.send("viewer", "POST", "/intents/validate", json=body)
        assert response.status_code == 400


async def test_an_intent_named_validate_is_found(world: World) -> None:
    await world.intent("validate")
    assert (await world.send("viewer", "GET", "/intents/validate")).json()["name"] == "validate"


@given(VALUES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_input_is_an_error_of_ours(world: World, value: Any) -> None:
    for body in (value, {"definition": {"steps": [value], "parameters": value}}):
        response = await world.send(
            "viewer", "POST", "/intents/validate", content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert response.status_code in {200, 400}, body
        if response.status_code == 200:
            ValidationReport.model_validate(response.json())


async def test_yaml_says_what_json_says(world: World) -> None:
    text = """
    name: from-yaml
    labels: {enabled: no, on: "1"}   # texts in YAML 1.2
    definition:
      target: &where production
      steps:
        - {id: a, action: assert, condition: "true"}
        - id: b
          action: transform
          outputs: {where: *where, count: 0x10, ratio: 1.5, nothing: ~}
    """
    made = await world.send("author", "POST", "/intents", content=text, headers=YAML)
    assert made.status_code == 201, made.text
    assert made.json()["labels"] == {"enabled": "no", "on": "1"}
    outputs = made.json()["definition"]["steps"][1]["outputs"]
    assert outputs == {"where": "production", "count": 16, "ratio": 1.5, "nothing": None}


@pytest.mark.parametrize("media", ["application/x-yaml", "text/yaml", "application/vnd.quantum+yaml"])
async def test_yaml_by_any_of_its_names_is_taken(world: World, media: str) -> None:
    response = await world.send(
        "viewer", "POST", "/intents/validate", content="definition: {}", headers={"Content-Type": media}
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: 'x", "line 1, column"),
        ("name: a\nname: b", "'name' stands twice in one mapping at line 2, column 1"),
        ("a: !!python/object:os.system ls", "the tag"),
        ("a: .nan", ".nan is not a JSON value at line 1, column 4"),
        ("a: 1e999", "out of range"),
        ("1: a", "a key is a text, not 1"),
        ("? [a]\n: b", "a key is a text"),
        ("<<: {a: 1}", "merge keys"),
        ("a: 1\n---\nb: 2", "a second document begins; send one at line 2"),
        ("[" * 100_00, "nested deeper than 64"),
        ("a: *b", "nothing before it is called &b at line 1, column 4"),
        ("a: &a [*a]", "nothing before it is called &a"),
        ("a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
        ), "with what aliases repeat"),
        ("[" + ", ".join(f"&a{n} x" for n in range(300)) + "]", "anchors"),
        ("# nothing", "this should be a JSON object"),
    ],
)  # fmt: skip
async def test_yaml_that_json_could_not_say_is_refused_with_its_place(
    world: World, text: str, place: str
) -> None:
    response = await world.send("author", "POST", "/intents", content=text, headers=YAML)
    assert response.status_code == 400
    assert place in response.text
    assert await world.names() == []


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"#%@`,? \n\t01.~<"), max_size=60))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_yaml_is_an_error_of_ours(world: World, text: str) -> None:
    response = await world.send("viewer", "POST", "/intents/validate", content=text or " ", headers=YAML)
    assert response.status_code in {200, 400}


async def test_the_schema_is_for_everybody_and_is_not_sent_twice(world: World) -> None:
    first = await world.send(None, "GET", "/schemas/intent.json")
    assert first.headers["content-type"] == "application/schema+json"
    Draft202012Validator.check_schema(first.json())
    again = await world.send(
        None, "GET", "/schemas/intent.json", headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304


async def test_every_intent_of_the_examples_and_the_documentation_fits_the_schema(world: World) -> None:
    served = (await world.send(None, "GET", "/schemas/intent.json")).json()
    schema = Draft202012Validator(served)
    example = json.loads((hosting.ROOT / "examples" / "deploy-web-app.json").read_text())
    for intent in (example, *served["$defs"]["Definition"]["examples"]):
        sent = intent if "name" in intent else {"name": "example", "definition": intent}
        assert list(schema.iter_errors(sent)) == []


ACTIONS = BuiltInActions(egress=EgressPolicy(), approvals=StandingApprovals())
SOME: list[Any] = [
    None,
    True,
    0,
    1,
    1.5,
    -1,
    10**6,
    "",
    "x",
    "${{ target }}",
    "a ${{ 1 }}",
    [],
    ["x"],
    {},
    {"x": 1},
]
LIKELY: dict[str, list[Any]] = {
    "wait": [{"seconds": 1}, {"duration": "1h"}, {"seconds": "${{ parameters.s }}"}],
    "assert": [{"condition": "true"}, {"condition": True, "message": "no"}],
    "transform": [{"value": 1}, {"outputs": {"a": ["${{ target }}"]}}],
    "approval": [
        {"message": "may it go?"},
        {
            "approvers": {"roles": ["admin"], "attributes": {"department": "${{ target }}"}},
            "expires_in": "1d",
        },
        {"required": 2, "allow_self": True, "expires_in": 60, "on_expiry": "approve", "message": "ok?"},
    ],
    "http-request": [
        {"url": "https://example.com", "expect_status": 204},
        {
            "url": "${{ target }}",
            "expect_status": ["2xx", "${{ target }}"],
            "headers": {"a": "${{ target }}"},
        },
        {"url": "https://example.com", "auth": {"scope": "${{ target }}"}, "method": "PUT", "body": [1]},
    ],
    "run-intent": [{"intent": "other", "parameters": {"a": 1}}],
}
KEYWORDS: dict[str, list[Any]] = {
    "id": ["a", "b-1"],
    "depends_on": [[], ["a"]],
    "when": ["true", "target == 'x'"],
    "timeout": [1, 30.5],
    "retry": [{}, {"max_attempts": 3, "backoff": 1.5, "non_retryable": ["X"], "jitter": 1, "budget": 60}],
    "continue_on_error": [True],
}


@st.composite
def likely_steps(draw: st.DrawFn) -> dict[str, Any]:
    """Steps that are good, or nearly: in either form, perhaps with one value of another kind."""
    action = draw(st.sampled_from(sorted(LIKELY)))
    parameters = dict(draw(st.sampled_from(LIKELY[action])))
    for name in draw(st.sets(st.sampled_from(sorted(parameters)), max_size=1)):
        parameters[name] = draw(st.sampled_from(SOME))
    long = draw(st.booleans())
    step: dict[str, Any] = {"action": action, **({"parameters": parameters} if long else parameters)}
    for name in draw(st.sets(st.sampled_from(sorted(KEYWORDS)), max_size=3)):
        step[name] = draw(st.sampled_from(KEYWORDS[name] + (SOME if draw(st.booleans()) else [])))
    if draw(st.integers(0, 9)) == 0:
        step[draw(st.sampled_from(["more", "foreach", "seconds", "parameters"]))] = draw(
            st.sampled_from(SOME)
        )
    return step


@given(st.lists(likely_steps() | VALUES, max_size=2) | VALUES, st.sampled_from(SOME), st.sampled_from(SOME))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
async def test_what_the_schema_refuses_validation_refuses(
    world: World, steps: Any, target: Any, declared: Any
) -> None:
    schema = Draft202012Validator(json.loads(schemas.intent(world.platform.schemas).content))
    for definition in ({"steps": steps}, {"target": target, "parameters": declared}):
        if not validate(Sent(definition), Context(ACTIONS.specs())).errors:
            faults = schema.iter_errors({"name": "a", "definition": definition})
            assert [fault.message for fault in faults] == [], definition
