"""What the platform's administrators make of tenants."""

import asyncio
from typing import Any

from shared.ports.documents import TENANCY, Create
from shared.security.scope import TenantScope
from shared.services.tenancy.directory import DIRECTORY, TENANTS
from shared.services.tenancy.tenants import LIFE
from tests.http.harness import Stage, World
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


def created(world: World, name: str = "initech", **first: Any) -> dict[str, Any]:
    who = {"user": "bill", "issuer": world.identity.issuer.url, "subject": "bill"}
    return {"id": name, "administrator": who | first}


async def make(world: World, name: str = "initech") -> None:
    made = await world.send("root", "POST", "/tenants", json=created(world, name))
    assert made.status_code == 201, made.text


async def suspend(world: World, name: str = "initech", verb: str = "suspend") -> None:
    response = await world.send("root", "POST", f"/tenants/{name}/{verb}", json={"reason": "a dispute"})
    assert response.status_code == 200, response.text


async def test_a_new_tenant_has_an_administrator_who_enters_at_once(world: World) -> None:
    made = await world.send("root", "POST", "/tenants", json=created(world))
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/tenants/initech")
    assert (made.json()["status"], made.json()["reason"]) == ("active", None)
    me = (await world.send("bill", "GET", "/me")).json()
    assert (me["principal"], me["roles"]) == ("bill@initech", ["admin"])
    trail = (await world.send("bill", "GET", "/audit")).json()["items"]
    assert {(one["principal"], one["action"]) for one in trail} == {
        ("root@platform", "tenant.create"),
        ("root@platform", "member.put"),
    }
    told = (await world.send("root", "GET", "/audit")).json()["items"]
    assert [(one["action"], one["after"]["tenant"]) for one in told] == [("tenant.create", "initech")]
    assert told[0]["decision"]["operation"] == "tenants.create"
    again = await world.send("root", "POST", "/tenants", json=created(world))
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")


async def test_a_tenant_that_cannot_be_is_refused_with_every_place(world: World) -> None:
    for name in ("platform", "directory", "Initech", "-x", "a" * 64):
        refused = await world.send("root", "POST", "/tenants", json=created(world, name))
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/id"), name
    bad = created(world, user="Bill", issuer="https://elsewhere.example.com", subject="")
    refused = await world.send("root", "POST", "/tenants", json=bad)
    assert [error["pointer"] for error in refused.json()["errors"]] == [
        "/administrator/user",
        "/administrator/subject",
        "/administrator/issuer",
    ]
    listed = (await world.send("root", "GET", "/tenants")).json()["items"]
    assert [one["id"] for one in listed] == ["acme", "globex", "platform"]


async def test_tenants_are_listed_by_status_a_page_at_a_time(world: World) -> None:
    for name in ("a", "b", "c"):
        await make_one(world, name)
    await suspend(world, "b")
    first = (await world.send("root", "GET", "/tenants?limit=2")).json()
    assert [one["id"] for one in first["items"]] == ["a", "acme"]
    rest = (await world.send("root", "GET", f"/tenants?limit=9&cursor={first['next_cursor']}")).json()
    assert [one["id"] for one in rest["items"]] == ["b", "c", "globex", "platform"]
    for status, found in (("suspended", ["b"]), ("active", ["a", "acme", "c", "globex", "platform"])):
        page = (await world.send("root", "GET", f"/tenants?status={status}")).json()
        assert [one["id"] for one in page["items"]] == found
    other = await world.send("root", "GET", f"/tenants?status=active&cursor={first['next_cursor']}")
    assert (other.status_code, other.json()["code"]) == (400, "BAD_REQUEST")


async def make_one(world: World, name: str) -> None:
    body = created(world, name, subject=f"bill-of-{name}")
    assert (await world.send("root", "POST", "/tenants", json=body)).is_success


async def test_who_administers_the_platform_sets_what_a_tenant_may_and_sees_nothing_in_it(
    world: World,
) -> None:
    await world.intent("secretive")
    changed = await world.send(
        "root", "PATCH", "/tenants/acme", json={"settings": {"max_concurrent_executions": 3}}
    )
    assert changed.json()["settings"]["max_concurrent_executions"] == 3
    assert (await world.send("root", "GET", "/tenants/acme")).json() == changed.json()
    trail = (await world.send("admin", "GET", "/audit?action=tenant.configure")).json()["items"]
    assert [one["principal"] for one in trail] == ["root@platform"]
    for path in ("/intents", "/executions", "/schedules", "/subscriptions", "/policies"):
        assert (await world.send("root", "GET", path)).status_code == 403, path
    inside = await world.send("root", "GET", "/intents/secretive", headers={"X-Tenant-ID": "acme"})
    assert inside.status_code == 404
    absent = await world.send("root", "GET", "/tenants/nowhere")
    assert (absent.status_code, absent.json()["code"]) == (404, "NOT_FOUND")


