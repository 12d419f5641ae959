"""Finding intents over HTTP: words, filters, sorts, facets and cursors."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantum.contract.intents import IntentPage
from tests.http.harness import World
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

STEPS = [{"id": "a", "action": "assert", "condition": "true"}]
TRANSFORM = [{"id": "a", "action": "transform", "value": 1}, *({**STEPS[0], "id": "b"},)]


async def shelve(world: World) -> None:
    await world.intent("billing-deploy", labels={"team": "web", "tier": "1"}, description="Puts it There")
    await world.intent("billing-check", labels={"team": "web"}, definition={"steps": TRANSFORM})
    await world.intent("shipping", labels={"team": "ops"}, status="draft", definition={"steps": []})
    stranger = {"name": "foreign", "definition": {"steps": STEPS}, "labels": {"team": "web"}}
    assert (await world.send("eve", "POST", "/intents", json=stranger)).status_code == 201


async def page(world: World, query: str, user: str = "viewer") -> dict[str, Any]:
    response = await world.send(user, "GET", f"/intents?{query}")
    assert response.status_code == 200, response.text
    IntentPage.model_validate(response.json())
    return dict(response.json())


async def names(world: World, query: str, user: str = "viewer") -> list[str]:
    return [item["name"] for item in (await page(world, query, user))["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=there+BILLING", ["billing-deploy"]),
        ("q=billing", ["billing-check", "billing-deploy"]),
        ("q=bill+ship", []),
        ("q=transform", ["billing-check"]),
        ("q=web", ["billing-check", "billing-deploy"]),
        ("q=tier:1", ["billing-deploy"]),
        ("q=+p++pp+", ["shipping"]),
        ("q=s%20there", ["billing-deploy"]),
        ("q=g-d", ["billing-deploy"]),
        ("q=nowhere", []),
        ("q=zz", []),
        ("label=team:web&action=transform", ["billing-check"]),
        ("label=team:web&status=draft", []),
        (
            "q=billing&label=team:web&action=assert&status=active&sort=-name",
            ["billing-deploy", "billing-check"],
        ),
        ("updated_since=2024-01-04T10:00:00Z", ["billing-check", "billing-deploy", "shipping"]),
        ("updated_since=2999-01-04T10:00:00%2B01:00", []),
        ("sort=-updated_at", ["shipping", "billing-check", "billing-deploy"]),
        ("sort=created_at", ["billing-deploy", "billing-check", "shipping"]),
    ],
)
async def test_words_and_filters_combine(world: World, query: str, expected: list[str]) -> None:
    await shelve(world)
    assert await names(world, query) == expected


async def test_an_intent_is_found_by_what_it_is_now(world: World) -> None:
    await shelve(world)
    change = {"labels": {"team": "data"}, "description": "Reworked"}
    assert (await world.send("author", "PATCH", "/intents/shipping", json=change)).status_code == 200
    assert await names(world, "label=team:ops") == []
    assert await names(world, "label=team:data&q=reworked") == ["shipping"]
    assert (await world.send("author", "DELETE", "/intents/billing-check")).status_code == 204
    assert await names(world, "status=active") == ["billing-deploy"]
    assert await names(world, "status=archived&q=transform") == ["billing-check"]


async def test_facets_count_what_the_filter_matches_whatever_the_page(world: World) -> None:
    await shelve(world)
    found = await page(world, "limit=1&facets=status&facets=label&facets=action&facets=created_by")
    assert len(found["items"]) == 1
    assert found["facets"] == {
        "status": {"values": [{"value": "active", "count": 2}, {"value": "draft", "count": 1}], "more": 0},
        "label": {
            "values": [
                {"value": "team:web", "count": 2},
                {"value": "team:ops", "count": 1},
                {"value": "tier:1", "count": 1},
            ],
            "more": 0,
        },
        "action": {
            "values": [{"value": "assert", "count": 2}, {"value": "transform", "count": 1}],
            "more": 0,
        },
        "created_by": {"values": [{"value": "author@acme", "count": 3}], "more": 0},
    }
    some = await page(world, "q=check&facets=action&facets=action")
    ones = [{"value": "assert", "count": 1}, {"value": "transform", "count": 1}]
    assert some["facets"] == {"action": {"values": ones, "more": 0}}
    assert "facets" not in await page(world, "q=check")


async def test_a_facet_tells_the_most_frequent_values_and_how_many_more_there_are(world: World) -> None:
    labels = {f"k{number:02}": "v" for number in range(24)}
    await world.intent("many", labels=labels)
    await world.intent("one", labels={"k23": "v"})
    label = (await page(world, "facets=label"))["facets"]["label"]
    assert label["values"][0] == {"value": "k23:v", "count": 2}
    assert len(label["values"]) == 20
    assert label["more"] == 4


async def test_another_tenant_neither_finds_nor_counts_anything(world: World) -> None:
    await shelve(world)
    everything = "facets=status&facets=label&facets=action&facets=created_by"
    for query in ("", "&q=billing", "&label=team:ops", "&action=transform", "&created_by=author@acme"):
        found = await page(world, everything + query, user="eve")
        assert [item["tenant_id"] for item in found["items"]] in ([], ["globex"])
        assert all(value["count"] == 1 for facet in found["facets"].values() for value in facet["values"])
        assert "author@acme" not in str(found)


async def test_nobody_finds_nothing(world: World) -> None:
    response = await world.send(None, "GET", "/intents?q=a&facets=status")
    assert response.status_code == 401


@pytest.mark.parametrize("user", ["viewer", "author", "operator", "admin"])
async def test_every_role_may_search(world: World, user: str) -> None:
    await shelve(world)
    assert await names(world, "q=shipping&facets=label", user) == ["shipping"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("facets=size", "/query/facets/0"),
        ("facets=status&facets=", "/query/facets/1"),
        ("&".join(["facets=status"] * 5), "/query/facets"),
        ("q=%20%09", "/query/q"),
        ("q=" + "a" * 201, "/query/q"),
        ("q=a&q=b", "/query/q"),
        ("sort=status", "/query/sort"),
        ("updated_since=yesterday", "/query/updated_since"),
        ("updated_since=2024-01-04T10:00:00", "/query/updated_since"),
        ("label=" + "&label=".join(["a:b"] * 17), "/query/label"),
        ("text=a", "/query/text"),
    ],
)
async def test_a_search_that_cannot_be_is_400_with_its_place(world: World, query: str, pointer: str) -> None:
    response = await world.send("viewer", "GET", f"/intents?{query}")
    assert response.status_code == 400
    assert response.json()["code"] == "BAD_REQUEST"
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_a_cursor_is_good_for_its_own_search_only(world: World) -> None:
    await shelve(world)
    cursor = (await page(world, "q=billing&label=team:web&limit=1"))["next_cursor"]
    assert await names(world, f"q=billing&label=team:web&limit=1&cursor={cursor}") == ["billing-deploy"]
    assert await names(world, f"q=billing&label=team:web&facets=status&cursor={cursor}") == ["billing-deploy"]
    for user, query in [
        ("viewer", "q=billin&label=team:web"),
        ("viewer", "q=billing"),
        ("viewer", "q=billing&label=team:web&sort=-name"),
        ("viewer", "q=billing&label=team:web&updated_since=2024-01-04T10:00:00Z"),
        ("eve", "q=billing&label=team:web"),
    ]:
        response = await world.send(user, "GET", f"/intents?{query}&cursor={cursor}")
        assert response.status_code == 400, (user, query)


SORTS = ["name", "-name", "created_at", "-created_at"]
CHANGES = st.lists(
    st.tuples(st.sampled_from(["create", "describe", "archive"]), st.integers(0, 11)), max_size=4
)
WALKS = st.tuples(st.sampled_from(SORTS), st.integers(1, 4), st.lists(CHANGES, min_size=1, max_size=8))


async def test_a_walk_meets_what_matches_all_along_exactly_once_while_others_change(world: World) -> None:
    """Each example walks names of its own, over a registry that all examples before have filled."""
    loop, walked = asyncio.get_running_loop(), iter(range(1000))

    async def walk(sort: str, limit: int, turns: list[list[tuple[str, int]]]) -> None:
        key = f"w{next(walked)}x"
        for number in range(12):
            await world.intent(f"{key}-{number:02}", labels={"walk": key}, definition={"steps": []})
        gone: set[str] = set()
        shown: list[str] = []
        cursor = ""
        for turn in range(100):
            query = f"q={key}&label=walk:{key}&status=active&sort={sort}&limit={limit}{cursor}"
            changes = turns[turn] if turn < len(turns) else []
            doing = [change(key, turn, *one) for one in changes]
            found, *changed = await asyncio.gather(page(world, query), *doing)
            gone.update(name for name in changed if name)
            shown += [item["name"] for item in found["items"]]
            if found["next_cursor"] is None:
                break
            cursor = f"&cursor={found['next_cursor']}"
        assert len(shown) == len(set(shown)), shown
        assert {f"{key}-{number:02}" for number in range(12)} - gone <= set(shown), (shown, gone)

    async def change(key: str, turn: int, what: str, number: int) -> str | None:
        name = f"{key}-{number:02}"
        if what == "create":
            body = {"name": f"{name}-{turn}", "definition": {"steps": []}, "labels": {"walk": key}}
            await world.send("author", "POST", "/intents", json=body)
        elif what == "describe":
            body = {"description": f"changed in turn {turn}"}
            await world.send("author", "PATCH", f"/intents/{name}", json=body)
        else:
            await world.send("author", "DELETE", f"/intents/{name}")
            return name
        return None

    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(WALKS)
    def check(walk_of: tuple[str, int, list[list[tuple[str, int]]]]) -> None:
        asyncio.run_coroutine_threadsafe(walk(*walk_of), loop).result(timeout=60)

    await asyncio.to_thread(check)
