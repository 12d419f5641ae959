from typing import Any

import pytest

from tests.http.harness import World
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


async def test_a_created_intent_is_version_one_and_says_where_it_is(world: World) -> None:
    body = {"name": "deploy", "definition": {"target": "prod", "steps": []}, "labels": {"team": "web"}}
    response = await world.send("author", "POST", "/intents", json=body)
    made = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == "/api/v1/intents/deploy-v1"
    assert made["id"] == "deploy-v1"
    assert made["tenant_id"] == "acme"
    assert made["created_by"] == "author@acme"
    assert made["definition"] == body["definition"]
    found = await world.send("viewer", "GET", "/intents/deploy")
    assert found.json() == made
    assert found.headers["etag"] == response.headers["etag"]


@pytest.mark.parametrize("id", ["deploy", "deploy-v1"])
async def test_an_intent_is_found_by_name_and_by_id(world: World, id: str) -> None:
    await world.intent("deploy")
    response = await world.send("viewer", "GET", f"/intents/{id}")
    assert response.json()["id"] == "deploy-v1"


@pytest.mark.parametrize(
    "id", ["deploy-v2", "deploy-v0", "other", "DEPLOY", "deploy-v1-v1", "a%2Fb", "%00", "é"]
)
async def test_what_is_no_intent_is_404(world: World, id: str) -> None:
    await world.intent("deploy")
    response = await world.send("viewer", "GET", f"/intents/{id}")
    assert response.status_code == 404
    assert response.json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize("prefix", ["", "W/", '"other", '])
async def test_a_client_that_has_the_state_gets_304(world: World, prefix: str) -> None:
    await world.intent("deploy")
    etag = (await world.send("viewer", "GET", "/intents/deploy")).headers["etag"]
    response = await world.send("viewer", "GET", "/intents/deploy", headers={"If-None-Match": prefix + etag})
    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["etag"] == etag


async def test_a_client_that_has_another_state_gets_the_intent(world: World) -> None:
    await world.intent("deploy")
    response = await world.send("viewer", "GET", "/intents/deploy", headers={"If-None-Match": '"old"'})
    assert response.status_code == 200


async def test_a_name_that_is_taken_is_409_and_changes_nothing(world: World) -> None:
    first = await world.intent("deploy")
    response = await world.send("author", "POST", "/intents", json={"name": "deploy", "definition": {}})
    assert response.status_code == 409
    assert response.json()["code"] == "CONFLICT"
    assert (await world.send("viewer", "GET", "/intents/deploy")).json() == first


async def test_two_tenants_can_use_one_name(world: World) -> None:
    await world.intent("deploy")
    response = await world.send("eve", "POST", "/intents", json={"name": "deploy", "definition": {}})
    assert response.status_code == 201
    assert response.json()["tenant_id"] == "globex"


async def test_a_definition_that_breaks_rules_is_422_with_every_place(world: World) -> None:
    body: dict[str, Any] = {
        "name": "Bad Name",
        "labels": {"": "x"},
        "definition": {
            "steps": [
                {"id": "a", "action": "no-such-action"},
                {"id": "b", "action": "assert", "condition": "true", "depends_on": ["missing"]},
                {"id": "c", "action": "assert", "condition": "true", "depends_on": ["d"]},
                {"id": "d", "action": "assert", "condition": "true", "depends_on": ["c"]},
            ]
        },
    }
    response = await world.send("author", "POST", "/intents", json=body)
    problem = response.json()
    assert response.status_code == 422
    assert problem["code"] == "VALIDATION_FAILED"
    codes = {error["code"] for error in problem["errors"]}
    assert codes >= {"VALUE", "UNKNOWN_ACTION", "UNKNOWN_STEP", "CYCLE"}
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers >= {"/name", "/labels/", "/definition/steps/0/action"}
    assert await world.names() == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["alpha", "beta", "gamma"]),
        ("sort=-name", ["gamma", "beta", "alpha"]),
        ("sort=-created_at", ["gamma", "beta", "alpha"]),
        ("q=ALPH", ["alpha"]),
        ("q=second", ["beta"]),
        ("q=team:web", ["alpha", "beta"]),
        ("status=draft", ["gamma"]),
        ("label=team:web", ["alpha", "beta"]),
        ("label=team:web&label=tier:1", ["alpha"]),
        ("label=team:we", []),
        ("action=assert", ["alpha", "beta"]),
        ("created_by=author@acme", ["alpha", "beta", "gamma"]),
        ("created_by=nobody@acme", []),
    ],
)
async def test_intents_are_found_by_what_they_are(world: World, query: str, names: list[str]) -> None:
    await world.intent("alpha", labels={"team": "web", "tier": "1"})
    await world.intent("beta", labels={"team": "web"}, description="The Second one")
    await world.intent("gamma", status="draft", definition={})
    response = await world.send("viewer", "GET", f"/intents?{query}")
    assert [item["name"] for item in response.json()["items"]] == names


async def test_a_walk_through_the_pages_meets_every_intent_once(world: World) -> None:
    for number in range(5):
        await world.intent(f"intent-{number}")
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await world.send("viewer", "GET", f"/intents?limit=2{cursor}")).json()
        seen += [item["name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = "&cursor=" + page["next_cursor"]
    assert seen == [f"intent-{number}" for number in range(5)]


async def test_a_cursor_is_good_only_for_its_list_filter_and_tenant(world: World) -> None:
    for name in ("alpha", "beta"):
        await world.intent(name)
    cursor = (await world.send("viewer", "GET", "/intents?limit=1")).json()["next_cursor"]
    altered = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")
    tries = [
        ("viewer", f"/intents?limit=1&cursor={altered}"),
        ("viewer", f"/intents?limit=1&sort=-name&cursor={cursor}"),
        ("viewer", f"/intents?limit=1&q=a&cursor={cursor}"),
        ("viewer", f"/executions?cursor={cursor}"),
        ("eve", f"/intents?limit=1&cursor={cursor}"),
        ("viewer", "/intents?cursor=x"),
        ("viewer", "/intents?cursor="),
        ("viewer", "/intents?cursor=%C3%A9"),
    ]
    for user, path in tries:
        response = await world.send(user, "GET", path)
        assert response.status_code == 400, path
        assert response.json()["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("limit=many", "/query/limit"),
        ("limit=1&limit=2", "/query/limit"),
        ("status=new", "/query/status"),
        ("sort=size", "/query/sort"),
        ("label=team", "/query/label/0"),
        ("label=te%22am:web", "/query/label/0"),
        ("label=team:%00", "/query/label/0"),
        ("label=a:b&label=team", "/query/label/1"),
        ("q=", "/query/q"),
    ],
)
async def test_a_bad_query_value_is_400_with_its_name(world: World, query: str, pointer: str) -> None:
    response = await world.send("viewer", "GET", f"/intents?{query}")
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize("query", ["q=%ff", "&".join(f"label=a:{number}" for number in range(100))])
async def test_an_unreadable_query_is_400(world: World, query: str) -> None:
    assert (await world.send("viewer", "GET", f"/intents?{query}")).status_code == 400