async def test_no_tenants_administrator_makes_administrators_of_the_platform(world: World) -> None:
    body = {"roles": ["platform-admin"], "issuer": world.identity.issuer.url, "subject": "bo"}
    refused = await world.send("admin", "PUT", "/members/bo", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/roles/0")
    assert (await world.send("root", "PUT", "/members/bo", json=body)).status_code == 200
    assert (await world.send("bo", "GET", "/tenants")).status_code == 200
    assert (await world.send("root", "DELETE", "/members/bo")).status_code == 204
    last = await world.send("root", "DELETE", "/members/root")
    assert (last.status_code, last.json()["code"]) == (409, "CONFLICT")


async def test_a_member_of_an_issuer_that_nobody_trusts_is_refused_and_told_how_to_mend_it(
    world: World,
) -> None:
    body = {"roles": ["viewer"], "issuer": "https://login.example.com", "subject": "bo"}
    refused = await world.send("admin", "PUT", "/members/bo", json=body)
    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["pointer"], error["code"]) == (422, "/issuer", "UNKNOWN")
    for word in ("GET /me", "/v2.0", "QUANTUM_TOKEN_ISSUERS"):
        assert word in error["message"]
    assert (
        world.identity.issuer.url not in error["message"]
    )  # whom else the platform trusts is its own affair


async def test_nothing_is_done_for_a_tenant_that_is_suspended_until_it_is_resumed(world: World) -> None:
    await make(world)
    await suspend(world)
    refused = await world.send("bill", "GET", "/intents")
    assert (refused.status_code, refused.json()["code"]) == (403, "TENANT_SUSPENDED")
    assert "a dispute" in refused.json()["detail"]
    assert (await world.send("bill", "GET", "/me")).status_code == 403
    assert (await world.send("admin", "GET", "/intents")).status_code == 200
    shown = (await world.send("root", "GET", "/tenants/initech")).json()
    assert (shown["status"], shown["reason"], shown["changed_by"]) == (
        "suspended",
        "a dispute",
        "root@platform",
    )
    twice = await world.send("root", "POST", "/tenants/initech/suspend", json={"reason": "again"})
    assert (twice.status_code, twice.json()["code"]) == (409, "CONFLICT")
    await suspend(world, verb="resume")
    assert (await world.send("bill", "GET", "/intents")).status_code == 200
    for user in ("bill", "root"):
        trail = (await world.send(user, "GET", "/audit?principal=root@platform")).json()["items"]
        told = [one["action"] for one in trail if one["action"] != "member.put"]
        assert told == ["tenant.resume", "tenant.suspend", "tenant.create"], user


async def test_what_others_were_promised_is_kept_while_a_tenant_is_suspended(world: World) -> None:
    execution, token = await world.called()
    await suspend(world, "acme")
    answer = {"status": "completed", "outputs": {"said": "it is done"}}
    told = await world.send(None, "POST", f"/callbacks/{token}", json=answer)
    assert told.is_success, told.text
    await suspend(world, "acme", "resume")
    events = (await world.send("viewer", "GET", f"/executions/{execution}/events")).json()["items"]
    assert "callback_received" in [event["type"] for event in events]


async def test_a_tenant_from_before_there_was_a_status_is_an_active_one(world: World) -> None:
    old = {"id": "oldest", "kind": "tenancy", "created_at": "2025-01-01T00:00:00Z"}
    await world.adapters.documents.transact(
        TenantScope(DIRECTORY), container=TENANCY, partition=TENANTS, operations=[Create(old)]
    )
    every = (await world.send("root", "GET", "/tenants")).json()["items"]
    assert {"id": "oldest", "status": "active", "created_at": old["created_at"], "changed_at": None} in every
    assert "oldest" in [one async for one in world.platform.tenants.ids()]
    active = (await world.send("root", "GET", "/tenants?status=active")).json()["items"]
    assert "oldest" in [one["id"] for one in active]


async def test_a_suspension_needs_a_reason_a_state_and_another_tenant_than_the_platforms(
    world: World,
) -> None:
    await make(world)
    for reason in ("", " ", "x" * 1001):
        refused = await world.send("root", "POST", "/tenants/initech/suspend", json={"reason": reason})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason")
    old = {"If-Match": '"another"'}
    stale = await world.send(
        "root", "POST", "/tenants/initech/suspend", json={"reason": "a dispute"}, headers=old
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "STALE")
    own = await world.send("root", "POST", "/tenants/platform/suspend", json={"reason": "a dispute"})
    assert (own.status_code, own.json()["code"]) == (409, "CONFLICT")
    early = await world.send("root", "POST", "/tenants/initech/resume", json={"reason": "a dispute"})
    assert early.status_code == 409


async def test_another_process_feels_a_suspension_within_seconds(stage: Stage) -> None:
    world, scope = stage.world, None
    assert (await world.send("admin", "GET", "/intents")).status_code == 200
    other = type(world.platform.tenants)(stage.documents, stage.clock)
    caller = await world.platform.authentication.authenticate(world.headers("admin")["Authorization"], None)
    scope = caller.scope
    assert (await other.standing(scope)).served
    await suspend(world, "acme")
    stage.clock.advance(LIFE)
    assert not (await other.standing(scope)).served


async def test_of_two_who_suspend_at_once_one_does(world: World) -> None:
    await make(world)
    body = {"reason": "a dispute"}
    both = await asyncio.gather(
        *(world.send("root", "POST", "/tenants/initech/suspend", json=body) for _ in range(2))
    )
    assert sorted(response.status_code for response in both) == [200, 409]
    told = (await world.send("root", "GET", "/audit?action=tenant.suspend")).json()["items"]
    assert len(told) == 1
