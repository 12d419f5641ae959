from typing import Any

import pytest

from tests.http.harness import World

STEPS = [{"id": "a", "action": "assert", "condition": "true"}]


async def execute(world: World, user: str = "operator") -> dict[str, Any]:
    response = await world.send(user, "POST", "/intents/deploy/execute")
    assert response.status_code == 202, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_one_that_waits_for_its_turn_is_pending_and_says_why(world: World) -> None:
    await world.intent(definition={"steps": STEPS, "concurrency": {"limit": 1}})
    first, second = [(await execute(world))["execution_id"] for _ in range(2)]
    assert list(world.orchestrations.started) == [first]
    shown = (await world.send("viewer", "GET", f"/executions/{second}")).json()
    assert (shown["status"], len(shown["waiting"])) == ("pending", 1)
    told = {name: shown["waiting"][0][name] for name in ("for", "limit", "most", "running", "place")}
    assert told == {"for": "limit", "limit": "intent", "most": 1, "running": 1, "place": 1}
    listed = (await world.send("viewer", "GET", "/executions?status=pending")).json()["items"]
    assert [one["execution_id"] for one in listed] == [second, first]
    assert (await world.send("eve", "GET", f"/executions/{second}")).status_code == 404


async def test_one_that_is_refused_says_when_to_try_again_and_which_limit_it_was(world: World) -> None:
    await world.intent(definition={"steps": STEPS, "concurrency": {"limit": 1, "policy": "refuse"}})
    await execute(world)
    refused = await world.send("operator", "POST", "/intents/deploy/execute")
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (429, "QUOTA_EXCEEDED")
    assert refused.headers["retry-after"] == "10"
    assert problem["violated_policies"] == ["intents/deploy/concurrency"]
    assert "deploy" in problem["detail"]


async def test_a_request_that_is_sent_again_has_one_place_in_the_queue(world: World) -> None:
    await world.intent(definition={"steps": STEPS, "concurrency": {"limit": 1}})
    await execute(world)
    key = {"Idempotency-Key": "k1"}
    made = {
        (await world.send("operator", "POST", "/intents/deploy/execute", headers=key)).json()["execution_id"]
        for _ in range(2)
    }
    assert len(made) == 1
    third = (await execute(world))["execution_id"]
    shown = (await world.send("viewer", "GET", f"/executions/{third}")).json()
    assert shown["waiting"][0]["place"] == 2


async def test_a_tenants_limit_that_is_raised_starts_what_waits(world: World) -> None:
    await world.intent()
    for most in (1, 2):
        settings = {"settings": {"max_concurrent_executions": most}}
        assert (await world.send("admin", "PATCH", "/tenants/acme", json=settings)).status_code == 200
        for _ in range(2):
            await execute(world)
        assert len(world.orchestrations.started) == most


async def test_what_waits_is_cancelled_at_once(world: World) -> None:
    await world.intent(definition={"steps": STEPS, "concurrency": {"limit": 1}})
    await execute(world)
    waits = (await execute(world))["execution_id"]
    response = await world.send("operator", "POST", f"/executions/{waits}/cancel")
    assert (response.status_code, response.json()["status"]) == (202, "cancelled")
    shown = (await world.send("viewer", "GET", f"/executions/{waits}")).json()
    assert [(step["status"], step["started_at"]) for step in shown["steps"]] == [("cancelled", None)]
    assert shown["waiting"] == []


@pytest.mark.parametrize(
    ("concurrency", "pointer"),
    [
        ({"limit": 0}, "/definition/concurrency/limit"),
        ({"limit": "1"}, "/definition/concurrency/limit"),
        ({"limit": 1, "policy": "drop"}, "/definition/concurrency/policy"),
        ({"limit": 1, "group": "x"}, "/definition/concurrency/group"),
        ({}, "/definition/concurrency/limit"),
        (3, "/definition/concurrency"),
    ],
)
async def test_a_limit_that_is_none_is_refused_at_its_place(
    world: World, concurrency: Any, pointer: str
) -> None:
    body = {"name": "deploy", "definition": {"steps": STEPS, "concurrency": concurrency}}
    response = await world.send("author", "POST", "/intents", json=body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_a_plan_shows_the_limit(world: World) -> None:
    await world.intent(definition={"steps": STEPS, "concurrency": {"limit": 3}})
    plan = (await world.send("viewer", "POST", "/intents/deploy/plan")).json()
    assert plan["concurrency"] == {"limit": 3, "policy": "queue"}
