from shared.domain.quotas import QUOTAS
from tests.http.harness import World

FORBID = {"settings": {"forbidden_actions": ["assert"]}}


async def test_an_administrator_sets_what_the_tenants_intents_may_have(world: World) -> None:
    before = await world.send("admin", "GET", "/tenants/acme")
    nothing: dict[str, object] = {
        "forbidden_actions": [],
        "allowed_registries": None,
        "max_concurrent_executions": None,
        "rate_limits": dict.fromkeys(("hour", "burst", "tenant_hour", "tenant_burst")),
        "quotas": dict.fromkeys(QUOTAS),
    }
    assert before.json()["settings"] == nothing
    merge = {"Content-Type": "application/merge-patch+json", "If-Match": before.headers["etag"]}
    changed = await world.send("admin", "PATCH", "/tenants/acme", json=FORBID, headers=merge)
    assert changed.status_code == 200, changed.text
    after = await world.send("admin", "GET", "/tenants/acme")
    assert (after.json(), after.headers["etag"]) == (changed.json(), changed.headers["etag"])
    refused = await world.send(
        "author", "POST", "/intents",
        json={"name": "a", "definition": {"steps": [{"action": "assert", "condition": "true"}]}},
    )  # fmt: skip
    assert refused.status_code == 422
    assert [error["code"] for error in refused.json()["errors"]] == ["FORBIDDEN_ACTION"]


async def test_a_stale_etag_is_refused(world: World) -> None:
    old = (await world.send("admin", "GET", "/tenants/acme")).headers["etag"]
    await world.send("admin", "PATCH", "/tenants/acme", json=FORBID)
    again = await world.send("admin", "PATCH", "/tenants/acme", json=FORBID, headers={"If-Match": old})
    assert (again.status_code, again.json()["code"]) == (412, "STALE")


async def test_who_has_the_state_gets_304(world: World) -> None:
    etag = (await world.send("admin", "GET", "/tenants/acme")).headers["etag"]
    response = await world.send("admin", "GET", "/tenants/acme", headers={"If-None-Match": etag})
    assert response.status_code == 304


async def test_only_an_administrator_changes_settings(world: World) -> None:
    for user in ("viewer", "author", "operator"):
        response = await world.send(user, "PATCH", "/tenants/acme", json=FORBID)
        assert response.status_code == 403
    anonymous = await world.send(None, "PATCH", "/tenants/acme", json=FORBID)
    assert anonymous.status_code == 401


async def test_another_tenant_is_not_there(world: World) -> None:
    for method in ("GET", "PATCH"):
        response = await world.send("eve", method, "/tenants/acme", json=FORBID)
        assert response.status_code == 404


async def test_settings_that_are_none_are_refused(world: World) -> None:
    shape = await world.send("admin", "PATCH", "/tenants/acme", json={"settings": {"forbidden": []}})
    assert (shape.status_code, shape.json()["errors"][0]["pointer"]) == (400, "/settings/forbidden")
    bad = {"settings": {"allowed_registries": ["https://ghcr.io"]}}
    rule = await world.send("admin", "PATCH", "/tenants/acme", json=bad)
    assert rule.status_code == 422
    assert rule.json()["errors"][0]["pointer"] == "/settings/allowed_registries/0"


async def test_a_number_that_is_whole_is_an_integer_however_it_is_written(world: World) -> None:
    settings = {"settings": {"max_concurrent_executions": 60.0}}
    changed = await world.send("admin", "PATCH", "/tenants/acme", json=settings)
    assert (changed.status_code, changed.json()["settings"]["max_concurrent_executions"]) == (200, 60)
