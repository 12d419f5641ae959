"""A tenant's own policies over the wire: kept, asked at once, and never a way to lock everybody out."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from examples.hosting import ROOT
from shared.domain.errors import ForbiddenError
from shared.services.tenancy.policies import LIFE, Policies
from tests.fakes.clock import FrozenClock
from tests.http.harness import World

STEP = {"id": "a", "action": "assert", "condition": "true"}
NO_ARCHIVE = 'forbid (principal, action == Action::"intents.archive", resource == Intent::"keep");'


def body(text: str = NO_ARCHIVE, **fields: Any) -> dict[str, Any]:
    return {"policy": text, **fields}


async def put(world: World, name: str, text: str = NO_ARCHIVE, **fields: Any) -> dict[str, Any]:
    response = await world.send("admin", "PUT", f"/policies/{name}", json=body(text, **fields))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_policy_is_kept_listed_changed_and_deleted(world: World) -> None:
    made = await put(world, "keep", description="for the demo")
    assert (made["name"], made["policy"], made["enabled"]) == ("keep", NO_ARCHIVE, True)
    found = await world.send("auditor", "GET", "/policies/keep")
    assert found.json() == made
    assert (await world.send("auditor", "GET", "/policies")).json()["items"] == [made]
    changed = await put(world, "keep", enabled=False)
    assert (changed["created_at"], changed["enabled"]) == (made["created_at"], False)
    assert (await world.send("admin", "DELETE", "/policies/keep")).status_code == 204
    assert (await world.send("admin", "GET", "/policies/keep")).status_code == 404
    records = (await world.send("auditor", "GET", "/audit")).json()["items"]
    assert [one["action"] for one in records] == ["policy.delete", "policy.put", "policy.put"]


async def test_what_it_forbids_is_forbidden_from_the_next_request_on(world: World) -> None:
    for name in ("keep", "other"):
        await world.intent(name)
    await put(world, "keep")
    refused = await world.send("author", "DELETE", "/intents/keep")
    assert (refused.status_code, refused.json()["policies"]) == (403, ["policy:keep"])
    assert (await world.send("author", "DELETE", "/intents/other")).status_code == 204
    await put(world, "keep", enabled=False)
    assert (await world.send("author", "DELETE", "/intents/keep")).status_code == 204


async def test_it_says_nothing_about_another_tenant(world: World) -> None:
    await put(world, "nobody", 'forbid (principal, action == Action::"intents.read", resource);')
    assert (await world.send("viewer", "GET", "/intents")).status_code == 403
    assert (await world.send("eve", "GET", "/intents")).status_code == 200


async def test_it_may_permit_what_no_role_does(world: World) -> None:
    assert (await world.send("viewer", "GET", "/audit")).status_code == 403
    await put(world, "open", 'permit (principal, action == Action::"audit.read", resource);')
    assert (await world.send("viewer", "GET", "/audit")).status_code == 200


async def test_another_process_feels_a_change_within_its_time(world: World) -> None:
    clock = FrozenClock()
    shelf = world.platform.policies._shelf
    other = Policies(
        documents=shelf.documents, chains=shelf.chains, cursors=shelf.cursors, clock=clock, room=shelf.room
    )
    viewer = await world.platform.authentication.authenticate(f"Bearer {world.token('viewer')}", None)
    await other.require(viewer, "intents.read")
    await put(world, "nobody", 'forbid (principal, action == Action::"intents.read", resource);')
    await other.require(viewer, "intents.read")
    clock.advance(LIFE)
    with pytest.raises(ForbiddenError, match="forbidden by policy:nobody"):
        await other.require(viewer, "intents.read")


async def test_every_fault_is_named_with_its_place(world: World) -> None:
    text = (
        'forbid (principal, action == Action::"intents.execute", resource)\nwhen { resource.targt == "a" };'
    )
    response = await world.send("admin", "PUT", "/policies/bad", json=body(text))
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/policy", "INVALID")
    assert error["message"] == "line 2, column 17: attribute `targt` on entity type `Intent` not found"
    assert (error["line"], error["column"], error["offset"], error["length"]) == (2, 17, 82, 5)
    assert text[82 : 82 + 5] == "targt"
    several = f"{text}\r\n// für 🔒\r\n{text}\r\npermit (principal"
    response = await world.send("admin", "PUT", "/policies/bad", json=body(several))
    places = [(one["line"], one["column"], one["length"]) for one in response.json()["errors"]]
    assert places == [(2, 17, 5), (5, 17, 5), (6, 18, 0)]
    wrong = await world.send("admin", "PUT", "/policies/Bad!", json=body("x" * 5000, description="y" * 600))
    assert [one["pointer"] for one in wrong.json()["errors"]] == ["/name", "/policy", "/description"]
    assert all("line" not in one for one in wrong.json()["errors"])


@pytest.mark.parametrize(
    "text",
    [
        "forbid (principal, action, resource);",
        'forbid (principal, action == Action::"policies.manage", resource);',
        'forbid (principal, action, resource == Policy::"lock");',
        "forbid (principal, action, resource) when { context.epoch > 2500000000 };",
        "forbid (principal, action, resource) when { context.epoch + 9223372036854775807 > 0 };",
        'forbid (principal, action, resource) unless { principal in Role::"viewer" };',
    ],
    ids=["all", "manage", "itself", "from a day on", "failing", "others"],
)
async def test_nobody_locks_itself_out(world: World, text: str) -> None:
    refused = await world.send("admin", "PUT", "/policies/lock", json=body(text))
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "LOCKS_OUT")
    assert (await world.send("admin", "PUT", "/policies/lock", json=body(text, enabled=False))).is_success


async def test_two_policies_do_not_lock_out_together_what_each_leaves_open(world: World) -> None:
    manage = 'forbid (principal, action == Action::"policies.manage", resource)'
    first = manage + ' unless { principal.user == "admin" };'
    await put(world, "first", first)
    second = first.replace('"admin"', '"both"')
    for user in ("both", "admin"):
        response = await world.send(
            user, "PUT", "/policies/second", json=body(second), headers={"X-Tenant-ID": "acme"}
        )
        assert response.status_code == (403 if user == "both" else 422)


@pytest.mark.parametrize(
    ("department", "hour", "allowed"),
    [("operations", 9, True), ("operations", 20, False), ("finance", 9, False), (None, 9, False)],
)
async def test_a_department_executes_what_is_meant_for_production_in_office_hours(
    world: World, department: str | None, hour: int, allowed: bool
) -> None:
    (text,) = re.findall(r"```cedar\n(.*?)```", (ROOT / "docs" / "policies.md").read_text(), re.DOTALL)
    await put(world, "production", text)
    monday = datetime(2040, 1, 2, hour, tzinfo=UTC)
    attributes = {"department": department} if department else {}
    await world.platform.members.ensure_member(
        "acme",
        user="operator",
        roles=["operator"],
        issuer=world.identity.issuer.url,
        subject="operator",
        attributes=attributes,
    )
    await world.intent("anywhere")
    await world.intent("shop", definition={"target": "production", "steps": [STEP]})
    world.platform.policies._clock = FrozenClock(monday)
    assert (await world.send("operator", "POST", "/intents/anywhere/execute")).status_code == 202
    response = await world.send("operator", "POST", "/intents/shop/execute")
    assert response.status_code == (202 if allowed else 403)
    if not allowed:
        assert response.json()["policies"] == ["policy:production"]


async def test_labels_decide_and_a_retry_is_no_way_around(world: World) -> None:
    execution = await world.failed("shop")
    labels = {"labels": {"frozen": "yes"}}
    assert (await world.send("author", "PATCH", "/intents/shop", json=labels)).is_success
    text = 'forbid (principal, action == Action::"intents.execute", resource)\n'
    await put(world, "freeze", text + 'when { resource.hasTag("frozen") };')
    retried = await world.send("operator", "POST", f"/executions/{execution}/retry", json={})
    assert (retried.status_code, retried.json()["policies"]) == (403, ["policy:freeze"])


async def test_a_change_may_ask_for_the_state_that_it_changes(world: World) -> None:
    await put(world, "keep")
    etag = (await world.send("admin", "GET", "/policies/keep")).headers["etag"]
    assert (await put(world, "keep", description="new"))["description"] == "new"
    for method, content in (("PUT", {"json": body()}), ("DELETE", {})):
        stale = await world.send("admin", method, "/policies/keep", headers={"If-Match": etag}, **content)
        assert stale.status_code == 412
    absent = await world.send("admin", "PUT", "/policies/none", json=body(), headers={"If-Match": "*"})
    assert absent.status_code == 412


async def test_who_asks_what_it_may_do_is_told_what_the_policies_say(world: World) -> None:
    before = (await world.send("viewer", "GET", "/me")).json()
    await put(world, "open", 'permit (principal, action == Action::"audit.read", resource);')
    after = (await world.send("viewer", "GET", "/me")).json()
    assert set(after["operations"]) - set(before["operations"]) == {"audit.read"}


async def test_who_asks_is_told_what_would_be_decided_and_by_what(world: World) -> None:
    (text,) = re.findall(r"```cedar\n(.*?)```", (ROOT / "docs" / "policies.md").read_text(), re.DOTALL)
    await put(world, "production", text)
    await world.intent("shop", definition={"target": "production", "steps": [STEP]})
    await world.platform.members.ensure_member(
        "acme",
        user="operator",
        roles=["operator"],
        issuer=world.identity.issuer.url,
        subject="operator",
        attributes={"department": "operations"},
    )
    told = []
    for user, hour in (("operator", "09"), ("operator", "20"), ("admin", "09"), ("viewer", "09")):
        asked = {"operation": "intents.execute", "resource": "shop", "user": user}
        asked["at"] = f"2040-01-02T{hour}:00:00Z"
        response = await world.send("auditor", "POST", "/policies/check", json=asked)
        assert response.status_code == 200, response.text
        found = response.json()
        assert (found["principal"], found["at"]) == (f"{user}@acme", f"2040-01-02T{hour}:00:00.000000Z")
        told.append((found["allowed"], found["policies"]))
    assert told == [
        (True, ["role-operator"]),
        (False, ["policy:production"]),
        (False, ["policy:production"]),
        (False, ["default-deny"]),
    ]


async def test_what_there_is_none_of_is_named_when_it_is_asked_about(world: World) -> None:
    asked = {"operation": "intents.exekute", "user": "eve"}
    response = await world.send("admin", "POST", "/policies/check", json=asked)
    assert response.status_code == 422
    assert [one["pointer"] for one in response.json()["errors"]] == ["/operation", "/user"]
