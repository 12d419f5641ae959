"""``POST /intents/{id}/plan``, and executions that are bound to what it showed."""

from typing import Any

import httpx
import pytest

from shared.security.permissions import OPERATIONS
from tests.http.harness import World
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

PARAMETERS = {
    "type": "object",
    "properties": {"region": {"type": "string"}, "count": {"type": "integer", "default": 2}},
    "required": ["region"],
}
DEFINITION = {
    "target": "production",
    "parameters": PARAMETERS,
    "steps": [
        {"id": "look", "action": "transform", "value": {"text": "in ${{ parameters.region }}"}},
        {
            "id": "check",
            "action": "assert",
            "condition": "steps.look.outputs.text != ''",
            "when": "parameters.count > 1",
            "timeout": 20,
            "compensate": {"action": "wait", "seconds": 1},
            "retry": {"max_attempts": 2},
        },
    ],
    "finally": [
        {
            "id": "rest",
            "action": "wait",
            "seconds": "${{ item }}",
            "foreach": "${{ [parameters.count, 1] }}",
        }
    ],
}
WEST: dict[str, Any] = {"parameters": {"region": "west"}}


async def plan(world: World, name: str = "deploy", **body: Any) -> httpx.Response:
    return await world.send("viewer", "POST", f"/intents/{name}/plan", json=body)


async def execute(world: World, **body: Any) -> httpx.Response:
    return await world.send("operator", "POST", "/intents/deploy/execute", json=body)


async def test_a_plan_shows_what_would_be_done_and_stores_nothing(world: World) -> None:
    await world.intent(definition=DEFINITION)
    trail = (await world.send("admin", "GET", "/audit")).json()
    response = await plan(world, **WEST)
    assert response.status_code == 200, response.text
    shown = response.json()
    look, check, rest = shown["graph"]["nodes"]
    assert shown["intent_id"] == "deploy-v1"
    assert shown["parameters"] == {"region": "west", "count": 2}
    assert look["inputs"] == {"value": {"text": "in west"}}
    assert (look["side_effect"], look["permission"], look["holds"]) == ("pure", "intents.execute", True)
    assert check["inputs"] == {"condition": "${{ steps.look.outputs.text != '' }}"}
    assert check["unresolved"] == [{"pointer": "/condition", "steps": ["look"]}]
    assert (check["timeout"], check["retry"]["max_attempts"], check["holds"]) == (20, 2, True)
    assert (check["foreach"], rest["foreach"]["items"]) == (None, [2, 1])
    assert rest["foreach"]["concurrency"] >= 1
    assert (look["compensate"], check["compensate"]["inputs"]) == (None, {"seconds": 1})
    assert (rest["section"], rest["inputs"]) == ("finally", {"seconds": "${{ item }}"})
    assert shown["graph"]["edges"] == [{"from": "look", "to": "check"}]
    assert shown["order"] == [["look"], ["check"], ["rest"]]
    assert (shown["warnings"], shown["blockers"]) == ([], [])
    assert (await world.send("admin", "GET", "/audit")).json() == trail
    assert (await world.send("viewer", "GET", "/executions")).json()["items"] == []
    assert world.orchestrations.started == {}


async def test_an_execution_has_the_hash_of_its_plan(world: World) -> None:
    await world.intent(definition=DEFINITION)
    reviewed = (await plan(world, **WEST)).json()["plan_hash"]
    accepted = await execute(world, **WEST, plan_hash=reviewed)
    assert accepted.status_code == 202, accepted.text
    run = (await world.send("viewer", "GET", accepted.json()["links"]["self"].removeprefix("/api/v1"))).json()
    assert run["plan_hash"] == reviewed


async def test_a_plan_that_is_stale_is_not_executed(world: World) -> None:
    await world.intent(definition=DEFINITION)
    reviewed = (await plan(world, **WEST)).json()["plan_hash"]
    other = await execute(world, parameters={"region": "east"}, plan_hash=reviewed)
    assert (other.status_code, other.json()["code"]) == (412, "STALE")
    changed: Any = {"definition": {**DEFINITION, "target": "staging"}}
    put = await world.send("author", "PUT", "/intents/deploy", json=changed, headers={"If-Match": "*"})
    assert put.is_success
    refused = await execute(world, **WEST, plan_hash=reviewed)
    assert (refused.status_code, refused.json()["code"]) == (412, "STALE")
    assert "/intents/deploy/plan" in refused.json()["detail"]
    assert world.orchestrations.started == {}
    pinned = await world.send(
        "operator", "POST", "/intents/deploy-v1/execute", json={**WEST, "plan_hash": reviewed}
    )
    assert pinned.status_code == 202


