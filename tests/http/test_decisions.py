"""Decisions over the wire: every record of a change says what permitted it, and every denial is told."""

import asyncio
import itertools
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from functions.routes.route import Route
from quantum.audit import main
from shared import logs
from shared.domain.metrics import DECISIONS_DENIED
from shared.ports.documents import EXECUTIONS, REGISTRY, TENANCY, Patch, Query
from shared.security.authorization import built_in
from shared.security.scope import TenantScope
from tests.fakes.telemetry import RecordedTelemetry
from tests.http.changing import EVERY_ROUTE, RECORDS, REQUESTS
from tests.http.harness import Stage, World
from tests.stores import BOTH_STORES

WRITES = 'permit (principal, action == Action::"intents.create", resource);'
OTHERS = {
    "bulk_executions": {"executions.pause"},
    "retry_execution": {"executions.retry", "intents.execute"},
}
"""What is decided about a request beside, or after, what its route asks."""


async def set_version(world: World) -> str:
    """That of the set of policies that acme has now."""
    asked = {"operation": "audit.read", "resource": "*"}
    return str((await world.send("admin", "POST", "/policies/check", json=asked)).json()["version"])


async def trail(world: World) -> list[dict[str, Any]]:
    response = await world.send("admin", "GET", "/audit")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["items"]
    return found


async def records(stage: Stage, tenants: Sequence[str]) -> list[dict[str, Any]]:
    """All audit records of the tenants."""
    found: list[dict[str, Any]] = []
    for container, tenant in itertools.product((REGISTRY, EXECUTIONS, TENANCY), tenants):
        page = await stage.documents.query(TenantScope(tenant), Query(container, "audit", limit=1000))
        found += [dict(one.body) for one in page.items]
    return found


@EVERY_ROUTE
async def test_every_record_says_which_policies_of_which_set_permitted_it(stage: Stage, route: Route) -> None:
    request = await REQUESTS[route.name](stage.world, "deploy")
    before, of_acme = await records(stage, request.tenants), await set_version(stage.world)
    assert (await request.send(stage.world, "k")).status_code == route.status
    decisions = [one["decision"] for one in await records(stage, request.tenants) if one not in before]
    assert len(decisions) == RECORDS.get(route.name, 1)
    assert {one["operation"] for one in decisions} == OTHERS.get(route.name, {route.operation})
    of_platform = ["role-platform-admin"], built_in().version
    said = (["role-admin"], of_acme) if request.user == "admin" else of_platform
    assert all((one["policies"], one["version"]) == said for one in decisions)


@BOTH_STORES
async def test_a_tenants_policy_that_permitted_is_named_with_the_version_it_made(world: World) -> None:
    await world.intent("by-role")
    put = {"json": {"policy": WRITES}}
    assert (await world.send("admin", "PUT", "/policies/open", **put)).status_code == 200
    made = {"name": "by-policy", "definition": {"steps": []}}
    assert (await world.send("viewer", "POST", "/intents", json=made)).status_code == 201
    await world.intent("by-both")
    both, policy, put_policy, role = [record["decision"] for record in await trail(world)]
    assert role["policies"] == ["role-author"]
    assert policy["policies"] == ["policy:open"]
    assert both["policies"] == ["policy:open", "role-author"]
    assert role["version"] == put_policy["version"] != policy["version"] == both["version"]
    assert both["version"] == await set_version(world)


async def test_decisions_are_exported_and_under_the_hash(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.intent()
    file, headers = tmp_path / "export.ndjson", {"Accept": "application/x-ndjson"}

    async def exported() -> str:
        response = await world.send("auditor", "GET", "/audit", headers=headers)
        await asyncio.to_thread(file.write_bytes, response.content)
        return response.text

    first = json.loads((await exported()).splitlines()[0])
    assert (first["action"], first["decision"]["policies"]) == ("intent.create", ["role-author"])
    assert main(["verify", str(file)]) == 0
    blamed = Patch("audit:1", set={("decision",): {**first["decision"], "policies": ["role-admin"]}})
    await world.adapters.documents.transact(
        TenantScope("acme"), container=REGISTRY, partition="deploy", operations=[blamed]
    )
    await exported()
    assert main(["verify", str(file)]) == 1
    assert "registry/deploy, record 1: altered" in capsys.readouterr().out
    verdict = (await world.send("auditor", "GET", "/intents/deploy/audit")).json()["verification"]
    assert [one["kind"] for one in verdict["damage"]] == ["altered"]


async def test_a_denial_is_in_the_log_with_what_decided_it_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry = world.platform.policies._telemetry = RecordedTelemetry()
    forbids = 'forbid (principal, action == Action::"intents.read", resource == Intent::"secret");'
    await world.send("admin", "PUT", "/policies/hide", json={"policy": forbids})
    with caplog.at_level(logging.INFO, "shared.services.tenancy.policies"):
        assert (await world.send("viewer", "GET", "/intents/secret")).status_code == 403
        assert (await world.send("viewer", "POST", "/intents", json={})).status_code == 403
        assert (await world.send("viewer", "GET", "/intents")).status_code == 200
    hidden, unpermitted = map(logs.fields_of, caplog.records)
    version = await set_version(world)
    assert hidden == hidden | {
        "principal": "viewer@acme",
        "operation": "intents.read",
        "resource": "secret",
        "policies": ["policy:hide"],
        "policy_set": version,
    }
    assert unpermitted == unpermitted | {"policies": ["default-deny"], "policy_set": version}
    assert telemetry.of(DECISIONS_DENIED) == [
        (1, {"tenant_id": "acme", "operation": "intents.read"}),
        (1, {"tenant_id": "acme", "operation": "intents.create"}),
    ]
