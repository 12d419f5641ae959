import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from shared.domain.canonical import content_hash
from shared.domain.errors import (
    BadCursorError,
    BadRequestError,
    ConflictError,
    IfMatchRequiredError,
    NotExecutableError,
    NotFoundError,
    StaleError,
    ValidationFailedError,
)
from shared.domain.intents import Intent, NewVersion
from shared.ports.actions import Completed
from tests.services.conftest import Workshop, caller
from tests.services.test_intents import made, stored
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

FIRST: dict[str, Any] = {"target": "production", "steps": []}
SECOND: dict[str, Any] = {"target": "staging", "steps": []}
THIRD: dict[str, Any] = {"target": "moon", "steps": []}


async def put(workshop: Workshop, definition: Mapping[str, Any], **fields: Any) -> Intent:
    """Version after version, whatever the state is."""
    new = NewVersion(definition, **fields)
    return await workshop.versions.put(workshop.ada, "deploy", new, if_match={"*"})


async def current(workshop: Workshop) -> Intent:
    return await workshop.intents.get(workshop.ada, "deploy")


async def numbers(workshop: Workshop) -> list[tuple[int, str]]:
    found, _ = await workshop.versions.list(workshop.ada, "deploy")
    return [(version.version, version.state) for version in found]


async def test_a_new_definition_is_a_new_version_and_the_old_one_stays(workshop: Workshop) -> None:
    first = await made(workshop, definition=FIRST)
    workshop.clock.advance(60)
    new = NewVersion(SECOND, message="to staging")
    bob = caller(user="bob")
    second = await workshop.versions.put(bob, "deploy", new, if_match={first.etag})
    assert (second.id, second.definition, second.message) == ("deploy-v2", SECOND, "to staging")
    assert (second.created_by, second.content_hash) == ("bob@acme", content_hash(SECOND))
    assert second.created_at == second.updated_at > first.created_at
    assert second.etag != first.etag
    assert await current(workshop) == second
    old = await workshop.intents.get(workshop.ada, "deploy-v1")
    assert (old.definition, old.created_by, old.state) == (FIRST, "ada@acme", "superseded")


async def test_a_change_is_told_by_an_event_and_an_audit_record_of_its_own(workshop: Workshop) -> None:
    await made(workshop, definition=FIRST)
    await put(workshop, SECOND, labels={"team": "web"})
    documents = await stored(workshop)
    assert documents["event:2:intent_updated"]["data"] == {
        "name": "deploy",
        "version": 2,
        "latest_version": 2,
        "changed": ["definition", "labels"],
    }
    record = documents["audit:2"]
    assert (record["action"], record["principal"]) == ("intent.update", "ada@acme")
    assert (record["before"]["version"], record["after"]["version"]) == (1, 2)
    assert record["before"]["content_hash"] == content_hash(FIRST)
    assert record["previous_hash"] == documents["audit:1"]["hash"]
    assert documents["intent"]["audit"]["hash"] == record["hash"]


@pytest.mark.parametrize("same", [FIRST, {"steps": [], "target": "production"}])
async def test_what_is_the_same_already_makes_nothing(workshop: Workshop, same: dict[str, Any]) -> None:
    first = await made(workshop, definition=FIRST, labels={"team": "web"})
    again = await put(workshop, same, labels={"team": "web"}, description="", message="again")
    assert again == first
    assert set(await stored(workshop)) == {"intent", "version:1", "event:1:intent_created", "audit:1"}


async def test_other_words_for_the_same_definition_make_no_version(workshop: Workshop) -> None:
    first = await made(workshop, definition=FIRST)
    changed = await put(workshop, FIRST, description="Puts it there", labels={"team": "web"})
    assert (changed.version, changed.latest_version) == (1, 1)
    assert (changed.description, changed.labels) == ("Puts it there", {"team": "web"})
    assert changed.etag != first.etag
    assert set(await stored(workshop)) >= {"event:2:intent_updated", "audit:2"}
    kept = await put(workshop, SECOND)
    assert (kept.description, kept.labels) == ("Puts it there", {"team": "web"})


async def test_a_change_needs_to_say_of_which_state(workshop: Workshop) -> None:
    first = await made(workshop, definition=FIRST)
    with pytest.raises(IfMatchRequiredError):
        await workshop.versions.put(workshop.ada, "deploy", NewVersion(SECOND), if_match=None)
    await put(workshop, SECOND)
    for etag in (first.etag, "other"):
        with pytest.raises(StaleError):
            await workshop.versions.put(workshop.ada, "deploy", NewVersion(THIRD), if_match={etag})
    assert await numbers(workshop) == [(2, "active"), (1, "superseded")]


