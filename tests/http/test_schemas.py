"""The JSON Schema of intents, with the actions of a tenant's own modules."""

import json
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.http.harness import World
from tests.http.modules import MODULE

STEP = {"id": "scan", "action": "scanner/scan", "image": "shop:1"}


async def schema(world: World, user: str = "author") -> Draft202012Validator:
    response = await world.send(user, "GET", "/schemas/tenant/intent.json")
    assert response.status_code == 200, response.text
    return checked(response.content)


@cache
def checked(content: bytes) -> Draft202012Validator:
    """To ask whether it is a schema at all takes a quarter of a second."""
    Draft202012Validator.check_schema(json.loads(content))
    return Draft202012Validator(json.loads(content))


async def put(world: World, parameters: dict[str, Any] | None = None) -> None:
    scan = MODULE["manifest"]["actions"]["scan"]
    changed = scan | ({"parameters": parameters, "takes_secrets": []} if parameters else {})
    manifest = MODULE["manifest"] | {"actions": {"scan": changed}}
    response = await world.send("admin", "PUT", "/modules/scanner", json=MODULE | {"manifest": manifest})
    assert response.is_success, response.text


def intent(step: dict[str, Any]) -> dict[str, Any]:
    return {"name": "checks", "definition": {"steps": [step]}}


async def refused(world: World, step: dict[str, Any]) -> bool:
    """What validation says."""
    response = await world.send("author", "POST", "/intents/validate", json=intent(step))
    return not response.json()["valid"]


@pytest.mark.parametrize(
    ("step", "fits"),
    [
        (STEP, True),
        (STEP | {"depth": 2}, True),
        (STEP | {"depth": "${{ 1 + 1 }}"}, True),
        ({"id": "scan", "action": "scanner/scan", "parameters": {"image": "shop:1", "depth": 2}}, True),
        ({"id": "wait", "action": "wait", "seconds": 1}, True),
        (STEP | {"depth": 10}, False),
        (STEP | {"depht": 2}, False),
        ({"id": "scan", "action": "scanner/scan"}, False),
        ({"id": "scan", "action": "scanner/scan", "parameters": {"depth": 2}}, False),
        (STEP | {"action": "scanner/scam"}, False),
    ],
)
async def test_a_step_with_an_action_of_the_tenants_own_is_completed_and_underlined(
    world: World, step: dict[str, Any], *, fits: bool
) -> None:
    await put(world)
    assert (await schema(world)).is_valid(intent(step)) is fits
    assert await refused(world, step) is not fits


async def test_another_tenant_has_its_own(world: World) -> None:
    await put(world)
    assert not (await schema(world, "eve")).is_valid(intent(STEP))


async def test_who_has_it_is_told_so_until_a_module_changes(world: World) -> None:
    path = "/schemas/tenant/intent.json"
    before = (await world.send("author", "GET", path)).headers["etag"]
    again = await world.send("author", "GET", path, headers={"If-None-Match": before})
    assert again.status_code == 304
    await put(world)
    changed = await world.send("author", "GET", path, headers={"If-None-Match": before})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ({"oneOf": [{"type": "object", "properties": {"n": {"type": "integer"}}}]}, {"n": "${{ 1 }}"}),
        ({"not": {"type": "string"}}, "${{ 1 }}"),
        ({"type": "array", "items": {"type": "integer"}}, [1, "${{ 1 }}"]),
        ({"enum": ["a", "b"]}, "${{ parameters.which }}"),
    ],
)
async def test_what_a_module_says_that_expressions_may_break_is_left_to_validation(
    world: World, told: dict[str, Any], value: Any
) -> None:
    await put(world, {"type": "object", "properties": {"image": told}, "required": ["image"]})
    step = STEP | {"image": value}
    assert (await schema(world)).is_valid(intent(step))


async def test_parameters_that_are_called_as_keywords_stand_in_parameters(world: World) -> None:
    named = {"timeout": {"type": "string"}, "anything": {"type": "string"}}
    await put(world, {"type": "object", "properties": named, "additionalProperties": False})
    step = {"id": "scan", "action": "scanner/scan"}
    found = await schema(world)
    assert found.is_valid(intent(step | {"timeout": 5, "parameters": {"timeout": "long"}}))
    assert not found.is_valid(intent(step | {"timeout": "long"}))