async def test_an_id_is_planned_as_exactly_that_version(world: World) -> None:
    await world.intent(definition=DEFINITION)
    changed: Any = {"definition": {**DEFINITION, "target": "staging"}, "activate": False}
    await world.send("author", "PUT", "/intents/deploy", json=changed, headers={"If-Match": "*"})
    shown = [(await plan(world, name, **WEST)).json() for name in ("deploy", "deploy-v1", "deploy-v2")]
    assert [one["intent_id"] for one in shown] == ["deploy-v1", "deploy-v1", "deploy-v2"]
    assert [one["target"] for one in shown] == ["production", "production", "staging"]
    assert shown[0]["plan_hash"] == shown[1]["plan_hash"] != shown[2]["plan_hash"]
    assert [len(one["blockers"]) for one in shown] == [0, 0, 1]
    assert "activate" in shown[2]["blockers"][0]["message"]


async def test_a_draft_can_be_planned_and_an_archived_intent_cannot(world: World) -> None:
    await world.intent(definition=DEFINITION, status="draft")
    draft = (await plan(world, **WEST)).json()
    assert [one["code"] for one in draft["blockers"]] == ["NOT_EXECUTABLE"]
    assert (await execute(world, **WEST)).status_code == 422
    await world.send("author", "PATCH", "/intents/deploy", json={"status": "active"})
    assert (await execute(world, **WEST, plan_hash=draft["plan_hash"])).status_code == 202
    await world.send("author", "DELETE", "/intents/deploy")
    archived = await plan(world, **WEST)
    assert (archived.status_code, archived.json()["code"]) == (422, "NOT_EXECUTABLE")


async def test_a_plan_says_why_it_would_not_be_executed(world: World) -> None:
    await world.intent("empty", definition={})
    assert [one["code"] for one in (await plan(world, "empty")).json()["blockers"]] == ["NOT_EXECUTABLE"]
    await world.intent(definition=DEFINITION)
    forbidden: Any = {"settings": {"forbidden_actions": ["wait"]}}
    assert (await world.send("admin", "PATCH", "/tenants/acme", json=forbidden)).is_success
    (blocker,) = (await plan(world, **WEST)).json()["blockers"]
    assert "forbid the action 'wait'" in blocker["message"]
    assert (await execute(world, **WEST)).status_code == 422


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"parameters": {}}, 422, "/parameters/region"),
        ({"parameters": {"region": "west", "count": "many"}}, 422, "/parameters/count"),
        ({"parameters": []}, 400, "/parameters"),
        ({"plan_hash": "x"}, 400, "/plan_hash"),
    ],
)
async def test_parameters_that_do_not_fit_are_refused(
    world: World, body: Any, status: int, pointer: str
) -> None:
    await world.intent(definition=DEFINITION)
    response = await plan(world, **body)
    assert response.status_code == status
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_a_hash_that_is_none_is_refused(world: World) -> None:
    await world.intent()
    response = await execute(world, plan_hash="md5:1")
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == ["/plan_hash"]


async def test_who_may_look_may_plan_and_nobody_else(world: World) -> None:
    await world.intent()
    anonymous = await world.send(None, "POST", "/intents/deploy/plan")
    other = await world.send("eve", "POST", "/intents/deploy/plan")
    assert (anonymous.status_code, other.status_code) == (401, 404)
    assert (await world.send("viewer", "POST", "/intents/deploy/plan")).status_code == 200


async def test_hundreds_of_steps_are_planned(world: World) -> None:
    step = {"action": "assert", "condition": "parameters.ok"}
    steps = [{"id": f"s{i}", **step, "depends_on": [f"s{i - 1}"] if i % 10 else []} for i in range(500)]
    await world.intent("long", definition={"steps": steps})
    shown = (await plan(world, "long", parameters={"ok": True})).json()
    graph = shown["graph"]
    assert (len(graph["nodes"]), len(graph["edges"]), len(shown["order"])) == (500, 450, 10)
    assert graph["nodes"][499]["inputs"] == {"condition": True}


async def test_a_plan_shows_which_version_a_step_would_execute(world: World) -> None:
    await world.intent("other", status="draft")
    steps = [
        {"id": "named", "action": "run-intent", "intent": "other"},
        {"id": "pinned", "action": "run-intent", "intent": "other-v1"},
        {
            "id": "not",
            "action": "wait",
            "seconds": 1,
            "compensate": {"action": "run-intent", "intent": "other"},
        },
    ]
    await world.intent(definition={"steps": steps})
    named, pinned, rest = (await plan(world)).json()["graph"]["nodes"]
    child = {"intent_id": "other-v1", "status": "draft"}
    assert (named["runs"], pinned["runs"]) == (child, child)
    assert (rest["runs"], rest["compensate"]["runs"]) == (None, child)


async def test_a_plan_says_what_must_be_permitted_and_how_long_all_of_it_may_take(world: World) -> None:
    steps = [{"id": "ask", "action": "approval"}, {"id": "go", "action": "assert", "condition": "true"}]
    await world.intent(definition={"steps": steps, "timeout": 3600})
    shown = (await plan(world)).json()
    assert [node["permission"] for node in shown["graph"]["nodes"]] == [
        "executions.approve",
        "intents.execute",
    ]
    assert {node["permission"] for node in shown["graph"]["nodes"]} < OPERATIONS
    assert shown["timeout"] == 3600
