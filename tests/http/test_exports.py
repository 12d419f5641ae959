"""A tenant as a whole, exported by its administrators."""

import hashlib
from typing import Any

import orjson

from shared.ports.documents import EXECUTIONS, REGISTRY, TENANCY, Create
from shared.security.scope import TenantScope
from shared.services.upkeep.exports import PAGE
from tests.http.harness import World
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


async def exported(world: World, user: str = "admin", tenant: str = "acme") -> list[dict[str, Any]]:
    response = await world.send(user, "GET", f"/tenants/{tenant}/export")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-ndjson")
    return [orjson.loads(line) for line in response.content.splitlines()]


async def furnish(world: World) -> str:
    """Something of every kind; the secret that was shown of a webhook."""
    await world.asking()
    await world.ended(said="hello")
    hook = {"url": "https://hooks.example.com/", "events": ["*"]}
    made = await world.send("admin", "PUT", "/subscriptions/hook", json=hook)
    await world.send("admin", "PUT", "/secrets/TOKEN", json={"value": "a value made by chance"})
    await world.send("admin", "PUT", "/schedules/nightly", json={"intent": "asks", "cron": "@daily"})
    return str(made.json()["secret"])


async def test_all_that_a_tenant_has_is_in_it_and_nothing_of_others(world: World) -> None:
    await furnish(world)
    await world.send("eve", "POST", "/intents", json={"name": "theirs", "definition": {}})
    head, *lines, last = await exported(world)
    assert head["export"] == {"format": 1, "tenant": "acme", "at": head["export"]["at"]}
    found = [(line["container"], line["document"]["kind"]) for line in lines]
    for container, kinds in {
        "registry": ("intent", "version", "audit", "event"),
        "executions": ("execution", "plan", "step", "event", "audit"),
        "tenancy": ("tenant", "member", "schedule", "subscription", "secret", "audit", "chain"),
    }.items():
        for kind in kinds:
            assert (container, kind) in found
    assert {line["document"]["tenant_id"] for line in lines} == {"acme"}
    assert "theirs" not in str(lines)
    counts = {name: sum(one == name for one, _ in found) for name in ("tenancy", "registry", "executions")}
    assert last["manifest"]["documents"] == counts


async def test_what_is_cut_short_or_altered_is_noticed(world: World) -> None:
    await furnish(world)
    content = (await world.send("admin", "GET", "/tenants/acme/export")).content
    *lines, last = content.splitlines(keepends=True)
    manifest = orjson.loads(last)["manifest"]
    assert hashlib.sha256(b"".join(lines)).hexdigest() == manifest["sha256"]
    assert len(lines) == 1 + sum(manifest["documents"].values())


async def test_no_secret_and_nothing_sealed_is_in_it(world: World) -> None:
    shown = await furnish(world)
    text = orjson.dumps(await exported(world)).decode()
    assert shown not in text
    assert "a value made by chance" not in text
    for line in await exported(world):
        if line.get("document", {}).get("kind") in {"subscription", "secret"}:
            assert not {"secret", "key", "reference"} & line["document"].keys()
    assert '"idempotency"' not in text


async def test_it_has_every_document_however_many_pages_there_are(world: World) -> None:
    scope, many = TenantScope("acme"), 3 * PAGE + 1
    for container in (REGISTRY, EXECUTIONS, TENANCY):
        for number in range(0, many, 50):
            things = [{"id": f"{n:04}", "kind": "thing"} for n in range(number, min(number + 50, many))]
            await world.adapters.documents.transact(
                scope, container=container, partition="heap", operations=list(map(Create, things))
            )
    lines = [line for line in await exported(world) if line.get("document", {}).get("kind") == "thing"]
    found = [(line["container"], line["document"]["id"]) for line in lines]
    assert len(found) == len(set(found)) == 3 * many


async def test_it_is_the_administrators_own_and_leaves_a_record(world: World) -> None:
    for user, status in ((None, 401), ("viewer", 403), ("auditor", 403), ("root", 403), ("eve", 404)):
        refused = await world.send(user, "GET", "/tenants/acme/export")
        assert refused.status_code == status, user
    await exported(world)
    trail = (await world.send("admin", "GET", "/audit?action=tenant.export")).json()["items"]
    assert [one["principal"] for one in trail] == ["admin@acme"]


async def test_a_tenant_that_is_suspended_may_still_take_its_own_with_it(world: World) -> None:
    reason = {"reason": "a dispute"}
    assert (await world.send("root", "POST", "/tenants/acme/suspend", json=reason)).is_success
    assert (await world.send("admin", "GET", "/intents")).status_code == 403
    assert "manifest" in (await exported(world))[-1]
    assert (await world.send("viewer", "GET", "/tenants/acme/export")).status_code == 403
