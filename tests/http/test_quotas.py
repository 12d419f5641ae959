"""A tenant has as much of each thing as it may have, and no more."""

from collections.abc import Mapping
from typing import Any

import pytest

from localhost.identity.issuer import LOCAL_ISSUER
from tests.http.harness import World
from tests.http.modules import MODULE
from tests.stores import BOTH_STORES

STEPS = [{"id": "a", "action": "assert", "condition": "true"}]
BODIES: Mapping[str, Mapping[str, Any]] = {
    "schedules": {"intent": "deploy", "cron": "0 3 * * *"},
    "subscriptions": {"url": "https://hooks.example.com/x", "events": ["*"]},
    "policies": {"policy": 'permit (principal, action == Action::"audit.read", resource);'},
    "secrets": {"value": "a value made by chance"},
    "modules": MODULE,
    "members": {"issuer": LOCAL_ISSUER, "roles": ["viewer"]},
}
"""What is made by ``PUT``."""


async def configure(world: World, **quotas: int | None) -> None:
    changed = await world.send("admin", "PATCH", "/tenants/acme", json={"settings": {"quotas": quotas}})
    assert changed.status_code == 200, changed.text


def body(quota: str, name: str) -> dict[str, Any]:
    return {**BODIES[quota], **({"subject": name} if quota == "members" else {})}


@BOTH_STORES
@pytest.mark.parametrize("quota", BODIES)
async def test_there_are_as_many_as_there_may_be_and_one_that_is_given_up_makes_room(
    world: World, quota: str
) -> None:
    await world.intent()
    listed = (await world.send("admin", "GET", f"/{quota}")).json()["items"]
    there = len([one for one in listed if not one.get("built_in")])
    await configure(world, **{quota: there + 2})

    async def put(name: str, **more: Any) -> Any:
        return await world.send("admin", "PUT", f"/{quota}/{name}", json=body(quota, name) | more)

    for name in ("one", "two"):
        made = await put(name)
        assert made.is_success, made.text
    refused = await put("three")
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (429, "QUOTA_EXCEEDED")
    assert problem["violated_policies"] == [quota]
    assert f"has {there + 2} {quota}, and may have {there + 2}: delete one first" in problem["detail"]
    assert "retry-after" not in refused.headers
    assert (await put("one")).is_success, "what is there may change"
    assert (await world.send("admin", "DELETE", f"/{quota}/two")).status_code == 204
    assert (await put("three")).is_success
    # Another tenant has its own, and fewer than there are takes nothing away.
    await configure(world, **{quota: there})
    assert (await put("one")).is_success
    assert (await put("four")).status_code == 429
    if quota != "schedules":
        other = await world.send("eve", "PUT", f"/{quota}/one", json=body(quota, "one"))
        assert other.is_success, other.text


async def test_quotas_that_are_none_or_above_the_ceiling_are_refused(world: World) -> None:
    cases: list[tuple[dict[str, Any], int, str, str]] = [
        ({"intents": 10_001}, 422, "/settings/quotas/intents", "CEILING"),
        ({"members": 0}, 422, "/settings/quotas/members", "VALUE"),
        ({"definition_bytes": 3}, 422, "/settings/quotas/definition_bytes", "VALUE"),
        ({"cats": 3}, 400, "/settings/quotas/cats", "UNKNOWN"),
        ({"intents": "3"}, 400, "/settings/quotas/intents", "TYPE"),
    ]
    for quotas, status, pointer, code in cases:
        refused = await world.send("admin", "PATCH", "/tenants/acme", json={"settings": {"quotas": quotas}})
        (error,) = refused.json()["errors"]
        assert (refused.status_code, error["pointer"], error["code"]) == (status, pointer, code)


async def test_a_definition_is_as_large_as_it_may_be(world: World) -> None:
    await configure(world, definition_bytes=1024)
    large = {"description": "x" * 2000, "steps": STEPS}
    refused = await world.send("author", "POST", "/intents", json={"name": "large", "definition": large})
    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["pointer"], error["code"]) == (422, "/definition", "TOO_LARGE")
    assert "at most 1024 bytes" in error["message"]
    judged = await world.send("author", "POST", "/intents/validate", json={"definition": large})
    assert [one["code"] for one in judged.json()["errors"]] == ["TOO_LARGE"]
    await configure(world, definition_bytes=None)
    made = await world.send(
        "author", "POST", "/intents", json={"name": "large", "definition": {"steps": STEPS}}
    )
    assert made.status_code == 201, made.text


