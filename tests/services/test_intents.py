import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from quantum.contract.chains import record_hash
from shared.domain.canonical import content_hash
from shared.domain.errors import BadCursorError, ConflictError, NotFoundError, ValidationFailedError
from shared.domain.intents import Intent, IntentFilter, NewIntent, NewVersion
from shared.ports.actions import Completed
from shared.ports.documents import REGISTRY
from shared.services.audit.chains import FIRST_LINK, record_of
from tests.services.conftest import Workshop, caller
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

STEPS = [{"id": "a", "action": "step"}]
DEFINITION = {"target": "production", "steps": []}


async def made(workshop: Workshop, name: str = "deploy", **fields: Any) -> Intent:
    new = NewIntent(name, **({"definition": DEFINITION} | fields))
    return await workshop.intents.create(workshop.ada, new)


async def stored(workshop: Workshop, name: str = "deploy") -> dict[str, Mapping[str, Any]]:
    """Every document of an intent, by id."""
    changes = await workshop.documents.changes(workshop.ada.scope, container=REGISTRY, partition=name)
    return {change.document.body["id"]: change.document.body for change in changes}


async def refused(workshop: Workshop, new: NewIntent) -> list[tuple[str, str]]:
    with pytest.raises(ValidationFailedError) as caught:
        await workshop.intents.create(workshop.ada, new)
    assert await stored(workshop, new.name) == {}
    return [(error.pointer, error.code) for error in caught.value.errors]


async def test_a_new_intent_is_stored_with_its_version_event_and_audit_record(workshop: Workshop) -> None:
    intent = await made(workshop, labels={"team": "web"}, description="Puts it there")
    documents = await stored(workshop)
    assert set(documents) == {"intent", "version:1", "event:1:intent_created", "audit:1"}
    assert {document["tenant_id"] for document in documents.values()} == {"acme"}
    assert {document["intent"] for document in documents.values()} == {"deploy"}
    assert documents["version:1"]["definition"] == DEFINITION
    assert documents["version:1"]["content_hash"] == intent.content_hash == content_hash(DEFINITION)
    assert documents["event:1:intent_created"]["type"] == "intent_created"
    assert documents["event:1:intent_created"]["data"] == {"version": 1, "name": "deploy"}


async def test_the_first_audit_record_begins_the_chain_that_the_head_continues(workshop: Workshop) -> None:
    await made(workshop)
    documents = await stored(workshop)
    record = documents["audit:1"]
    assert record["action"] == "intent.create"
    assert record["principal"] == "ada@acme"
    assert record["request_id"] == "r1"
    assert record["address"] == "192.0.2.7"
    assert record["before"] is None
    assert record["after"]["name"] == "deploy"
    assert record["previous_hash"] == FIRST_LINK["hash"]
    assert record["hash"] == record_hash(record_of(REGISTRY, record))
    head = documents["intent"]
    kept = {"number": 1, "hash": record["hash"]}
    assert head["audit"] == {**kept, "expires_at": None, "kept": kept}


async def test_of_two_that_take_a_name_at_once_one_gets_it(workshop: Workshop) -> None:
    outcomes = await asyncio.gather(*(made(workshop) for _ in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(Intent) == 1
    assert [type(outcome) for outcome in outcomes].count(ConflictError) == 4
    assert len(await stored(workshop)) == 4


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "A", "a_b", "a.b", "a b", "é", "a" * 64, "deploy-v1", "a-v007", "a/b", "a\n"]
)
async def test_a_name_that_is_no_slug_is_refused(workshop: Workshop, name: str) -> None:
    with pytest.raises(ValidationFailedError) as caught:
        await made(workshop, name)
    assert [error.pointer for error in caught.value.errors] == ["/name"]


@pytest.mark.parametrize("definition", [{}, {"steps": []}, {"steps": None}])
async def test_a_definition_needs_no_steps_to_be_stored(
    workshop: Workshop, definition: dict[str, Any]
) -> None:
    assert (await made(workshop, definition=definition)).definition == definition


