"""``GET /modules``: what steps can do, as their authors read it."""

import itertools
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from quantum.contract.modules import Module, ModulePage
from shared.ports.documents import TENANCY, Container
from shared.security.permissions import ROLES
from shared.security.scope import TenantScope
from shared.services.idempotency import LEASE
from shared.services.modules.uses import MOST_VERSIONS, ModuleUses
from tests.fakes.documents import Killed, Moment
from tests.http.harness import Stage, World
from tests.http.modules import MODULE, SCAN
from tests.stores import BOTH_STORES

BUILT_IN = ["containers", "core", "http", "kubernetes"]


@pytest.mark.parametrize("role", ROLES)
async def test_every_member_sees_the_modules_with_their_actions(world: World, role: str) -> None:
    response = await world.send(role, "GET", "/modules")
    page = ModulePage.model_validate(response.json())
    assert [one.name for one in page.items] == BUILT_IN
    assert page.next_cursor is None
    for module in page.items:
        assert module.built_in
        assert all(one.examples for one in module.actions)
        assert [one.name for one in module.actions] == sorted(one.name for one in module.actions)
        assert module.actions


async def test_an_action_is_told_in_full(world: World) -> None:
    response = await world.send("viewer", "GET", "/modules/kubernetes")
    module = Module.model_validate(response.json())
    (deploy,) = [one for one in module.actions if one.name == "deploy-to-kubernetes"]
    assert deploy.side_effect == "compensatable"
    assert deploy.undone_by is not None
    assert deploy.undone_by.action == "undo-deployment"
    assert deploy.takes["image"].kind == "image"
    assert deploy.offers == {"deployment": "deployment"}
    assert {"cancel", "dry_run", "poll"} == set(deploy.supports)
    assert deploy.examples
    for action in module.actions:
        Draft202012Validator.check_schema(action.parameters)
        Draft202012Validator.check_schema(action.outputs)
        assert action.description


async def test_what_only_some_may_complete_says_so(world: World) -> None:
    module = Module.model_validate((await world.send("viewer", "GET", "/modules/core")).json())
    permissions = {one.name: one.permission for one in module.actions}
    assert permissions["approval"] == "executions.approve"
    assert permissions["wait"] == "intents.execute"


