"""A tenant's secrets over the wire: what is put is never shown, and everything about it is."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from shared.domain.canonical import content_hash
from shared.domain.errors import UnavailableError
from shared.domain.secrets import MAX_VALUE_BYTES, NewSecret
from shared.security.scope import TenantScope
from shared.services.secrets.leftovers import PATIENCE
from shared.services.secrets.values import Purpose, SecretValues
from tests.fakes.documents import Killed
from tests.fakes.secrets import KeptSecrets
from tests.http.harness import Stage, World
from tests.stores import BOTH_STORES
from tests.vaults import REAL_VAULTS

VALUE, NEXT = "hunter2-hunter2", "correct horse battery"
ACME, GLOBEX = TenantScope("acme"), TenantScope("globex")
STEPS = [{"id": "a", "action": "assert", "condition": "true"}]
NAMES_IT = {"steps": STEPS, "parameters": {"type": "object", "description": "as ${{ secrets.TOKEN }} says"}}


async def put(world: World, name: str = "TOKEN", value: str = VALUE, **fields: Any) -> dict[str, Any]:
    response = await world.send("admin", "PUT", f"/secrets/{name}", json={"value": value, **fields})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def resolved(world: World, name: str = "TOKEN", scope: TenantScope = ACME) -> tuple[int, str] | None:
    found = await world.platform.secret_values.resolve_for(scope, Purpose("01EXECUTION", "a"), [name])
    return (found[name].version, found[name].value) if name in found else None


def vault_of(world: World) -> KeptSecrets:
    assert isinstance(world.adapters.secrets, KeptSecrets)
    return world.adapters.secrets


async def kept(world: World, scope: TenantScope = ACME) -> int:
    """How many values the vault has under a key of its own."""
    return len([one async for one in world.adapters.secrets.names(scope)])


@BOTH_STORES
@REAL_VAULTS
async def test_a_secret_is_put_listed_rotated_and_deleted_and_never_shown(world: World) -> None:
    made = await put(world, description="for the registry")
    assert made | {"created_at": 0, "updated_at": 0} == {
        "name": "TOKEN",
        "description": "for the registry",
        "version": 1,
        "created_at": 0,
        "created_by": "admin@acme",
        "updated_at": 0,
        "updated_by": "admin@acme",
    }
    assert await resolved(world) == (1, VALUE)
    got = await world.send("author", "GET", "/secrets/TOKEN")
    assert got.json() == made | {"last_used": got.json()["last_used"], "used_by": []}
    rotated = await world.send(
        "admin", "PUT", "/secrets/TOKEN", json={"value": NEXT}, headers={"If-Match": got.headers["etag"]}
    )
    assert (rotated.json()["version"], rotated.json()["description"]) == (2, "for the registry")
    assert (await world.send("auditor", "GET", "/secrets")).json()["items"] == [rotated.json()]
    assert await resolved(world) == (2, NEXT)
    assert (await world.send("admin", "DELETE", "/secrets/TOKEN")).status_code == 204
    assert await resolved(world) is None
    assert (await world.send("admin", "GET", "/secrets/TOKEN")).status_code == 404
    records = (await world.send("auditor", "GET", "/audit")).json()["items"]
    assert [one["action"] for one in records] == ["secret.delete", "secret.rotate", "secret.put"]
    assert records[1]["before"] == {"name": "TOKEN", "description": "for the registry", "version": 1}
    assert await kept(world) == 0


@REAL_VAULTS
async def test_a_name_has_another_life_after_each_deletion(world: World) -> None:
    """Key Vault keeps what was deleted under its own name for days: that is in nobody's way."""
    for life in ("first life", "second life", "third life"):
        assert (await put(world, value=life))["version"] == 1
        assert await resolved(world) == (1, life)
        assert (await put(world, value=life + ", rotated"))["version"] == 2
        assert await resolved(world) == (2, life + ", rotated")
        assert (await world.send("admin", "DELETE", "/secrets/TOKEN")).status_code == 204
        assert (await resolved(world), await kept(world)) == (None, 0)


async def test_a_list_has_pages_by_name(world: World) -> None:
    for name in ("b", "A", "c"):
        await put(world, name)
    first = (await world.send("operator", "GET", "/secrets", params={"limit": 2})).json()
    rest = await world.send("operator", "GET", "/secrets", params={"cursor": first["next_cursor"]})
    assert [one["name"] for one in [*first["items"], *rest.json()["items"]]] == ["A", "b", "c"]