@BOTH_STORES
async def test_there_are_as_many_intents_as_there_may_be_and_one_that_is_archived_makes_room(
    world: World,
) -> None:
    await configure(world, intents=2)

    async def create(name: str) -> Any:
        return await world.send(
            "author", "POST", "/intents", json={"name": name, "definition": {"steps": STEPS}}
        )

    assert [(await create(name)).status_code for name in ("a", "b", "a")] == [201, 201, 409]
    refused = await create("c")
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (429, "QUOTA_EXCEEDED")
    assert problem["violated_policies"] == ["intents"]
    assert "has 2 intents, and may have 2: archive one first" in problem["detail"]
    assert "retry-after" not in refused.headers
    assert (await world.send("admin", "DELETE", "/intents/a")).status_code == 204
    assert (await create("c")).status_code == 201
    back = await world.send("admin", "PATCH", "/intents/a", json={"status": "active"})
    assert (back.status_code, back.json()["violated_policies"]) == (429, ["intents"])


async def test_an_intent_has_as_many_versions_as_it_may_have(world: World) -> None:
    await world.intent("deploy")
    await configure(world, versions=2)

    async def put(target: str) -> Any:
        return await world.send(
            "author", "PUT", "/intents/deploy",
            json={"definition": {"target": target, "steps": STEPS}}, headers={"If-Match": "*"},
        )  # fmt: skip

    assert (await put("b")).status_code == 200
    refused = await put("c")
    assert (refused.status_code, refused.json()["violated_policies"]) == (429, ["versions"])
    assert "The intent 'deploy' has 2 versions, and may have 2" in refused.json()["detail"]
    assert (await put("b")).status_code == 200, "what makes no new version is no version more"
    rolled = await world.send("author", "POST", "/intents/deploy/rollback", json={"version": 1})
    assert rolled.status_code == 429


async def test_a_stream_that_is_one_too_many_is_told_when_to_come_back_and_pages_go_on(world: World) -> None:
    run = await world.execution()
    await configure(world, event_streams=0)
    path = f"/executions/{run}/events"
    refused = await world.send("viewer", "GET", path, headers={"Accept": "text/event-stream"})
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (429, "QUOTA_EXCEEDED")
    assert problem["violated_policies"] == ["event_streams"]
    assert refused.headers["retry-after"] == "10"
    assert (await world.send("viewer", "GET", path)).status_code == 200
    absent = await world.send(
        "viewer", "GET", "/executions/none/events", headers={"Accept": "text/event-stream"}
    )
    assert absent.status_code == 404


@BOTH_STORES
async def test_usage_tells_what_is_used_of_everything_that_is_allowed(world: World) -> None:
    await world.intent("deploy")
    for name in ("one", "two"):
        assert (await world.send("admin", "PUT", f"/schedules/{name}", json=BODIES["schedules"])).is_success
    await configure(world, intents=7, schedules=5)
    members = len((await world.send("admin", "GET", "/members")).json()["items"])
    told = (await world.send("admin", "GET", "/tenants/acme/usage")).json()
    assert told["max_concurrent_executions"] == {"used": None, "limit": None}
    assert told["rate_limits"] == {}
    assert told["quotas"] == {
        "intents": {"used": 1, "limit": 7},
        "versions": {"used": None, "limit": 10_000},
        "definition_bytes": {"used": None, "limit": 524_288},
        "output_bytes": {"used": None, "limit": 16 * 1024 * 1024},
        "event_streams": {"used": 0, "limit": 1000},
        "schedules": {"used": 2, "limit": 5},
        "subscriptions": {"used": 0, "limit": 100},
        "policies": {"used": 0, "limit": 20},
        "members": {"used": members, "limit": 1000},
        "secrets": {"used": 0, "limit": 200},
        "modules": {"used": 0, "limit": 20},
    }


