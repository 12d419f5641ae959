"""Who asks, and who belongs to the tenant."""

from shared.security.permissions import OPERATIONS
from tests.http.harness import World


async def test_a_member_of_one_tenant_is_told_all_of_it_without_naming_it(world: World) -> None:
    me = (await world.send("viewer", "GET", "/me")).json()
    assert me["tenants"] == [{"id": "acme", "user": "viewer", "kind": "user", "roles": ["viewer"]}]
    assert (me["tenant_id"], me["principal"], me["kind"]) == ("acme", "viewer@acme", "user")
    assert (me["subject"], me["roles"], me["attributes"]) == ("viewer", ["viewer"], {})
    assert "intents.read" in me["operations"]
    assert "intents.create" not in me["operations"]
    assert (await world.send("admin", "GET", "/me")).json()["operations"] == sorted(OPERATIONS)


async def test_a_member_of_several_tenants_sees_them_before_it_chooses(world: World) -> None:
    me = (await world.send("both", "GET", "/me")).json()
    assert [one["id"] for one in me["tenants"]] == ["acme", "globex"]
    assert (me["tenant_id"], me["principal"], me["roles"], me["operations"]) == (None, None, [], [])
    chosen = (await world.send("both", "GET", "/me", headers={"X-Tenant-ID": "globex"})).json()
    assert (chosen["tenant_id"], chosen["principal"]) == ("globex", "both@globex")
    assert chosen["operations"] == sorted(OPERATIONS)


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
