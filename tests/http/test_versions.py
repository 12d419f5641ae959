import asyncio
from typing import Any

import jsonpatch
import pytest

from tests.http.harness import World
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

CHECK = {"id": "check", "action": "assert", "condition": "true"}
WAIT = {"id": "wait", "action": "wait", "seconds": 1}
SECOND = {"steps": [CHECK, WAIT]}


async def etag(world: World, id: str = "deploy") -> dict[str, str]:
    response = await world.send("viewer", "GET", f"/intents/{id}")
    return {"If-Match": response.headers["etag"]}


async def put(world: World, definition: Any, **fields: Any) -> dict[str, Any]:
    response = await world.send(
        "author",
        "PUT",
        "/intents/deploy",
        json={"definition": definition, **fields},
        headers=await etag(world),
    )
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_a_put_makes_a_version_that_the_name_stands_for_from_then_on(world: World) -> None:
    first = await world.intent("deploy")
    response = await world.send(
        "author",
        "PUT",
        "/intents/deploy",
        json={"definition": SECOND, "message": "wait a little", "labels": {"team": "web"}},
        headers=await etag(world),
    )
    made = response.json()
    assert response.status_code == 200
    assert (made["id"], made["version"], made["message"]) == ("deploy-v2", 2, "wait a little")
    assert (made["active_version"], made["latest_version"]) == (2, 2)
    found = await world.send("viewer", "GET", "/intents/deploy")
    assert found.json() == made
    assert found.headers["etag"] == response.headers["etag"]
    old = (await world.send("viewer", "GET", "/intents/deploy-v1")).json()
    assert (old["definition"], old["content_hash"]) == (first["definition"], first["content_hash"])


async def test_a_put_without_if_match_is_428_and_a_stale_one_412(world: World) -> None:
    first = await world.intent("deploy")
    stale = await etag(world)
    await put(world, SECOND)
    for headers, status, code in (
        ({}, 428, "IF_MATCH_REQUIRED"),
        (stale, 412, "STALE"),
        ({"If-Match": '"other"'}, 412, "STALE"),
        ({"If-Match": "W/" + (await etag(world))["If-Match"]}, 412, "STALE"),
    ):
        body = {"definition": first["definition"]}
        response = await world.send("author", "PUT", "/intents/deploy", json=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await world.send("viewer", "GET", "/intents/deploy")).json()["version"] == 2


@pytest.mark.parametrize("given", ["*", '"other", {}'])
async def test_if_match_takes_any_state_or_one_of_several(world: World, given: str) -> None:
    await world.intent("deploy")
    headers = {"If-Match": given.format((await etag(world))["If-Match"])}
    response = await world.send(
        "author", "PUT", "/intents/deploy", json={"definition": SECOND}, headers=headers
    )
    assert response.status_code == 200


async def test_of_many_puts_of_one_state_exactly_one_is_taken(world: World) -> None:
    await world.intent("deploy")
    headers = await etag(world)
    responses = await asyncio.gather(
        *(
            world.send(
                "author",
                "PUT",
                "/intents/deploy",
                json={"definition": {"target": str(number), "steps": [CHECK]}},
                headers=headers,
            )
            for number in range(8)
        )
    )
    assert sorted(response.status_code for response in responses) == [200] + [412] * 7
    assert (await world.send("viewer", "GET", "/intents/deploy")).json()["version"] == 2


async def test_the_same_content_again_is_200_with_the_same_etag(world: World) -> None:
    first = await world.intent("deploy", definition=SECOND)
    before = await etag(world)
    again = await put(world, {"steps": [dict(reversed(CHECK.items())), WAIT | {"seconds": 1.0}]})
    assert again == first
    assert await etag(world) == before


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 400, "/definition"),
        ({"definition": [], "x": 1}, 400, "/x"),
        ({"definition": {}, "activate": "yes"}, 400, "/activate"),
        ({"definition": {}, "message": "x" * 501}, 400, "/message"),
        ({"definition": {"steps": [{"action": "no-such"}]}}, 422, "/definition/steps/0/action"),
        ({"definition": {}, "labels": {"": "x"}}, 422, "/labels/"),
    ],
)
async def test_a_bad_put_is_refused_with_its_place_and_stores_nothing(
    world: World, body: dict[str, Any], status: int, pointer: str
) -> None:
    first = await world.intent("deploy")
    response = await world.send("author", "PUT", "/intents/deploy", json=body, headers=await etag(world))
    assert response.status_code == status
    assert pointer in {error["pointer"] for error in response.json()["errors"]}
    assert (await world.send("viewer", "GET", "/intents/deploy")).json() == first


