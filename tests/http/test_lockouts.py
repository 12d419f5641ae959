"""No change leaves a tenant whose policies nobody may mend: not of a policy, a member, or the platform."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from shared.domain.errors import ValidationFailedError
from shared.domain.policies import NewPolicy
from shared.ports.documents import TENANCY, Create
from shared.security.scope import TenantScope
from shared.services.tenancy.policies import PARTITION
from tests.http.harness import World
from tests.stores import BOTH_STORES

OPS = 'principal.hasTag("team") && principal.getTag("team") == "ops"'
BY_OPS = f'forbid (principal, action == Action::"policies.manage", resource) unless {{ {OPS} }};'
BY_AUDITORS = (
    'forbid (principal, action == Action::"policies.manage", resource == Policy::"keep") '
    'unless { principal in Role::"auditor" };'
)


async def member(
    world: World, user: str, roles: Sequence[str], attributes: Mapping[str, str] | None = None
) -> httpx.Response:
    identity = {"issuer": world.identity.issuer.url, "subject": user}
    body = {"roles": list(roles), "attributes": dict(attributes or {}), **identity}
    return await world.send("admin", "PUT", f"/members/{user}", json=body)


async def policy(world: World, name: str, text: str, user: str = "admin") -> httpx.Response:
    return await world.send(user, "PUT", f"/policies/{name}", json={"policy": text})


async def kept(world: World, name: str, text: str) -> None:
    """A policy that an earlier release has stored."""
    at = "2024-01-04T10:00:00.000000Z"
    body: dict[str, Any] = {"id": name, "kind": "policy", "name": name, "policy": text, "description": ""}
    body |= {
        "enabled": True,
        "created_at": at,
        "updated_at": at,
        "created_by": "a@acme",
        "updated_by": "a@acme",
    }
    await world.adapters.documents.transact(
        TenantScope("acme"), container=TENANCY, partition=PARTITION, operations=[Create(body)]
    )


@BOTH_STORES
@pytest.mark.parametrize(
    ("text", "roles", "attributes"),
    [(BY_OPS, ["admin"], {"team": "ops"}), (BY_AUDITORS, ["admin", "auditor"], {})],
    ids=["attribute", "role"],
)
async def test_the_last_who_may_manage_policies_stays_one(
    world: World, text: str, roles: list[str], attributes: dict[str, str]
) -> None:
    assert (await member(world, "admin", roles, attributes)).status_code == 200
    assert (await member(world, "second", ["admin"])).status_code == 200
    assert (await policy(world, "keep", text)).status_code == 200
    refused = [
        await member(world, "admin", ["admin"]),
        await member(world, "admin", ["viewer"]),
        await world.send("admin", "DELETE", "/members/admin"),
        await world.send("second", "DELETE", "/members/admin"),
    ]
    assert {(one.status_code, one.json()["code"]) for one in refused} == {(409, "CONFLICT")}
    assert all("the last who may manage them" in one.json()["detail"] for one in refused)
    assert (await member(world, "viewer", ["viewer", "author"])).status_code == 200
    assert (await world.send("admin", "DELETE", "/members/viewer")).status_code == 204
    assert (await member(world, "admin", roles, {**attributes, "floor": "3"})).status_code == 200
    assert (await member(world, "second", roles, attributes)).status_code == 200
    assert (await member(world, "admin", ["viewer"])).status_code == 200


async def test_without_policies_of_its_own_a_tenant_asks_for_an_administrator_only(world: World) -> None:
    assert (await member(world, "second", ["admin"])).status_code == 200
    assert (await world.send("second", "DELETE", "/members/admin")).status_code == 204


async def test_a_policy_that_lets_somebody_manage_policies_is_not_taken_away_under_its_feet(
    world: World,
) -> None:
    manage = 'action in [Action::"policies.manage", Action::"policies.read"]'
    opens = f'permit (principal in Role::"viewer", {manage}, resource);'
    closes = f'forbid (principal, {manage}, resource) unless {{ principal in Role::"viewer" }};'
    assert (await policy(world, "open", opens)).status_code == 200
    assert (await policy(world, "close", closes, user="viewer")).status_code == 200
    refused = await world.send("viewer", "DELETE", "/policies/open")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "LOCKS_OUT")
    assert (await world.send("viewer", "DELETE", "/policies/close")).status_code == 204
    assert (await world.send("viewer", "DELETE", "/policies/open")).status_code == 422
    assert (await world.send("admin", "DELETE", "/policies/open")).status_code == 204


@BOTH_STORES
@pytest.mark.parametrize(
    "text",
    [
        'forbid (principal, action == Action::"intents.read", resource) when { resource.colour == "red" };',
        'forbid (principal, action == Action::"intents.burn", resource);',
        "forbid (principal, action, resource) as soon as possible;",
    ],
    ids=["attribute", "action", "grammar"],
)
async def test_a_forbidding_policy_that_fits_no_more_forbids_all_but_to_mend_it(
    world: World, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    await kept(world, "old", text)
    for user, path in (("admin", "/intents"), ("viewer", "/executions"), ("auditor", "/audit")):
        refused = await world.send(user, "GET", path)
        assert (refused.status_code, refused.json()["policies"]) == (403, ["policy:old"])
    assert "policy old does not fit this release" in caplog.text
    assert (await world.send("eve", "GET", "/intents")).status_code == 200
    assert (await world.send("admin", "GET", "/policies/old")).json()["policy"] == text
    assert (await world.send("viewer", "GET", "/policies/old")).status_code == 403
    assert (await policy(world, "old", text)).status_code == 422
    assert (await policy(world, "old", BY_AUDITORS)).status_code == 200
    assert (await world.send("viewer", "GET", "/intents")).status_code == 200


async def test_a_permitting_policy_that_fits_no_more_permits_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await kept(world, "old", 'permit (principal, action, resource) when { context.moon == "full" };')
    with caplog.at_level(logging.ERROR):
        assert (await world.send("viewer", "GET", "/audit")).status_code == 403
        assert (await world.send("viewer", "GET", "/intents")).status_code == 200
    assert "policy old does not fit this release" in caplog.text


async def test_who_keeps_a_policy_is_asked_as_it_is_by_now_and_not_as_it_is_remembered(world: World) -> None:
    await world.send("admin", "GET", "/me")
    identity: dict[str, Any] = {"issuer": world.identity.issuer.url, "subject": "admin"}
    members = world.platform.members
    await members.ensure_member("acme", user="admin", roles=["admin", "auditor"], **identity)
    caller = await world.platform.authentication.authenticate(f"Bearer {world.token('admin')}", None)
    await members.ensure_member("acme", user="admin", roles=["admin"], **identity)
    with pytest.raises(ValidationFailedError) as refused:
        await world.platform.policies.put(caller, "keep", NewPolicy(BY_AUDITORS))
    assert [error.code for error in refused.value.errors] == ["LOCKS_OUT"]