async def test_modules_are_listed_a_page_at_a_time(world: World) -> None:
    names: list[str] = []
    params = {"limit": "3"}
    while True:
        page = (await world.send("viewer", "GET", "/modules", params=params)).json()
        names += [one["name"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert names == BUILT_IN
    other = await world.send("eve", "GET", "/modules", params=params)
    assert other.status_code == 400, "a cursor is of one tenant"


async def test_a_module_that_there_is_not_is_not_found(world: World) -> None:
    response = await world.send("viewer", "GET", "/modules/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


SCANNER = {**MODULE, "manifest": {"description": "Scans images.", "actions": {"scan": SCAN}}}
STEP = {"id": "scan", "action": "scanner/scan", "image": "shop:1"}


async def put(world: World, name: str = "scanner", body: Any = SCANNER, **more: Any) -> httpx.Response:
    return await world.send("admin", "PUT", f"/modules/{name}", json=body, **more)


def places(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 422, response.text
    return {error["pointer"]: error["code"] for error in response.json()["errors"]}


@BOTH_STORES
async def test_a_tenants_own_module_is_kept_in_versions_and_shows_its_key_once(world: World) -> None:
    made = await put(world)
    assert made.status_code == 200
    assert made.json()["secret"].startswith("whsec_")
    assert (made.json()["version"], made.json()["built_in"]) == (1, False)
    again = await put(world)
    assert (again.json()["version"], again.headers["etag"]) == (1, made.headers["etag"])
    assert "secret" not in again.json()
    changed = await put(world, body=SCANNER | {"endpoint": "https://modules.example.com/other"})
    assert changed.json()["version"] == 2
    assert (await put(world, headers={"If-Match": made.headers["etag"]})).status_code == 412
    shown = (await world.send("viewer", "GET", "/modules/scanner")).json()
    assert [one["name"] for one in shown["actions"]] == ["scanner/scan"]
    assert shown["circuit"] == {"state": "closed", "failures": 0, "until": None}
    assert shown["timeouts"] == {"scanner/scan": 30.0}
    listed = (await world.send("viewer", "GET", "/modules")).json()["items"]
    assert [one["name"] for one in listed] == [*BUILT_IN, "scanner"]
    assert listed[-1] == shown
    trail = (await world.send("admin", "GET", "/audit")).json()["items"]
    assert [one["action"] for one in trail if one["action"].startswith("module.")] == ["module.put"] * 2
    assert made.json()["secret"] not in str(trail)


@BOTH_STORES
async def test_a_module_that_is_deleted_and_made_again_counts_on(world: World) -> None:
    await put(world)
    assert (await world.send("admin", "DELETE", "/modules/scanner")).status_code == 204
    assert (await world.send("viewer", "GET", "/modules/scanner")).status_code == 404
    assert (await world.send("admin", "DELETE", "/modules/scanner")).status_code == 404
    again = await put(world)
    assert (again.json()["version"], "secret" in again.json()) == (2, True)


@BOTH_STORES
async def test_what_active_intents_or_unfinished_executions_use_is_not_deleted(world: World) -> None:
    await put(world)
    await world.intent("scans", definition={"steps": [STEP]})
    refused = await world.send("admin", "DELETE", "/modules/scanner")
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert "scans" in refused.json()["detail"]
    execution = (await world.send("operator", "POST", "/intents/scans/execute")).json()["execution_id"]
    assert (await world.send("admin", "DELETE", "/intents/scans")).status_code == 204
    refused = await world.send("admin", "DELETE", "/modules/scanner")
    assert execution in refused.json()["detail"]
    ends: Any = {"status": "failed", "failed": ["scan"], "blocked": [], "cancelled": []}
    await world.platform.endings.finish({"tenant_id": "acme", "execution_id": execution, **ends})
    assert (await world.send("admin", "DELETE", "/modules/scanner")).status_code == 204


@BOTH_STORES
async def test_the_oldest_version_that_nothing_runs_makes_room(world: World) -> None:
    await put(world)
    await world.intent("scans", definition={"steps": [STEP]})
    first = (await world.send("operator", "POST", "/intents/scans/execute")).json()["execution_id"]
    for number in range(MOST_VERSIONS + 2):
        body = SCANNER | {"endpoint": f"https://modules.example.com/{number}"}
        assert (await put(world, body=body)).json()["version"] == number + 2
    assert first
    kept = await ModuleUses(world.adapters.documents).versions(TenantScope("acme"), "scanner")
    numbers = sorted(one.body["version"] for one in kept)
    assert len(numbers) == MOST_VERSIONS
    assert (numbers[0], numbers[1], numbers[-1]) == (1, 5, MOST_VERSIONS + 3), "the first may yet run"


async def test_validation_knows_the_actions_of_the_tenants_modules_with_pointers(world: World) -> None:
    await put(world)
    wrong = {"id": "b", "action": "scanner/scan", "depth": 12, "image": 7, "speed": 1}
    steps = [STEP, wrong, {"id": "c", "action": "scanner/scna"}, {"id": "d", "action": "scanner/scan"}]
    steps += [{"id": "e", "action": "builder/build"}]
    steps += [{"id": "f", "action": "scanner/scan", "image": "${{ parameters.image }}", "depth": "${{ 1 }}"}]
    body = {"definition": {"parameters": {"properties": {"image": {"type": "string"}}}, "steps": steps}}
    report = (await world.send("author", "POST", "/intents/validate", json=body)).json()
    found = {one["pointer"].removeprefix("/definition/steps"): one["code"] for one in report["errors"]}
    assert found == {
        "/1/image": "TYPE",
        "/1/depth": "VALUE",
        "/1/speed": "UNKNOWN_PARAMETER",
        "/2/action": "UNKNOWN_ACTION",
        "/3/image": "REQUIRED",
        "/4/action": "UNKNOWN_ACTION",
    }
    (typo,) = [one for one in report["errors"] if one["pointer"].endswith("/2/action")]
    assert "did you mean 'scanner/scan'?" in typo["message"]


async def test_another_tenants_modules_cannot_be_seen_nor_used(world: World) -> None:
    await put(world)
    assert (await world.send("eve", "GET", "/modules/scanner")).status_code == 404
    names = [one["name"] for one in (await world.send("eve", "GET", "/modules")).json()["items"]]
    assert names == BUILT_IN
    report = await world.send("eve", "POST", "/intents/validate", json={"definition": {"steps": [STEP]}})
    assert [one["code"] for one in report.json()["errors"]] == ["UNKNOWN_ACTION"]


@BOTH_STORES
async def test_plans_of_equal_definitions_are_of_each_tenants_own_module(world: World) -> None:
    await put(world)
    other = {**SCANNER, "endpoint": "https://elsewhere.example.com/"}
    for _ in range(2):  # eve's is in its second version
        other = other | {"endpoint": other["endpoint"] + "x"}
        assert (await world.send("eve", "PUT", "/modules/scanner", json=other)).is_success
    versions = []
    for user, executor in (("author", "operator"), ("eve", "eve")):
        body = {"name": "scans", "definition": {"steps": [STEP]}}
        assert (await world.send(user, "POST", "/intents", json=body)).is_success
        ran = await world.send(executor, "POST", "/intents/scans/execute")
        assert ran.status_code == 202, ran.text
        plan = await world.send(executor, "POST", "/intents/scans/plan", json={})
        versions.append(plan.json()["graph"]["nodes"][0]["module_version"])
    assert versions == [1, 2]


MANIFESTS: Mapping[str, tuple[Any, dict[str, str]]] = {
    "no-actions": ({"actions": {}}, {"/manifest/actions": "VALUE"}),
    "odd-name": ({"actions": {"Scan!": SCAN}}, {"/manifest/actions/Scan!": "INVALID"}),
    "no-schema": (
        {"actions": {"scan": SCAN | {"parameters": {"type": "objekt"}, "examples": []}}},
        {"/manifest/actions/scan/parameters/type": "SCHEMA"},
    ),
    "remote-ref": (
        {"actions": {"scan": SCAN | {"outputs": {"properties": {"a": {"$ref": "https://x.example/"}}}}}},
        {"/manifest/actions/scan/outputs/properties/a/$ref": "SCHEMA"},
    ),
    "dear-pattern": (
        {"actions": {"scan": SCAN | {"outputs": {"properties": {"a": {"pattern": "\\w{1000}{1000}"}}}}}},
        {"/manifest/actions/scan/outputs": "TOO_LARGE"},
    ),
    "unknown-secret": (
        {"actions": {"scan": SCAN | {"takes_secrets": ["tokne"]}}},
        {"/manifest/actions/scan/takes_secrets/0": "UNKNOWN_PARAMETER"},
    ),
    "slow": ({"actions": {"scan": SCAN | {"timeout": 600.0}}}, {"/manifest/actions/scan/timeout": "VALUE"}),
    "undone-by-nothing": (
        {"actions": {"scan": SCAN | {"undone_by": {"action": "unscan", "outputs": {}}}}},
        {"/manifest/actions/scan/undone_by/action": "UNKNOWN_ACTION"},
    ),
    "bad-example": (
        {"actions": {"scan": SCAN | {"examples": [{"action": "scanner/scan", "depth": "deep"}]}}},
        {
            "/manifest/actions/scan/examples/0/image": "REQUIRED",
            "/manifest/actions/scan/examples/0/depth": "TYPE",
        },
    ),
}


@pytest.mark.parametrize("kind", MANIFESTS)
async def test_a_bad_manifest_is_refused_with_every_place(world: World, kind: str) -> None:
    manifest, found = MANIFESTS[kind]
    body = {**MODULE, "manifest": {"description": "Scans.", **manifest}}
    assert places(await put(world, body=body)).items() >= found.items()
    assert (await world.send("viewer", "GET", "/modules/scanner")).status_code == 404


@pytest.mark.parametrize(
    ("name", "code"), [("core", "RESERVED"), ("http", "RESERVED"), ("Scanner", "INVALID"), ("7", "INVALID")]
)
async def test_a_name_that_is_taken_or_none_is_refused(world: World, name: str, code: str) -> None:
    assert places(await put(world, name))["/name"] == code


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://modules.example.com/",
        "https://a:b@modules.example.com/",
        "https://x.example/?a=1",
        "ftp://x",
        "",
    ],
)
async def test_an_endpoint_that_is_none_is_refused(world: World, endpoint: str) -> None:
    assert places(await put(world, body=SCANNER | {"endpoint": endpoint}))["/endpoint"] == "INVALID"


async def test_a_manifest_of_another_shape_is_400_with_its_place(world: World) -> None:
    body = {**MODULE, "manifest": {"description": "x", "actions": {"scan": SCAN | {"side_effect": "some"}}}}
    response = await put(world, body=body)
    assert response.status_code == 400
    assert [one["pointer"] for one in response.json()["errors"]] == ["/manifest/actions/scan/side_effect"]


async def test_only_who_may_manage_modules_does(world: World) -> None:
    for user in ("author", "operator", "viewer"):
        for method, path in (("PUT", ""), ("DELETE", ""), ("POST", "/rotate-key")):
            body = {"json": SCANNER} if method == "PUT" else {}
            assert (await world.send(user, method, "/modules/scanner" + path, **body)).status_code == 403


async def test_a_built_in_module_is_neither_deleted_nor_given_a_key(world: World) -> None:
    assert (await world.send("admin", "DELETE", "/modules/core")).status_code == 404
    assert (await world.send("admin", "POST", "/modules/core/rotate-key")).status_code == 404


@pytest.mark.parametrize("path", ["", "/rotate-key"])
async def test_a_key_whose_request_died_before_its_answer_is_shown_to_the_one_that_repeats_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    ticks = itertools.count(1)
    start = stage.clock.now()
    monkeypatch.setattr(stage.clock, "now", lambda: start + timedelta(seconds=next(ticks)))
    if path:
        assert (await put(stage.world)).is_success
    method, more = ("POST", {}) if path else ("PUT", {"json": SCANNER})
    headers = {"Idempotency-Key": "once"}

    def die(moment: Moment, container: Container) -> None:
        if (moment, container) == ("after", TENANCY):
            raise Killed

    stage.documents.interrupt = die
    with suppress(Killed):
        await stage.world.send("admin", method, "/modules/scanner" + path, headers=headers, **more)
    stage.documents.interrupt = None
    start += LEASE
    answer = await stage.world.send("admin", method, "/modules/scanner" + path, headers=headers, **more)
    assert answer.status_code == 200, answer.text
    assert answer.json()["secret"].startswith("whsec_")
    assert answer.json()["key"]["number"] == (2 if path else 1)
