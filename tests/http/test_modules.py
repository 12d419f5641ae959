"""``GET /modules``: what steps can do, as their authors read it."""

import pytest
from jsonschema import Draft202012Validator

from quantum.contract.modules import Module, ModulePage
from shared.security.permissions import ROLES
from tests.http.harness import World

BUILT_IN = ["containers", "core", "http", "kubernetes"]


@pytest.mark.parametrize("role", ROLES)
async def test_every_member_sees_the_modules_with_their_actions(world: World, role: str) -> None:
    response = await world.send(role, "GET", "/modules")
    page = ModulePage.model_validate(response.json())
    assert [one.name for one in page.items] == BUILT_IN
    assert page.next_cursor is None
    for module in page.items:
        assert module.built_in
        assert all(one.examples for one in module.actions)
        assert [one.name for one in module.actions] == sorted(one.name for one in module.actions)
        assert module.actions


async def test_an_action_is_told_in_full(world: World) -> None:
    response = await world.send("viewer", "GET", "/modules/kubernetes")
    module = Module.model_validate(response.json())
    (deploy,) = [one for one in module.actions if one.name == "deploy-to-kubernetes"]
    assert deploy.side_effect == "compensatable"
    assert deploy.undone_by is not None
    assert deploy.undone_by.action == "undo-deployment"
    assert deploy.takes["image"].kind == "image"
    assert deploy.offers == {"deployment": "deployment"}
    assert {"cancel", "dry_run", "poll"} == set(deploy.supports)
    assert deploy.examples
    for action in module.actions:
        Draft202012Validator.check_schema(action.parameters)
        Draft202012Validator.check_schema(action.outputs)
        assert action.description


async def test_what_only_some_may_complete_says_so(world: World) -> None:
    module = Module.model_validate((await world.send("viewer", "GET", "/modules/core")).json())
    permissions = {one.name: one.permission for one in module.actions}
    assert permissions["approval"] == "executions.approve"
    assert permissions["wait"] == "intents.execute"


async def test_modules_are_listed_a_page_at_a_time(world: World) -> None:
    names: list[str] = []
    params = {"limit": "3"}
    while True:
        page = (await world.send("viewer", "GET", "/modules", params=params)).json()
        names += [one["name"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert names == BUILT_IN
    other = await world.send("eve", "GET", "/modules", params=params)
    assert other.status_code == 400, "a cursor is of one tenant"


async def test_a_module_that_there_is_not_is_not_found(world: World) -> None:
    response = await world.send("viewer", "GET", "/modules/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