async def test_a_stale_if_match_changes_nothing_and_puts_nothing(world: World) -> None:
    await put(world)
    old = (await world.send("admin", "GET", "/secrets/TOKEN")).headers["etag"]
    await put(world, value=NEXT)
    for method, sent in (("PUT", {"json": {"value": "a third value"}}), ("DELETE", {})):
        response = await world.send("admin", method, "/secrets/TOKEN", headers={"If-Match": old}, **sent)
        assert (response.status_code, response.json()["code"]) == (412, "STALE")
    absent = await world.send(
        "admin", "PUT", "/secrets/NEW", json={"value": VALUE}, headers={"If-Match": "*"}
    )
    assert absent.status_code == 412
    assert await resolved(world) == (2, NEXT)
    assert await kept(world) == 1


async def test_tenants_know_nothing_of_each_others_secrets(world: World) -> None:
    await put(world)
    assert (await world.send("eve", "GET", "/secrets")).json()["items"] == []
    theirs = await world.send("eve", "PUT", "/secrets/TOKEN", json={"value": "eve's own value"})
    assert theirs.json()["version"] == 1
    assert (await world.send("eve", "DELETE", "/secrets/TOKEN")).status_code == 204
    assert await resolved(world) == (1, VALUE)
    assert await resolved(world, scope=GLOBEX) is None