async def test_an_intent_is_found_by_the_actions_of_its_steps(workshop: Workshop) -> None:
    workshop.catalogue.add("step", lambda *_: Completed({}))
    await made(workshop, definition={"steps": STEPS})
    await made(workshop, "other")
    found, _ = await workshop.intents.list(workshop.ada, IntentFilter(action="step"))
    assert [intent.name for intent in found] == ["deploy"]


@pytest.mark.parametrize("name", ["a", "0", "a" * 63, "deploy-v", "v1", "a-vb1", "deploy-2"])
async def test_a_slug_is_a_name(workshop: Workshop, name: str) -> None:
    assert (await made(workshop, name)).name == name
    assert (await workshop.intents.get(workshop.ada, name)).id == f"{name}-v1"


async def test_every_rule_that_is_broken_is_reported_at_once(workshop: Workshop) -> None:
    new = NewIntent(
        "deploy",
        {"steps": [{"action": "no-such"}, {"id": "b", "action": "also-not"}]},
        description="x" * 5000,
        labels={"a:b": "x", "team": "y" * 200, **{f"k{number}": "" for number in range(40)}},
    )
    found = await refused(workshop, new)
    assert set(found) == {
        ("/description", "TOO_LONG"),
        ("/labels", "TOO_MANY"),
        ("/labels/a:b", "VALUE"),
        ("/labels/team", "TOO_LONG"),
        ("/definition/steps/0/action", "UNKNOWN_ACTION"),
        ("/definition/steps/1/action", "UNKNOWN_ACTION"),
    }


async def test_an_older_version_is_found_by_its_id_and_the_active_one_by_name(workshop: Workshop) -> None:
    first = await made(workshop)
    await second_version(workshop, {"target": "staging"})
    assert (await workshop.intents.get(workshop.ada, "deploy")).id == "deploy-v2"
    assert (await workshop.intents.get(workshop.ada, "deploy-v2")).definition == {"target": "staging"}
    old = await workshop.intents.get(workshop.ada, "deploy-v1")
    assert (old.id, old.definition, old.content_hash) == ("deploy-v1", DEFINITION, first.content_hash)


async def second_version(workshop: Workshop, definition: dict[str, Any]) -> None:
    await workshop.versions.put(workshop.ada, "deploy", NewVersion(definition), if_match={"*"})


@pytest.mark.parametrize("id", ["deploy-v2", "deploy-v0", "deploy-v01", "other", "", "intent", "version:1"])
async def test_what_is_not_there_is_not_found(workshop: Workshop, id: str) -> None:
    await made(workshop)
    with pytest.raises(NotFoundError):
        await workshop.intents.get(workshop.ada, id)


async def test_another_tenants_intent_is_not_found(workshop: Workshop) -> None:
    await made(workshop)
    eve = caller("globex", "eve")
    with pytest.raises(NotFoundError):
        await workshop.intents.get(eve, "deploy")
    assert await workshop.intents.list(eve, IntentFilter()) == ([], None)


async def test_a_list_of_intents_shows_active_versions(workshop: Workshop) -> None:
    await made(workshop)
    await second_version(workshop, {})
    found, following = await workshop.intents.list(workshop.ada, IntentFilter())
    assert ([intent.id for intent in found], following) == (["deploy-v2"], None)


async def test_a_walk_goes_on_behind_what_is_written_meanwhile(workshop: Workshop) -> None:
    for name in ("b", "d", "f"):
        await made(workshop, name)
    first, cursor = await workshop.intents.list(workshop.ada, IntentFilter(), limit=2)
    for name in ("a", "c", "e"):
        await made(workshop, name)
    rest, end = await workshop.intents.list(workshop.ada, IntentFilter(), limit=10, cursor=cursor)
    assert [intent.name for intent in [*first, *rest]] == ["b", "d", "e", "f"]
    assert end is None


async def test_a_cursor_of_another_filter_is_refused(workshop: Workshop) -> None:
    for name in ("a", "b"):
        await made(workshop, name)
    _, cursor = await workshop.intents.list(workshop.ada, IntentFilter(), limit=1)
    for matching in (IntentFilter(sort="-name"), IntentFilter(labels=["a:b"])):
        with pytest.raises(BadCursorError):
            await workshop.intents.list(workshop.ada, matching, cursor=cursor)
