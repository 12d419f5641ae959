from typing import Any

import pytest

from tests.http.harness import World
from tests.http.test_versions import etag
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


async def patch(world: World, body: dict[str, Any], **options: Any) -> dict[str, Any]:
    response = await world.send("author", "PATCH", "/intents/deploy", json=body, **options)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def execute(world: World) -> Any:
    return await world.send("operator", "POST", "/intents/deploy/execute")


@pytest.mark.parametrize("media", ["application/json", "application/merge-patch+json"])
async def test_a_merge_patch_changes_what_it_names(world: World, media: str) -> None:
    await world.intent("deploy", labels={"team": "web", "tier": "1"}, description="Old")
    body = {"labels": {"tier": None, "stage": "x"}, "description": None}
    changed = await patch(world, body, headers={"Content-Type": media})
    assert (changed["labels"], changed["description"]) == ({"team": "web", "stage": "x"}, "")
    assert (await world.send("viewer", "GET", "/intents/deploy")).json() == changed
    listed = await world.send("viewer", "GET", "/intents?label=stage:x")
    assert [item["name"] for item in listed.json()["items"]] == ["deploy"]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"status": "gone"}, 400, "/status"),
        ({"status": None}, 400, "/status"),
        ({"active_version": None}, 400, "/active_version"),
        ({"definition": {}}, 400, "/definition"),
        ({"labels": {"team": 1}}, 400, "/labels/team"),
        ({"labels": {"": "x"}}, 422, "/labels/"),
        ({"active_version": 2}, 422, "/active_version"),
        ({"successor": "other"}, 422, "/successor"),
        ({"status": "deprecated", "successor": "other"}, 422, "/successor"),
    ],
)
async def test_a_bad_patch_is_refused_with_its_place_and_changes_nothing(
    world: World, body: dict[str, Any], status: int, pointer: str
) -> None:
    first = await world.intent("deploy")
    response = await world.send("author", "PATCH", "/intents/deploy", json=body)
    assert response.status_code == status
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert (await world.send("viewer", "GET", "/intents/deploy")).json() == first


async def test_a_status_that_cannot_follow_is_409_and_says_what_can(world: World) -> None:
    await world.intent("deploy")
    response = await world.send("author", "PATCH", "/intents/deploy", json={"status": "draft"})
    assert (response.status_code, response.json()["code"]) == (409, "CONFLICT")
    assert "deprecated or archived" in response.json()["detail"]


async def test_a_stale_patch_and_a_stale_delete_are_412(world: World) -> None:
    await world.intent("deploy")
    stale = await etag(world)
    await patch(world, {"description": "x"}, headers=stale)
    for method, options in (("PATCH", {"json": {"description": "y"}}), ("DELETE", {})):
        response = await world.send("author", method, "/intents/deploy", headers=stale, **options)
        assert (response.status_code, response.json()["code"]) == (412, "STALE")


async def test_a_draft_is_executed_once_it_is_active(world: World) -> None:
    await world.intent("deploy", status="draft")
    refused = await execute(world)
    assert (refused.status_code, refused.json()["code"]) == (422, "NOT_EXECUTABLE")
    await patch(world, {"status": "active"})
    assert (await execute(world)).status_code == 202


async def test_a_deprecated_intent_says_so_wherever_it_is_used(world: World) -> None:
    await world.intent("deploy")
    await world.intent("newer")
    gone = await patch(world, {"status": "deprecated", "successor": "newer"})
    assert gone["deprecated_at"] is not None
    for response in (await world.send("viewer", "GET", "/intents/deploy"), await execute(world)):
        assert response.headers["deprecation"].startswith("@")
        assert response.headers["deprecation"][1:].isdecimal()
        assert response.headers["link"] == '</api/v1/intents/newer>; rel="successor-version"'
        assert response.json()["successor"] == "newer"
    assert (await patch(world, {"status": "active"}))["successor"] is None
    response = await execute(world)
    assert "deprecation" not in response.headers
    assert "successor" not in response.json()


async def test_an_archived_intent_is_kept_and_can_be_restored(world: World) -> None:
    accepted = await world.execution()
    response = await world.send("author", "DELETE", "/intents/deploy")
    assert (response.status_code, response.content) == (204, b"")
    running = await world.send("viewer", "GET", f"/executions/{accepted}")
    assert running.json()["status"] == "pending"
    assert (await world.send("viewer", "GET", "/intents/deploy")).json()["status"] == "archived"
    assert (await execute(world)).status_code == 422
    taken = await world.send("author", "POST", "/intents", json={"name": "deploy", "definition": {}})
    assert taken.status_code == 409
    closed = await world.send(
        "author", "PUT", "/intents/deploy", json={"definition": {}}, headers={"If-Match": "*"}
    )
    assert (closed.status_code, closed.json()["code"]) == (409, "CONFLICT")
    assert (await patch(world, {"status": "active"}))["status"] == "active"
    assert (await execute(world)).status_code == 202


async def test_a_version_is_not_changed_by_itself(world: World) -> None:
    await world.intent("deploy")
    for method, options in (
        ("PATCH", {"json": {"description": "x"}}),
        ("DELETE", {}),
        ("PUT", {"json": {"definition": {}}, "headers": {"If-Match": "*"}}),
    ):
        response = await world.send("author", method, "/intents/deploy-v1", **options)
        assert response.status_code == 404


async def test_what_others_run_is_kept_and_none_runs_itself_in_a_circle(world: World) -> None:
    def running(name: str) -> dict[str, Any]:
        return {"steps": [{"id": "run", "action": "run-intent", "intent": name}]}

    await world.intent("helper")
    await world.intent("deploy", definition=running("helper"))
    refused = await world.send("author", "DELETE", "/intents/helper")
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert "run by deploy" in refused.json()["detail"]
    circle = await world.send(
        "author",
        "PUT",
        "/intents/helper",
        json={"definition": running("deploy")},
        headers={"If-Match": "*"},
    )
    assert circle.status_code == 422
    (error,) = circle.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/definition/steps/0/intent", "CYCLE")
    missing = await world.send("author", "POST", "/intents", json={"name": "x", "definition": running("y")})
    assert (missing.status_code, missing.json()["errors"][0]["pointer"]) == (
        422,
        "/definition/steps/0/intent",
    )
    warned = await world.send("author", "PATCH", "/intents/helper", json={"status": "deprecated"})
    assert [warning["code"] for warning in warned.json()["warnings"]] == ["REFERENCED"]
