"""Who asks, and who belongs to the tenant."""

from shared.security.permissions import OPERATIONS
from tests.http.harness import World
from tests.security.test_permissions import decision, principal

ADMINISTRATORS = sorted(one for one in OPERATIONS if decision(principal("admin"), one).allowed)
"""What an administrator of a tenant may do."""


async def test_a_member_of_one_tenant_is_told_all_of_it_without_naming_it(world: World) -> None:
    me = (await world.send("viewer", "GET", "/me")).json()
    assert me["tenants"] == [{"id": "acme", "user": "viewer", "kind": "user", "roles": ["viewer"]}]
    assert (me["tenant_id"], me["principal"], me["kind"]) == ("acme", "viewer@acme", "user")
    assert (me["subject"], me["roles"], me["attributes"]) == ("viewer", ["viewer"], {})
    assert "intents.read" in me["operations"]
    assert "intents.create" not in me["operations"]
    assert (await world.send("admin", "GET", "/me")).json()["operations"] == ADMINISTRATORS


async def test_a_member_of_several_tenants_sees_them_before_it_chooses(world: World) -> None:
    me = (await world.send("both", "GET", "/me")).json()
    assert [one["id"] for one in me["tenants"]] == ["acme", "globex"]
    assert (me["tenant_id"], me["principal"], me["roles"], me["operations"]) == (None, None, [], [])
    chosen = (await world.send("both", "GET", "/me", headers={"X-Tenant-ID": "globex"})).json()
    assert (chosen["tenant_id"], chosen["principal"]) == ("globex", "both@globex")
    assert chosen["operations"] == ADMINISTRATORS


async def test_a_tenant_that_one_is_no_member_of_is_as_absent_as_one_that_is_not(world: World) -> None:
    for tenant in ("globex", "nowhere"):
        response = await world.send("viewer", "GET", "/me", headers={"X-Tenant-ID": tenant})
        assert (response.status_code, response.json()["detail"]) == (404, f"There is no tenant {tenant!r}")
    bad = await world.send("viewer", "GET", "/me", headers={"X-Tenant-ID": "A B"})
    assert bad.status_code == 400


async def test_who_is_nobodys_member_is_told_nothing(world: World) -> None:
    for user in (None, "stranger"):
        response = await world.send(user, "GET", "/me")
        assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")


BO = {"roles": ["viewer"], "attributes": {"team": ["web", "ops"], "on_call": True}}


async def test_who_is_made_a_member_enters_and_feels_each_change_at_once(world: World) -> None:
    issuer = world.identity.issuer.url
    assert (await world.send("bo", "GET", "/intents")).status_code == 401
    made = await world.send("admin", "PUT", "/members/bo", json=BO | {"issuer": issuer, "subject": "bo"})
    assert made.status_code == 200, made.text
    me = (await world.send("bo", "GET", "/me")).json()
    assert (me["principal"], me["roles"], me["attributes"]) == ("bo@acme", ["viewer"], BO["attributes"])
    refused = await world.send("bo", "PUT", "/members/bo", json={"roles": ["admin"]})
    assert refused.status_code == 403
    tag = {"If-Match": made.headers["etag"]}
    changed = await world.send("admin", "PUT", "/members/bo", json={"roles": ["admin"]}, headers=tag)
    assert (await world.send("bo", "GET", "/members/bo")).json() == changed.json()
    stale = await world.send("bo", "DELETE", "/members/bo", headers=tag)
    assert (stale.status_code, stale.json()["code"]) == (412, "STALE")
    assert (await world.send("bo", "DELETE", "/members/bo")).status_code == 204
    assert (await world.send("bo", "GET", "/intents")).status_code == 401
    assert (await world.send("admin", "GET", "/members/bo")).status_code == 404


async def test_members_are_listed_by_role_and_the_trail_tells_of_them(world: World) -> None:
    listed = (await world.send("auditor", "GET", "/members?role=admin")).json()["items"]
    assert [one["user"] for one in listed] == ["admin", "both"]
    await world.send("admin", "PUT", "/members/both", json={"roles": ["viewer"]})
    trail = (await world.send("auditor", "GET", "/audit?action=member.put")).json()["items"]
    assert [(one["principal"], one["before"]["roles"], one["after"]["roles"]) for one in trail] == [
        ("admin@acme", ["admin"], ["viewer"])
    ]
    last = await world.send("admin", "DELETE", "/members/admin")
    assert (last.status_code, last.json()["code"]) == (409, "CONFLICT")
    assert "last administrator" in last.json()["detail"]


async def test_a_bad_member_is_refused_with_every_place(world: World) -> None:
    shape = await world.send("admin", "PUT", "/members/bo", json={"roles": "admin", "kind": "robot"})
    assert shape.status_code == 400
    assert [error["pointer"] for error in shape.json()["errors"]] == ["/roles", "/kind"]
    body = {"roles": ["boss"], "attributes": {"a": None}, "issuer": "urn:idp", "subject": "bo"}
    rule = await world.send("admin", "PUT", "/members/bo", json=body)
    assert rule.status_code == 422
    assert [error["pointer"] for error in rule.json()["errors"]] == ["/roles/0", "/attributes/a"]