@pytest.mark.parametrize(
    ("name", "body", "pointer", "code"),
    [
        ("1TOKEN", {}, "/name", "INVALID"),
        ("TO-KEN", {}, "/name", "INVALID"),
        ("x" * 64, {}, "/name", "INVALID"),
        ("TOKEN", {"value": "pass123"}, "/value", "TOO_SHORT"),
        ("TOKEN", {"value": "  pass123  "}, "/value", "TOO_SHORT"),
        ("TOKEN", {"value": "&amp;&amp;"}, "/value", "TOO_SHORT"),
        ("TOKEN", {"value": "\\" * 12}, "/value", "TOO_SHORT"),
        ("TOKEN", {"value": "é" * (MAX_VALUE_BYTES // 2) + "x"}, "/value", "TOO_LONG"),
        ("TOKEN", {"description": "x" * 501}, "/description", "TOO_LONG"),
    ],
)
async def test_what_breaks_a_rule_is_refused_without_showing_the_value(
    world: World, name: str, body: dict[str, Any], pointer: str, code: str
) -> None:
    response = await world.send("admin", "PUT", f"/secrets/{name}", json={"value": VALUE, **body})
    assert response.status_code == 422
    assert [(one["pointer"], one["code"]) for one in response.json()["errors"]] == [(pointer, code)]
    assert VALUE not in response.text
    assert "pass123" not in response.text
    assert await kept(world) == 0


@pytest.mark.parametrize(
    "body", [{}, {"value": 12345678}, {"value": [VALUE]}, {"value": None}, {"value": VALUE, "valeu": VALUE}]
)
async def test_what_is_not_of_the_documented_shape_is_refused_without_showing_the_value(
    world: World, body: dict[str, Any]
) -> None:
    response = await world.send("admin", "PUT", "/secrets/TOKEN", json=body)
    assert response.status_code == 400
    assert VALUE not in response.text
    assert "12345678" not in response.text


async def test_what_there_is_no_room_for_is_not_in_the_vault_either(world: World) -> None:
    settings = {"settings": {"quotas": {"secrets": 1}}}
    assert (await world.send("admin", "PATCH", "/tenants/acme", json=settings)).is_success
    await put(world)
    refused = await world.send("admin", "PUT", "/secrets/OTHER", json={"value": VALUE})
    assert (refused.status_code, refused.json()["code"]) == (429, "QUOTA_EXCEEDED")
    assert (await put(world, value=NEXT))["version"] == 2
    assert await kept(world) == 1


@BOTH_STORES
async def test_a_secret_that_an_active_intent_mentions_is_deleted_on_purpose_only(world: World) -> None:
    await put(world)
    await world.intent("deploy", definition=NAMES_IT)
    await world.intent("other")
    assert (await world.send("viewer", "GET", "/intents/deploy")).is_success
    assert (await world.send("admin", "GET", "/secrets/TOKEN")).json()["used_by"] == ["deploy"]
    refused = await world.send("admin", "DELETE", "/secrets/TOKEN")
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert "deploy" in refused.json()["detail"]
    assert await resolved(world) == (1, VALUE)
    meant = await world.send("admin", "DELETE", "/secrets/TOKEN", params={"even_if_used": "true"})
    assert meant.status_code == 204


async def test_an_intent_that_is_archived_or_changed_mentions_nothing_any_more(world: World) -> None:
    await put(world)
    for name in ("gone", "changed"):
        await world.intent(name, definition=NAMES_IT)
    assert (await world.send("author", "DELETE", "/intents/gone")).is_success
    body = {"definition": {"steps": STEPS}}
    assert (
        await world.send("author", "PUT", "/intents/changed", json=body, headers={"If-Match": "*"})
    ).is_success
    assert (await world.send("admin", "GET", "/secrets/TOKEN")).json()["used_by"] == []
    assert (await world.send("admin", "DELETE", "/secrets/TOKEN")).status_code == 204


@BOTH_STORES
async def test_its_last_use_is_told_at_most_a_minute_late(stage: Stage) -> None:
    world, values = stage.world, stage.world.platform.secret_values
    await put(world)
    assert (await world.send("admin", "GET", "/secrets/TOKEN")).json()["last_used"] is None
    for execution, step in (("01A", "build"), ("01B", "push")):
        await values.resolve_for(ACME, Purpose(execution, step), ["TOKEN", "NONE"])
    first = (await world.send("admin", "GET", "/secrets/TOKEN")).json()
    assert (first["last_used"]["execution_id"], first["last_used"]["step"]) == ("01A", "build")
    stage.clock.advance(60)
    await values.resolve_for(ACME, Purpose("01C", "push"), ["TOKEN"])
    then = await world.send("admin", "GET", "/secrets/TOKEN")
    assert (then.json()["last_used"]["execution_id"], then.json()["version"]) == ("01C", 1)
    await put(world, value=NEXT)
    assert (await world.send("admin", "GET", "/secrets/TOKEN")).json()["last_used"] is not None
    await world.send("admin", "DELETE", "/secrets/TOKEN")
    await put(world)
    assert (await world.send("admin", "GET", "/secrets/TOKEN")).json()["last_used"] is None


async def test_the_vault_is_asked_once_for_a_value_and_at_once_for_the_next(stage: Stage) -> None:
    world = stage.world
    await put(world)
    for _ in range(3):
        assert await resolved(world) == (1, VALUE)
    assert vault_of(world).resolved == 1
    other = SecretValues(documents=stage.documents, vault=vault_of(world), clock=stage.clock)
    await other.resolve_for(ACME, Purpose("01A", "a"), ["TOKEN"])
    await put(world, value=NEXT)
    found = await other.resolve_for(ACME, Purpose("01A", "a"), ["TOKEN"])
    assert found["TOKEN"].value == NEXT
    stage.clock.advance(301)
    vault_of(world).resolved = 0
    assert await resolved(world) == (2, NEXT)
    assert vault_of(world).resolved == 1


async def test_a_value_shows_itself_in_no_representation(world: World) -> None:
    await put(world)
    found = await world.platform.secret_values.resolve_for(ACME, Purpose("01A", "a"), ["TOKEN"])
    assert VALUE not in repr(found)


async def test_with_the_vault_away_nothing_changes_and_the_caller_is_told_to_try_again(world: World) -> None:
    await put(world)
    vault_of(world).away = True
    for name in ("TOKEN", "NEW"):
        refused = await world.send("admin", "PUT", f"/secrets/{name}", json={"value": NEXT})
        assert (refused.status_code, refused.json()["code"]) == (503, "UNAVAILABLE")
    assert [one["version"] for one in (await world.send("admin", "GET", "/secrets")).json()["items"]] == [1]
    vault_of(world).away = False
    assert await resolved(world) == (1, VALUE)


async def test_readiness_says_that_the_vault_is_away_and_the_platform_is_not(world: World) -> None:
    await put(world)
    vault_of(world).away = True
    with pytest.raises(UnavailableError):
        await resolved(world)
    ready = await world.send(None, "GET", "/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert [(one["check"], one["cause"]) for one in ready.json()["impairments"]] == [("secrets", "failing")]


@BOTH_STORES
async def test_what_a_deletion_leaves_in_a_vault_that_is_away_is_swept_later(stage: Stage) -> None:
    world, leftovers = stage.world, stage.world.platform.leftovers
    await put(world)
    await put(world, "OTHER")
    vault_of(world).away = True
    assert (await world.send("admin", "DELETE", "/secrets/TOKEN")).status_code == 204
    vault_of(world).away = False
    assert await resolved(world) is None
    assert (await leftovers.sweep(), await kept(world)) == (0, 2)
    stage.clock.advance(PATIENCE.total_seconds())
    assert (await leftovers.sweep(), await kept(world)) == (1, 1)
    assert await leftovers.sweep() == 0
    assert await resolved(world, "OTHER") == (1, VALUE)


async def test_a_value_that_was_put_for_a_request_that_came_to_nothing_is_swept(stage: Stage) -> None:
    world = stage.world
    await die_after_the_vault(stage, "TOKEN")
    assert (await world.send("admin", "GET", "/secrets")).json()["items"] == []
    assert await kept(world) == 1
    assert (await put(world, value=NEXT))["version"] == 1
    stage.clock.advance(PATIENCE.total_seconds())
    assert (await world.platform.leftovers.sweep(), await kept(world)) == (1, 1)
    assert await resolved(world) == (1, NEXT)


async def test_a_rotation_that_came_to_nothing_leaves_the_value_as_it_was(stage: Stage) -> None:
    world = stage.world
    await put(world)
    await die_after_the_vault(stage, "TOKEN")
    assert await resolved(world) == (1, VALUE)
    stage.clock.advance(PATIENCE.total_seconds())
    assert await world.platform.leftovers.sweep() == 0
    assert await resolved(world) == (1, VALUE)


async def die_after_the_vault(stage: Stage, name: str) -> None:
    """A put whose process dies when the value is in the vault, and the document is about to be stored."""
    world = stage.world

    async def deposited(call: str) -> None:
        if call == "put":
            stage.documents.interrupt = die

    def die(*_: object) -> None:
        raise Killed

    vault_of(world).interrupt = deposited
    caller = await world.platform.authentication.authenticate(f"Bearer {world.token('admin')}", None)
    with pytest.raises(Killed):
        await world.platform.secrets.put(caller, name, NewSecret("a value that comes to nothing"))
    vault_of(world).interrupt, stage.documents.interrupt = None, None


async def test_a_rotation_that_loses_against_a_deletion_brings_nothing_back(stage: Stage) -> None:
    world = stage.world
    await put(world)
    etag = (await world.send("admin", "GET", "/secrets/TOKEN")).headers["etag"]

    async def delete_meanwhile(call: str) -> None:
        if call == "put":
            vault_of(world).interrupt = None
            assert (await world.send("admin", "DELETE", "/secrets/TOKEN")).status_code == 204
            assert await kept(world) == 0

    vault_of(world).interrupt = delete_meanwhile
    late = await world.send(
        "admin", "PUT", "/secrets/TOKEN", json={"value": NEXT}, headers={"If-Match": etag}
    )
    assert late.status_code == 412
    assert (await resolved(world), await kept(world)) == (None, 1)
    stage.clock.advance(PATIENCE.total_seconds())
    assert (await world.platform.leftovers.sweep(), await kept(world)) == (1, 0)


async def test_a_deletion_that_comes_between_a_step_and_its_value_gives_it_none(stage: Stage) -> None:
    world = stage.world
    await put(world)

    async def delete_meanwhile(call: str) -> None:
        if call == "resolve":
            vault_of(world).interrupt = None
            assert (await world.send("admin", "DELETE", "/secrets/TOKEN")).status_code == 204
            await put(world, value=NEXT)

    vault_of(world).interrupt = delete_meanwhile
    assert await resolved(world) == (1, NEXT)


def on_disk(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(data.glob("documents.db*")))


async def test_no_document_has_a_value_or_a_hash_that_finds_it_by_trying(stage: Stage, data: Path) -> None:
    world, body = stage.world, {"value": VALUE, "description": "d"}
    for name, key in (("TOKEN", "k"), ("TOKEN", "k"), ("TO-KEN", "l"), ("TOKEN", None)):
        headers = {"Idempotency-Key": key} if key else {}
        await world.send("admin", "PUT", f"/secrets/{name}", json=body, headers=headers)
    assert await resolved(world) == (2, VALUE)
    stored = on_disk(data)
    asked = {"method": "PUT", "path": "/api/v1/secrets/TOKEN", "query": "", "if_match": None, "content": body}
    told = [VALUE, content_hash(asked), content_hash(body), content_hash(VALUE)]
    told += [hashlib.sha256(VALUE.encode()).hexdigest(), base64.b64encode(VALUE.encode()).decode()]
    assert b"secret.rotate" in stored
    assert b"idempotency:" in stored
    assert [one for one in told if one.removeprefix("sha256:").encode() in stored] == []