async def test_of_concurrent_writers_one_wins_and_the_others_are_told(workshop: Workshop) -> None:
    etag = (await made(workshop, definition=FIRST)).etag
    for turn in range(3):
        tries = (
            workshop.versions.put(
                workshop.ada, "deploy", NewVersion({"target": f"{turn}-{number}"}), if_match={etag}
            )
            for number in range(5)
        )
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Intent)]
        assert [type(outcome) for outcome in outcomes].count(StaleError) == 4
        assert winner.version == turn + 2
        etag = winner.etag
    assert [number for number, _ in await numbers(workshop)] == [4, 3, 2, 1]


async def test_writers_who_ask_for_no_state_all_get_their_version(workshop: Workshop) -> None:
    await made(workshop, definition=FIRST)
    outcomes = await asyncio.gather(*(put(workshop, {"target": str(number)}) for number in range(6)))
    assert sorted(outcome.version for outcome in outcomes) == [2, 3, 4, 5, 6, 7]
    for outcome in outcomes:
        kept = await workshop.intents.get(workshop.ada, outcome.id)
        assert kept.definition == outcome.definition


async def test_a_bad_definition_is_refused_and_stores_nothing(workshop: Workshop) -> None:
    first = await made(workshop, definition=FIRST)
    with pytest.raises(ValidationFailedError) as caught:
        await put(workshop, {"steps": [{"action": "no-such"}]}, labels={"": "x"})
    found = {error.pointer for error in caught.value.errors}
    assert found == {"/definition/steps/0/action", "/labels/"}
    assert await current(workshop) == first


async def test_a_draft_version_waits_until_it_is_put_to_use(workshop: Workshop) -> None:
    workshop.catalogue.add("step", lambda *_: Completed({}))
    await made(workshop, definition={"steps": [{"action": "step"}]})
    draft = await put(workshop, {"steps": [{"action": "step"}], "target": "b"}, activate=False)
    assert (draft.id, draft.state, draft.active_version) == ("deploy-v2", "draft", 1)
    assert (await current(workshop)).id == "deploy-v1"
    with pytest.raises(NotExecutableError):
        await workshop.executions.execute(workshop.ada, "deploy-v2", {})
    await workshop.lifecycle.amend(workshop.ada, "deploy", {"active_version": 2})
    assert (await current(workshop)).id == "deploy-v2"
    for named in ("deploy", "deploy-v2", "deploy-v1"):
        execution = await workshop.executions.execute(workshop.ada, named, {})
        assert execution.intent_id == ("deploy-v1" if named == "deploy-v1" else "deploy-v2")


async def test_the_same_draft_again_is_no_new_one_and_putting_it_to_use_makes_none(
    workshop: Workshop,
) -> None:
    await made(workshop, definition=FIRST)
    draft = await put(workshop, SECOND, activate=False)
    assert await put(workshop, SECOND, activate=False) == draft
    active = await put(workshop, SECOND)
    assert (active.version, active.active_version, active.latest_version) == (2, 2, 2)
    assert await numbers(workshop) == [(2, "active"), (1, "superseded")]


async def test_a_version_between_is_superseded_when_a_later_one_is_put_to_use(workshop: Workshop) -> None:
    await made(workshop, definition=FIRST)
    await put(workshop, SECOND, activate=False)
    await put(workshop, THIRD)
    assert await numbers(workshop) == [(3, "active"), (2, "superseded"), (1, "superseded")]


@pytest.mark.parametrize(("number", "error"), [(1, ConflictError), (4, ValidationFailedError)])
async def test_only_a_later_version_can_be_put_to_use(
    workshop: Workshop, number: int, error: type[Exception]
) -> None:
    await made(workshop, definition=FIRST)
    await put(workshop, SECOND)
    await put(workshop, THIRD, activate=False)
    with pytest.raises(error):
        await workshop.lifecycle.amend(workshop.ada, "deploy", {"active_version": number})
    assert (await current(workshop)).version == 2


