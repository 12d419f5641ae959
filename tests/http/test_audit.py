"""The audit trail over HTTP: who may see it, what it says, and what an export is worth."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from quantum.audit import main
from shared.ports.documents import EXECUTIONS, REGISTRY, Container, Delete, Patch
from shared.security.scope import TenantScope
from tests.http.harness import World
from tests.stores import BOTH_STORES

NDJSON = {"Accept": "application/x-ndjson"}
PATHS = ["/intents/deploy/audit", "/executions/{}/audit", "/audit", "/audit/verification"]


async def tamper(world: World, operation: Patch | Delete, container: Container, partition: str) -> None:
    await world.platform.adapters.documents.transact(
        TenantScope("acme"), container=container, partition=partition, operations=[operation]
    )


async def get(world: World, path: str) -> Any:
    response = await world.send("admin", "GET", path)
    assert response.status_code == 200, response.text
    return response.json()


async def export(world: World, file: Path, query: str = "") -> Path:
    response = await world.send("admin", "GET", "/audit" + query, headers=NDJSON)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    await asyncio.to_thread(file.write_bytes, response.content)
    return file


@BOTH_STORES
async def test_who_did_what_to_an_intent_is_told_with_its_verification(world: World) -> None:
    await world.intent()
    body = await get(world, "/intents/deploy/audit")
    (record,) = body["items"]
    assert (record["chain"], record["number"], record["action"]) == ("registry/deploy", 1, "intent.create")
    assert (record["principal"], record["tenant_id"]) == ("author@acme", "acme")
    assert record["before"] is None
    assert record["after"]["name"] == "deploy"
    assert body["next_cursor"] is None
    assert body["verification"] == {"verified": True, "chains": 1, "records": 1, "damage": []}


async def test_a_record_has_the_request_and_the_address_it_came_from_and_no_claimed_one(world: World) -> None:
    await world.send(
        "author",
        "POST",
        "/intents",
        json={"name": "deploy", "definition": {"steps": []}},
        headers={"X-Request-ID": "mine", "X-Forwarded-For": "198.51.100.1"},
    )
    (record,) = (await get(world, "/intents/deploy/audit"))["items"]
    assert (record["request_id"], record["address"]) == ("mine", "127.0.0.1")


@BOTH_STORES
async def test_who_did_what_to_an_execution_is_told_newest_first(world: World) -> None:
    execution = await world.execution()
    await world.send("operator", "POST", f"/executions/{execution}/cancel")
    body = await get(world, f"/executions/{execution}/audit")
    assert [record["action"] for record in body["items"]] == ["execution.cancel", "execution.create"]
    assert (body["items"][0]["before"], body["items"][0]["after"]) == (
        {"status": "pending"},
        {"status": "cancelling"},
    )
    assert body["verification"]["verified"]
    first = await get(world, f"/executions/{execution}/audit?limit=1")
    rest = await get(world, f"/executions/{execution}/audit?limit=1&cursor={first['next_cursor']}")
    assert first["items"] + rest["items"] == body["items"]
    assert rest["next_cursor"] is None
    assert rest["verification"]["records"] == 2


@BOTH_STORES
async def test_damage_is_named_where_it_is(world: World) -> None:
    execution = await world.execution()
    await tamper(world, Patch("audit:1", set={("principal",): "eve@acme"}), EXECUTIONS, execution)
    await tamper(world, Delete("audit:1"), REGISTRY, "deploy")
    chain = (await get(world, f"/executions/{execution}/audit"))["verification"]
    assert chain["verified"] is False
    (altered,) = chain["damage"]
    assert (altered["chain"], altered["number"], altered["kind"]) == (f"executions/{execution}", 1, "altered")
    every = await get(world, "/audit/verification")
    assert every["verified"] is False
    assert {(one["chain"], one["kind"]) for one in every["damage"]} == {
        (f"executions/{execution}", "altered"),
        ("registry/deploy", "truncated"),
    }
    assert (await get(world, "/audit/verification?intent=deploy"))["chains"] == 1


@BOTH_STORES
async def test_a_tenants_chains_are_verified_in_as_many_requests_as_it_takes(world: World) -> None:
    for name in ("a", "b", "c"):
        await world.intent(name)
    await world.execution()
    await tamper(world, Patch("audit:1", set={("principal",): "eve@acme"}), REGISTRY, "c")
    counts, damaged = list[tuple[int, int]](), list[str]()
    cursor: str | None = ""
    while cursor is not None:
        found = await get(world, f"/audit/verification?records=2{cursor and '&cursor=' + cursor}")
        counts.append((found["chains"], found["records"]))
        damaged += [one["chain"] for one in found["damage"]]
        cursor = found["next_cursor"]
    assert counts == [(2, 2), (2, 2), (1, 1)]
    assert damaged == ["registry/c"]


@BOTH_STORES
@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("", ["execution.create", "intent.create", "intent.create"]),
        ("principal=operator@acme", ["execution.create"]),
        ("principal=nobody@acme", []),
        ("action=intent.create", ["intent.create", "intent.create"]),
        ("action=intent.create&principal=author@acme&intent=other", ["intent.create"]),
        ("intent=deploy", ["intent.create"]),
        ("intent=absent", []),
        ("execution={}", ["execution.create"]),
        ("execution={}&intent=deploy", []),
        ("until=2024-01-01T00:00:00Z", []),
        ("since=2024-01-01T00:00:00%2B01:00", ["execution.create", "intent.create", "intent.create"]),
        ("since=9024-01-01T00:00:00Z", []),
    ],
)
async def test_the_trail_is_filtered_newest_first(world: World, query: str, actions: list[str]) -> None:
    await world.intent("other")
    execution = await world.execution()
    body = await get(world, "/audit?" + query.format(execution))
    assert [record["action"] for record in body["items"]] == actions


@BOTH_STORES
async def test_an_export_is_verified_offline(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.execution()
    file = await export(world, tmp_path / "export.ndjson")
    assert main(["verify", str(file)]) == 0
    assert capsys.readouterr().out.startswith("OK: 2 chains, 2 records of acme at ")
    file.write_text(file.read_text().replace("author@acme", "eve@acme"))
    assert main(["verify", str(file)]) == 1
    out = capsys.readouterr().out
    assert "registry/deploy, record 1: altered:" in out
    assert out.endswith("DAMAGED: 1 finding in 2 chains, 2 records\n")


async def test_a_later_export_is_held_against_an_earlier_one(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.intent("a")
    before = await export(world, tmp_path / "before.ndjson")
    await world.intent("b")
    after = await export(world, tmp_path / "after.ndjson")
    assert main(["verify", str(after), "--against", str(before)]) == 0
    assert main(["verify", str(before), "--against", str(after)]) == 1
    assert "registry/b, record 1: truncated: the earlier export has it" in capsys.readouterr().out


async def test_a_selection_is_exported_and_verified_as_far_as_it_goes(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.execution()
    file = await export(world, tmp_path / "export.ndjson", "?action=intent.create")
    *records, manifest = [json.loads(line) for line in file.read_text().splitlines()]
    assert [record["action"] for record in records] == ["intent.create"]
    assert manifest["manifest"]["complete"] is False
    assert main(["verify", str(file)]) == 0
    assert "a selection, and nothing in it is altered" in capsys.readouterr().out
    file.write_text(file.read_text().replace("author@acme", "eve@acme"))
    assert main(["verify", str(file)]) == 1


async def test_an_export_of_nothing_is_a_manifest(world: World, tmp_path: Path) -> None:
    file = await export(world, tmp_path / "export.ndjson")
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["manifest"]["chains"] == {}
    assert main(["verify", str(file)]) == 0


@pytest.mark.parametrize("path", PATHS)
async def test_only_who_may_read_the_trail_sees_it(world: World, path: str) -> None:
    path = path.format(await world.execution())
    assert (await world.send(None, "GET", path)).status_code == 401
    for user in ("viewer", "author", "operator"):
        response = await world.send(user, "GET", path)
        assert response.status_code == 403, user
        assert response.json()["code"] == "FORBIDDEN"
    assert (await world.send("admin", "GET", path)).status_code == 200


async def test_another_tenant_sees_nothing_of_it(world: World, tmp_path: Path) -> None:
    execution = await world.execution()
    for path in ("/intents/deploy/audit", f"/executions/{execution}/audit"):
        response = await world.send("eve", "GET", path)
        assert response.status_code == 404, path
    assert (await world.send("eve", "GET", f"/audit?execution={execution}")).json()["items"] == []
    assert (await world.send("eve", "GET", "/audit/verification")).json()["chains"] == 0
    exported = await world.send("eve", "GET", "/audit", headers=NDJSON)
    assert [*json.loads(exported.text)["manifest"]["chains"]] == []


@BOTH_STORES
@pytest.mark.parametrize("path", ["/intents/absent/audit", "/intents/deploy-v1/audit", "/executions/x/audit"])
async def test_what_is_not_there_is_not_found(world: World, path: str) -> None:
    await world.intent()
    assert (await world.send("admin", "GET", path)).status_code == 404


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/audit?limit=0", "/query/limit"),
        ("/audit?since=yesterday", "/query/since"),
        ("/audit?until=2024-01-01T00:00:00", "/query/until"),
        ("/audit?principal=", "/query/principal"),
        ("/audit?who=me", "/query/who"),
        ("/audit/verification?limit=1", "/query/limit"),
        ("/audit/verification?records=0", "/query/records"),
        ("/intents/deploy/audit?action=x", "/query/action"),
    ],
)
async def test_a_bad_query_is_400_with_its_place(world: World, path: str, pointer: str) -> None:
    response = await world.send("admin", "GET", path)
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_a_cursor_of_another_list_is_refused(world: World) -> None:
    for name in ("a", "b"):
        await world.intent(name)
    cursor = (await get(world, "/audit?limit=1"))["next_cursor"]
    for path in (
        f"/audit?limit=1&action=x&cursor={cursor}",
        f"/intents/a/audit?cursor={cursor}",
        f"/audit/verification?cursor={cursor}",
    ):
        assert (await world.send("admin", "GET", path)).status_code == 400


async def test_a_media_type_that_there_is_not_is_refused(world: World) -> None:
    response = await world.send("admin", "GET", "/audit", headers={"Accept": "text/csv"})
    assert response.status_code == 400
    assert "application/x-ndjson" in response.json()["detail"]


async def test_a_store_that_is_away_is_503(broken: World) -> None:
    response = await broken.send("admin", "GET", "/intents/deploy/audit")
    assert response.status_code == 503
    assert response.headers["retry-after"]