async def test_a_draft_version_is_pinned_by_its_id_and_not_executed(world: World) -> None:
    await world.intent("deploy")
    draft = await put(world, SECOND, activate=False)
    assert (draft["id"], draft["active_version"]) == ("deploy-v2", 1)
    response = await world.send("operator", "POST", "/intents/deploy-v2/execute")
    assert (response.status_code, response.json()["code"]) == (422, "NOT_EXECUTABLE")
    assert "active_version 2" in response.json()["detail"]
    changed = await world.send("author", "PATCH", "/intents/deploy", json={"active_version": 2})
    assert changed.json()["id"] == "deploy-v2"
    for named in ("deploy-v1", "deploy-v2"):
        accepted = await world.send("operator", "POST", f"/intents/{named}/execute")
        assert accepted.status_code == 202
        execution = await world.send("viewer", "GET", accepted.headers["location"].removeprefix("/api/v1"))
        assert execution.json()["intent_id"] == named


async def test_a_rollback_is_a_new_version_with_the_old_content(world: World) -> None:
    first = await world.intent("deploy")
    await put(world, SECOND)
    response = await world.send(
        "author", "POST", "/intents/deploy/rollback", json={"version": 1, "message": "back"}
    )
    made = response.json()
    assert (response.status_code, made["id"], made["message"]) == (200, "deploy-v3", "back")
    assert (made["definition"], made["content_hash"]) == (first["definition"], first["content_hash"])
    assert response.headers["etag"] == (await etag(world))["If-Match"]


@pytest.mark.parametrize(
    ("body", "status"), [({"version": 3}, 404), ({"version": 0}, 400), ({}, 400), ({"version": "1"}, 400)]
)
async def test_a_rollback_to_what_is_no_version_is_refused(
    world: World, body: dict[str, Any], status: int
) -> None:
    await world.intent("deploy")
    response = await world.send("author", "POST", "/intents/deploy/rollback", json=body)
    assert response.status_code == status


async def test_a_number_with_a_zero_fraction_is_the_integer_it_is_to_json_schema(world: World) -> None:
    await world.intent("deploy")
    await put(world, SECOND, activate=False)
    activated = await world.send("author", "PATCH", "/intents/deploy", json={"active_version": 2.0})
    rolled_back = await world.send("author", "POST", "/intents/deploy/rollback", json={"version": 1.0})
    assert [answer.json()["active_version"] for answer in (activated, rolled_back)] == [2, 3]
    for no_version in (1.5, "1", True, 0, 10**9):
        refused = await world.send("author", "POST", "/intents/deploy/rollback", json={"version": no_version})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/version")


async def test_a_stale_rollback_is_412(world: World) -> None:
    await world.intent("deploy")
    stale = await etag(world)
    await put(world, SECOND)
    response = await world.send(
        "author", "POST", "/intents/deploy/rollback", json={"version": 1}, headers=stale
    )
    assert response.status_code == 412


async def test_the_history_shows_every_version_the_newest_first(world: World) -> None:
    await world.intent("deploy")
    await put(world, SECOND, message="second")
    await put(world, {"steps": [WAIT]}, activate=False)
    page = (await world.send("viewer", "GET", "/intents/deploy/versions?limit=2")).json()
    shown = [(item["id"], item["state"], item["message"]) for item in page["items"]]
    assert shown == [("deploy-v3", "draft", None), ("deploy-v2", "active", "second")]
    rest = await world.send("viewer", "GET", f"/intents/deploy/versions?cursor={page['next_cursor']}")
    assert [(item["version"], item["state"]) for item in rest.json()["items"]] == [(1, "superseded")]
    assert rest.json()["next_cursor"] is None
    one = await world.send("viewer", "GET", "/intents/deploy/versions/3")
    assert one.json()["definition"] == {"steps": [WAIT]}
    assert one.json() == (await world.send("viewer", "GET", "/intents/deploy-v3")).json()


@pytest.mark.parametrize("version", ["0", "2", "-1", "01", "one", "1.0", "99999999999"])
async def test_what_is_no_version_is_404(world: World, version: str) -> None:
    await world.intent("deploy")
    response = await world.send("viewer", "GET", f"/intents/deploy/versions/{version}")
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


async def test_a_diff_is_a_patch_and_words_that_name_the_steps(world: World) -> None:
    first = await world.intent("deploy", definition={"steps": [CHECK]})
    last = await put(world, {"steps": [WAIT, CHECK | {"condition": "1 == 1"}]})
    found = (await world.send("viewer", "GET", "/intents/deploy/diff")).json()
    assert (found["from"], found["to"]) == (1, 2)
    assert jsonpatch.apply_patch(first["definition"], found["patch"]) == last["definition"]
    assert found["text"].split("\n") == [
        "step 'wait' (wait) added to the beginning",
        """step 'check': condition: "true" → "1 == 1\"""",
    ]
    back = (await world.send("viewer", "GET", "/intents/deploy/diff?from=2&to=1")).json()
    assert jsonpatch.apply_patch(last["definition"], back["patch"]) == first["definition"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("to=1", 400), ("from=0", 400), ("from=x", 400), ("from=1&to=2", 404), ("from=1&to=1", 200)],
)
async def test_a_diff_needs_two_versions_that_there_are(world: World, query: str, status: int) -> None:
    await world.intent("deploy")
    response = await world.send("viewer", "GET", f"/intents/deploy/diff?{query}")
    assert response.status_code == status