async def test_a_rollback_makes_a_new_version_with_the_old_content(workshop: Workshop) -> None:
    await made(workshop, definition=FIRST)
    await put(workshop, SECOND)
    back = await workshop.versions.rollback(workshop.ada, "deploy", 1, message="it broke")
    assert (back.id, back.definition, back.message) == ("deploy-v3", FIRST, "it broke")
    assert back.content_hash == content_hash(FIRST)
    documents = await stored(workshop)
    assert documents["event:3:intent_rolled_back"]["data"] == {
        "name": "deploy",
        "version": 3,
        "from": 2,
        "to": 1,
    }
    assert documents["audit:3"]["action"] == "intent.rollback"
    assert await workshop.versions.rollback(workshop.ada, "deploy", 3, message=None) == back
    assert await workshop.versions.rollback(workshop.ada, "deploy", 1, message=None) == back
    assert len(await numbers(workshop)) == 3


async def test_what_cannot_be_rolled_back_to_is_refused(workshop: Workshop) -> None:
    etag = (await made(workshop, definition=FIRST)).etag
    await put(workshop, SECOND)
    with pytest.raises(NotFoundError):
        await workshop.versions.rollback(workshop.ada, "deploy", 3, message=None)
    with pytest.raises(NotFoundError):
        await workshop.versions.rollback(workshop.ada, "other", 1, message=None)
    with pytest.raises(StaleError):
        await workshop.versions.rollback(workshop.ada, "deploy", 1, message=None, if_match={etag})
    await workshop.lifecycle.archive(workshop.ada, "deploy")
    with pytest.raises(ConflictError):
        await workshop.versions.rollback(workshop.ada, "deploy", 1, message=None)


async def test_old_content_that_breaks_a_rule_of_today_is_not_rolled_back_to(workshop: Workshop) -> None:
    workshop.catalogue.add("step", lambda *_: Completed({}))
    await made(workshop, definition={"steps": [{"action": "step"}]})
    await put(workshop, SECOND)
    workshop.catalogue.remove("step")
    with pytest.raises(ValidationFailedError):
        await workshop.versions.rollback(workshop.ada, "deploy", 1, message=None)


async def test_the_history_is_a_list_of_pages_newest_first(workshop: Workshop) -> None:
    await made(workshop, definition=FIRST)
    for number in range(2, 13):
        await put(workshop, {"target": str(number)})
    seen: list[int] = []
    cursor: str | None = None
    while True:
        page, cursor = await workshop.versions.list(workshop.ada, "deploy", limit=5, cursor=cursor)
        seen += [version.version for version in page]
        if cursor is None:
            break
    assert seen == list(range(12, 0, -1))


async def test_a_cursor_is_of_one_intents_history(workshop: Workshop) -> None:
    await made(workshop, definition=FIRST)
    await made(workshop, "other", definition=FIRST)
    await put(workshop, SECOND)
    _, cursor = await workshop.versions.list(workshop.ada, "deploy", limit=1)
    with pytest.raises(BadCursorError):
        await workshop.versions.list(workshop.ada, "other", limit=1, cursor=cursor)


async def test_what_changed_is_told_from_the_version_before_unless_another_is_asked_for(
    workshop: Workshop,
) -> None:
    await made(workshop, definition=FIRST)
    with pytest.raises(BadRequestError):
        await workshop.versions.diff(workshop.ada, "deploy", old=None, new=None)
    await put(workshop, SECOND)
    await put(workshop, THIRD)
    found = await workshop.versions.diff(workshop.ada, "deploy", old=None, new=None)
    assert (found.old, found.new) == (2, 3)
    assert found.patch == [{"op": "replace", "path": "/target", "value": "moon"}]
    back = await workshop.versions.diff(workshop.ada, "deploy", old=3, new=1)
    assert back.lines == ['target: "moon" → "production"']
    with pytest.raises(NotFoundError):
        await workshop.versions.diff(workshop.ada, "deploy", old=1, new=4)


async def test_another_tenants_versions_are_not_there(workshop: Workshop) -> None:
    await made(workshop, definition=FIRST)
    eve = caller("globex", "eve")
    for use in (
        workshop.versions.put(eve, "deploy", NewVersion(SECOND), if_match={"*"}),
        workshop.versions.rollback(eve, "deploy", 1, message=None),
        workshop.versions.get(eve, "deploy", 1),
        workshop.versions.list(eve, "deploy"),
        workshop.versions.diff(eve, "deploy", old=1, new=1),
        workshop.lifecycle.amend(eve, "deploy", {"status": "archived"}),
    ):
        with pytest.raises(NotFoundError):
            await use