async def test_usage_tells_how_many_run_and_how_many_requests_are_spent(world: World) -> None:
    await world.intent("deploy")
    settings = {"max_concurrent_executions": 3, "rate_limits": {"hour": 2000, "tenant_hour": 5000}}
    await world.send("admin", "PATCH", "/tenants/acme", json={"settings": settings})
    await world.send("operator", "POST", "/intents/deploy/execute")
    told = (await world.send("auditor", "GET", "/tenants/acme/usage")).json()
    assert told["max_concurrent_executions"] == {"used": 1, "limit": 3}
    assert set(told["rate_limits"]) == {"hour", "tenant_hour"}
    assert (told["rate_limits"]["hour"]["used"], told["rate_limits"]["hour"]["limit"]) == (1, 2000)
    assert told["rate_limits"]["tenant_hour"]["used"] == 2
    assert told["rate_limits"]["hour"]["resets_at"].endswith(":00:00.000000Z")


async def test_usage_is_told_to_who_may_read_settings(world: World) -> None:
    path = "/tenants/acme/usage"
    assert (await world.send(None, "GET", path)).status_code == 401
    assert (await world.send("viewer", "GET", path)).status_code == 403
    assert (await world.send("eve", "GET", path)).status_code == 404


@BOTH_STORES
async def test_an_administrator_of_the_platform_says_what_one_tenant_may_have_at_most(world: World) -> None:
    path = "/tenants/acme/ceiling"
    raised = {"quotas": {"policies": 30}, "rate_limits": {"hour": 7000}, "max_concurrent_executions": 9}
    allowed = await world.send("root", "PUT", path, json=raised)
    assert allowed.status_code == 200, allowed.text
    ceiling = allowed.json()["ceiling"]
    assert (ceiling["quotas"]["policies"], ceiling["quotas"]["intents"]) == (30, 10_000)
    assert (ceiling["rate_limits"]["hour"], ceiling["max_concurrent_executions"]) == (7000, 9)
    await configure(world, policies=30)
    used = (await world.send("admin", "GET", "/tenants/acme/usage")).json()
    assert used["quotas"]["policies"] == {"used": 0, "limit": 30}
    assert used["max_concurrent_executions"] == {"used": None, "limit": 9}
    stale = {"If-Match": '"old"'}
    assert (await world.send("root", "PUT", path, json=raised, headers=stale)).status_code == 412
    # What was left out is as for every tenant, and settings that are above it are held to it.
    lowered = {"quotas": {"policies": 1}}
    back = (await world.send("root", "PUT", path, json=lowered)).json()["ceiling"]
    assert (back["rate_limits"]["hour"], back["quotas"]["policies"]) == (None, 1)
    assert (await world.send("admin", "PUT", "/policies/one", json=body("policies", "one"))).is_success
    assert (
        await world.send("admin", "PUT", "/policies/two", json=body("policies", "two"))
    ).status_code == 429
    other = await world.send(
        "admin", "PATCH", "/tenants/acme", json={"settings": {"forbidden_actions": ["assert"]}}
    )
    assert other.status_code == 200, "what was set before is in nobody's way"
    for who in ("admin", "root"):
        trail = (await world.send(who, "GET", "/audit", params={"action": "tenant.allow"})).json()["items"]
        assert [one["principal"] for one in trail] == ["root@platform"] * 2
        assert trail[0]["after"]["ceiling"]["quotas"]["policies"] == 1


async def test_a_ceiling_is_the_platforms_to_say_and_is_one(world: World) -> None:
    path, some = "/tenants/acme/ceiling", {"quotas": {"intents": 5}}
    for user, status in ((None, 401), ("viewer", 403), ("admin", 403), ("eve", 403)):
        assert (await world.send(user, "PUT", path, json=some)).status_code == status, user
    assert (await world.send("root", "PUT", "/tenants/none/ceiling", json=some)).status_code == 404
    bad = {"quotas": {"policies": 101}, "rate_limits": {"burst": 0}, "max_concurrent_executions": 0}
    refused = await world.send("root", "PUT", path, json=bad)
    assert (refused.status_code, [error["pointer"] for error in refused.json()["errors"]]) == (
        422,
        ["/max_concurrent_executions", "/rate_limits/burst", "/quotas/policies"],
    )
    unknown = await world.send("root", "PUT", path, json={"intents": 5})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (400, "/intents")
