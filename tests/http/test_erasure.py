"""Erasing a tenant: nothing is left of it but that it was."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from localhost.sqlite.remains import LocalRemains
from shared.domain.errors import ConflictError, UnavailableError
from shared.ports.documents import CONTAINERS, EXECUTIONS, TENANCY, Create, Query
from shared.ports.events import CloudEvent
from shared.ports.remains import NoRemains, Remains
from shared.security.scope import TenantScope
from shared.services.executions.runs import Runs
from shared.services.paging import bodies
from shared.services.tenancy.directory import DIRECTORY
from shared.services.upkeep.erasure import GRACE, Erasure
from tests.fakes.documents import Killed
from tests.http.harness import KEPT_CONTEXTS, Stage, World
from tests.stores import BOTH_STORES

MARKER = "planted7f3a9c"
INITECH = TenantScope("initech")
STEP = {"id": "a", "action": "transform", "outputs": {"said": MARKER}}
EVERYBODY = ("initech", "acme", "globex", "platform", DIRECTORY)


def timer(stage: Stage, remains: Remains | None = None) -> Erasure:
    platform, adapters = stage.world.platform, stage.world.adapters
    return Erasure(
        documents=adapters.documents,
        runs=Runs(adapters.documents),
        orchestrations=adapters.orchestrations,
        secrets=adapters.secrets,
        contexts=platform.build_contexts,
        remains=remains or NoRemains(),
        tenants=platform.tenants,
        settling=platform.tenant_settling,
        clock=adapters.clock,
    )


async def send(world: World, method: str, path: str, user: str = "bill", **options: Any) -> Any:
    response = await world.send(user, method, path, **options)
    assert response.is_success, (path, response.text)
    return response.json() if response.content else None


async def furnish(stage: Stage) -> None:
    """A tenant with something of every kind, and the marker in all of it."""
    world, issuer = stage.world, stage.world.identity.issuer.url
    first = {"user": "bill", "issuer": issuer, "subject": "bill"}
    await send(world, "POST", "/tenants", "root", json={"id": "initech", "administrator": first})
    other = {"roles": ["viewer"], "issuer": issuer, "subject": MARKER, "attributes": {"team": MARKER}}
    await send(world, "PUT", f"/members/{MARKER}", json=other)
    both = {"roles": ["viewer"], "issuer": issuer, "subject": "eve"}
    await send(world, "PUT", "/members/eve", json=both)
    await send(world, "PATCH", "/tenants/initech", json={"settings": {"forbidden_actions": [MARKER]}})
    about = {"labels": {"team": MARKER}, "description": MARKER}
    intent = {"name": MARKER, "definition": {"steps": [STEP]}, **about}
    await send(world, "POST", "/intents", json=intent, headers={"Idempotency-Key": MARKER})
    await send(world, "PATCH", f"/intents/{MARKER}", json={"labels": {"team": "another"}})
    started = await send(world, "POST", f"/intents/{MARKER}/execute", json={"parameters": {"p": MARKER}})
    ids = {"tenant_id": "initech", "execution_id": started["execution_id"], "step": "a", "attempt": 1}
    await world.platform.steps.run(ids | {"first": True})
    await send(world, "PUT", "/secrets/PLANTED", json={"value": MARKER, "description": MARKER})
    await send(world, "PUT", f"/schedules/{MARKER}", json={"intent": MARKER, "cron": "@daily"})
    hook = {"url": f"https://{MARKER}.example.com/", "events": ["*"]}
    await send(world, "PUT", f"/subscriptions/{MARKER}", json=hook)
    forbids = f'forbid (principal, action == Action::"intents.archive", resource == Intent::"{MARKER}");'
    await send(world, "PUT", f"/policies/{MARKER}", json={"policy": forbids})
    archive, media = gzip.compress(MARKER.encode()), {"Content-Type": "application/gzip"}
    await send(world, "POST", "/contexts", content=archive, headers=media)
    assert any(tenant == "initech" for tenant, _ in KEPT_CONTEXTS.kept)
    parked = {"id": "p", "kind": "parked", "document": f'{{"tenant_id": "initech", "x": "{MARKER}"}}'}
    soon_gone = Create({"id": "soon", "kind": "thing", "text": MARKER}, ttl=1)
    documents = world.adapters.documents
    directory = TenantScope(DIRECTORY)
    await documents.transact(directory, container=TENANCY, partition="parked", operations=[Create(parked)])
    await documents.transact(INITECH, container=EXECUTIONS, partition="soon", operations=[soon_gone])
    for tenant in ("initech", "initech2"):
        source, key = f"/tenants/{tenant}/x", f"{tenant}/x"
        event = CloudEvent("e", "t", source, "s", stage.clock.now(), {"x": MARKER}, key)
        await world.adapters.events.publish([event])


async def found(stage: Stage) -> list[str]:
    """Where the marker is, in all that the store has."""
    places: list[str] = []
    for container in CONTAINERS:
        for tenant in EVERYBODY:
            query = Query(container, None, limit=200)
            walk = bodies(stage.world.adapters.documents, TenantScope(tenant), query)
            kinds = [body["kind"] async for body in walk if MARKER in str(body)]
            places += [f"{tenant}/{container.name}/{kind}" for kind in kinds]
    return places


async def begin(stage: Stage) -> None:
    """Have it erased, and all be over that was under way."""
    suspended = await stage.world.send(
        "root", "POST", "/tenants/initech/suspend", json={"reason": "It asked to go."}
    )
    tag = {"If-Match": suspended.headers["etag"]}
    response = await stage.world.send("root", "DELETE", "/tenants/initech", headers=tag)
    assert (response.status_code, response.json()["status"]) == (202, "erasing")
    stage.clock.advance(GRACE.total_seconds())


@BOTH_STORES
async def test_all_of_it_goes_and_that_it_was_stays(stage: Stage) -> None:
    await furnish(stage)
    planted = await found(stage)
    assert {place.partition("/")[0] for place in planted} == {"initech", DIRECTORY}
    assert len(set(planted)) > 12
    others = await stage.world.send("eve", "GET", "/intents", headers={"X-Tenant-ID": "globex"})
    await begin(stage)
    assert await timer(stage).run() == 1
    assert await found(stage) == []
    assert [name async for name in stage.world.adapters.secrets.names(INITECH)] == []
    assert not any(tenant == "initech" for tenant, _ in KEPT_CONTEXTS.kept)
    assert (await stage.world.send("bill", "GET", "/me")).status_code == 401
    assert (await stage.world.send("eve", "GET", "/me")).json()["tenant_id"] == "globex"
    again = await stage.world.send("eve", "GET", "/intents", headers={"X-Tenant-ID": "globex"})
    assert (again.status_code, again.json()) == (200, others.json())
    named = await stage.world.send("eve", "GET", "/intents", headers={"X-Tenant-ID": "initech"})
    assert named.status_code == 404
    shown = (await stage.world.send("root", "GET", "/tenants/initech")).json()
    assert (shown["status"], shown["reason"], shown["settings"]["forbidden_actions"]) == (
        "erased",
        "It asked to go.",
        [],
    )
    trail = (await stage.world.send("root", "GET", "/audit")).json()["items"]
    assert [(one["action"], one["principal"]) for one in trail] == [
        ("tenant.erased", "platform"),
        ("tenant.erase", "root@platform"),
        ("tenant.suspend", "root@platform"),
        ("tenant.create", "root@platform"),
    ]
    assert "bill" not in str(trail)
    assert await timer(stage).run() == 0


@BOTH_STORES
async def test_its_id_is_never_given_again(stage: Stage) -> None:
    await furnish(stage)
    await begin(stage)
    await timer(stage).run()
    issuer = stage.world.identity.issuer.url
    again = {"id": "initech", "administrator": {"user": "eve", "issuer": issuer, "subject": "x"}}
    refused = await stage.world.send("root", "POST", "/tenants", json=again)
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    with pytest.raises(ConflictError):
        await stage.world.platform.tenants.ensure("initech")
    for verb in ("suspend", "resume"):
        refused = await stage.world.send("root", "POST", f"/tenants/initech/{verb}", json={"reason": "x"})
        assert refused.status_code == 409
    assert "initech" not in [one async for one in stage.world.platform.tenants.ids()]


async def test_only_what_is_suspended_and_was_looked_at_is_erased(stage: Stage) -> None:
    await furnish(stage)
    blind = await stage.world.send("root", "DELETE", "/tenants/initech")
    assert (blind.status_code, blind.json()["code"]) == (428, "IF_MATCH_REQUIRED")
    active = await stage.world.send("root", "DELETE", "/tenants/initech", headers={"If-Match": "*"})
    assert (active.status_code, active.json()["code"]) == (409, "CONFLICT")
    for user in ("bill", "eve", "admin"):
        refused = await stage.world.send(user, "DELETE", "/tenants/initech", headers={"If-Match": "*"})
        assert refused.status_code in {400, 403}, user
    own = await stage.world.send("root", "DELETE", "/tenants/platform", headers={"If-Match": "*"})
    assert own.status_code == 409
    before = len(await found(stage))
    await stage.world.send("root", "POST", "/tenants/initech/suspend", json={"reason": "x"})
    assert await timer(stage).run() == 0
    erasing = await stage.world.send("root", "DELETE", "/tenants/initech", headers={"If-Match": "*"})
    assert erasing.is_success
    assert await timer(stage).run() == 0  # what began before may not be over
    assert len(await found(stage)) >= before
    refused = await stage.world.send("bill", "GET", "/tenants/initech/export")
    assert (refused.status_code, refused.json()["code"]) == (403, "TENANT_SUSPENDED")


async def test_whoever_dies_leaves_less_for_the_next(stage: Stage) -> None:
    """It dies around every transaction, one after the other, until it comes to its end."""
    await furnish(stage)
    await begin(stage)
    moments = 0

    def die(*_: object) -> None:
        nonlocal moments
        moments += 1
        if moments % 2 == 0:
            raise Killed

    stage.documents.interrupt = die
    for _ in range(400):
        try:
            if await timer(stage).run():
                break
        except Killed:
            continue
    stage.documents.interrupt = None
    stage.clock.advance(60)
    await stage.world.platform.recovery.run()
    await timer(stage).run()
    assert await found(stage) == []
    assert (await stage.world.send("root", "GET", "/tenants/initech")).json()["status"] == "erased"
    trail = (await stage.world.send("root", "GET", "/audit?action=tenant.erased")).json()["items"]
    assert len(trail) == 1
    listed = (await stage.world.send("root", "GET", "/tenants?status=erased")).json()["items"]
    assert [one["id"] for one in listed] == ["initech"]


async def test_an_orchestration_that_has_not_ended_holds_up_what_it_needs(stage: Stage) -> None:
    await furnish(stage)
    await begin(stage)
    stage.world.orchestrations.stubborn = True
    assert await timer(stage).run() == 0
    assert any("initech/executions/execution" in place for place in await found(stage))
    stage.world.orchestrations.stubborn = False
    assert await timer(stage).run() == 1
    assert not stage.world.orchestrations.started


async def test_a_file_that_cannot_be_written_now_holds_up_the_tombstone_and_nobody_else(
    stage: Stage,
) -> None:
    class Full(NoRemains):
        async def forget(self, scope: TenantScope) -> None:
            if scope == INITECH:
                raise UnavailableError

    await furnish(stage)
    first = {"user": "ann", "issuer": stage.world.identity.issuer.url, "subject": "ann"}
    await send(stage.world, "POST", "/tenants", "root", json={"id": "umbrella", "administrator": first})
    await send(stage.world, "POST", "/tenants/umbrella/suspend", "root", json={"reason": "x"})
    await send(stage.world, "DELETE", "/tenants/umbrella", "root", headers={"If-Match": "*"})
    await begin(stage)
    assert await timer(stage, Full()).run() == 1
    assert (await send(stage.world, "GET", "/tenants/umbrella", "root"))["status"] == "erased"
    assert (await send(stage.world, "GET", "/tenants/initech", "root"))["status"] == "erasing"
    assert await timer(stage).run() == 1


async def test_what_an_action_stores_late_is_found(stage: Stage) -> None:
    await furnish(stage)
    await begin(stage)
    await timer(stage).run()
    late = Create({"id": "output:a:1", "kind": "output", "text": MARKER})
    await stage.documents.transact(INITECH, container=EXECUTIONS, partition="gone", operations=[late])
    await timer(stage).run()
    assert await found(stage) == []


def contents(data: Path) -> dict[str, bytes]:
    """Of the files of each store: ``documents.db`` and the log beside it."""
    read = {path.name: path.read_bytes() for path in data.glob("*.db*")}
    stores = {name.partition("-")[0] for name in read}
    return {store: b"".join(read[name] for name in read if name.startswith(store)) for store in stores}


async def test_no_file_has_a_byte_of_it(stage: Stage, data: Path) -> None:
    """What was deleted, replaced, expired, indexed and published: all of it is in the files before."""
    await furnish(stage)
    before, marker = contents(data), MARKER.encode()
    assert {store for store, text in before.items() if marker in text} == {"documents.db", "events.db"}
    await begin(stage)
    remains = LocalRemains(stage.documents.inner, stage.world.adapters.events)
    assert await timer(stage, remains).run() == 1
    after = contents(data)
    assert marker not in after["documents.db"]
    assert after["events.db"].count(marker) == 1  # of the tenant beside it
    assert b"/tenants/initech/" not in after["events.db"]
    assert (await stage.world.send("viewer", "GET", f"/intents?q={MARKER}")).json()["items"] == []


@pytest.mark.parametrize("store", ["cosmos"], indirect=True)
async def test_no_document_of_the_server_has_it(stage: Stage, request: pytest.FixtureRequest) -> None:
    """Whatever the tenant or the partition: what the platform does not look for is seen, too."""
    server = request.getfixturevalue("cosmos_server")

    def having() -> int:
        items = [
            item.body
            for database in server._databases
            for collection in server.collections(database).values()
            for physical in collection.physical
            for item in collection.items(physical, "", "FF")
        ]
        return sum(MARKER in str(body) for body in items)

    await furnish(stage)
    assert having() > 12
    await begin(stage)
    assert await timer(stage).run() == 1
    assert having() == 0
