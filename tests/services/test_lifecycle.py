from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import (
    ConflictError,
    ForbiddenError,
    NotExecutableError,
    NotFoundError,
    StaleError,
    ValidationFailedError,
)
from shared.domain.intents import Amendment, Intent, NewVersion
from shared.domain.times import rfc3339
from shared.ports.actions import Completed
from tests.services.conftest import Workshop, caller
from tests.services.test_intents import made, stored
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

STEPS: dict[str, Any] = {"steps": [{"id": "a", "action": "step"}]}


async def amend(workshop: Workshop, **amendment: Any) -> Intent:
    given: Amendment = amendment  # type: ignore[assignment]  # a test may say anything
    return await workshop.lifecycle.amend(workshop.ada, "deploy", given)


async def actions(workshop: Workshop) -> list[str]:
    """What the audit records say was done, in order."""
    documents = await stored(workshop)
    count = sum(key.startswith("audit:") for key in documents)
    return [documents[f"audit:{number}"]["action"] for number in range(1, count + 1)]


async def test_labels_and_words_change_without_a_version(workshop: Workshop) -> None:
    first = await made(workshop, labels={"team": "web", "tier": "1"}, description="Old")
    changed = await amend(workshop, labels={"tier": None, "stage": "x"}, description="New")
    assert (changed.labels, changed.description) == ({"team": "web", "stage": "x"}, "New")
    assert (changed.version, changed.latest_version) == (1, 1)
    assert changed.etag != first.etag
    bare = await amend(workshop, labels=None, description=None)
    assert (bare.labels, bare.description) == ({}, "")
    documents = await stored(workshop)
    assert documents["event:2:intent_updated"]["data"]["changed"] == ["description", "labels"]
    assert await actions(workshop) == ["intent.create", "intent.update", "intent.update"]


@pytest.mark.parametrize(
    "amendment", [{}, {"status": "active"}, {"labels": {"x": None}}, {"active_version": 1}]
)
async def test_a_change_that_changes_nothing_writes_nothing(
    workshop: Workshop, amendment: dict[str, Any]
) -> None:
    first = await made(workshop)
    assert await amend(workshop, **amendment) == first
    assert await actions(workshop) == ["intent.create"]


async def test_every_bad_field_is_told_at_once_and_nothing_changes(workshop: Workshop) -> None:
    first = await made(workshop)
    with pytest.raises(ValidationFailedError) as caught:
        await amend(workshop, labels={"": "x"}, description="x" * 5000, successor="other")
    assert {error.pointer for error in caught.value.errors} == {"/labels/", "/description", "/successor"}
    assert await workshop.intents.get(workshop.ada, "deploy") == first


async def test_a_stale_etag_is_refused_and_a_fresh_one_is_not(workshop: Workshop) -> None:
    first = await made(workshop)
    second = await workshop.lifecycle.amend(
        workshop.ada, "deploy", {"description": "x"}, if_match={first.etag}
    )
    with pytest.raises(StaleError):
        await workshop.lifecycle.amend(workshop.ada, "deploy", {"description": "y"}, if_match={first.etag})
    with pytest.raises(StaleError):
        await workshop.lifecycle.archive(workshop.ada, "deploy", if_match={first.etag})
    await workshop.lifecycle.archive(workshop.ada, "deploy", if_match={"other", second.etag})


async def test_a_draft_is_not_executed_until_it_is_activated(workshop: Workshop) -> None:
    workshop.catalogue.add("step", lambda *_: Completed({}))
    await made(workshop, definition=STEPS, status="draft")
    with pytest.raises(NotExecutableError, match="activate it"):
        await workshop.executions.execute(workshop.ada, "deploy", {})
    await amend(workshop, status="active")
    assert (await workshop.executions.execute(workshop.ada, "deploy", {})).status == "pending"
    assert (await actions(workshop))[-1] == "intent.activate"
    with pytest.raises(ConflictError, match="deprecated or archived"):
        await amend(workshop, status="draft")


async def test_a_deprecated_intent_is_executed_and_says_what_to_use_instead(workshop: Workshop) -> None:
    workshop.catalogue.add("step", lambda *_: Completed({}))
    await made(workshop, definition=STEPS)
    await made(workshop, "newer")
    gone = await amend(workshop, status="deprecated", successor="newer")
    assert (gone.status, gone.successor) == ("deprecated", "newer")
    assert gone.deprecated_at == rfc3339(workshop.clock.now())
    execution = await workshop.executions.execute(workshop.ada, "deploy", {})
    assert execution.deprecation == gone.deprecation
    back = await amend(workshop, status="active")
    assert (back.successor, back.deprecated_at) == (None, None)
    assert (await workshop.executions.execute(workshop.ada, "deploy", {})).deprecation is None
    assert (await actions(workshop))[1:] == ["intent.deprecate", "intent.activate"]


@pytest.mark.parametrize("successor", ["other", "newer-v2", "deploy", "deploy-v1", "x y", "put-away"])
async def test_a_successor_is_another_intent_that_is_there(workshop: Workshop, successor: str) -> None:
    await made(workshop)
    await made(workshop, "newer")
    await made(workshop, "put-away")
    await workshop.lifecycle.archive(workshop.ada, "put-away")
    with pytest.raises(ValidationFailedError) as caught:
        await amend(workshop, status="deprecated", successor=successor)
    assert [error.pointer for error in caught.value.errors] == ["/successor"]


async def test_an_archived_intent_keeps_its_name_and_versions_and_is_not_executed(workshop: Workshop) -> None:
    workshop.catalogue.add("step", lambda *_: Completed({}))
    await made(workshop, definition=STEPS)
    running = await workshop.executions.execute(workshop.ada, "deploy", {})
    await workshop.lifecycle.archive(workshop.ada, "deploy")
    assert (await workshop.executions.get(workshop.ada, running.execution_id)).status == "pending"
    assert (await workshop.intents.get(workshop.ada, "deploy-v1")).status == "archived"
    for named in ("deploy", "deploy-v1"):
        with pytest.raises(NotExecutableError, match="restore it"):
            await workshop.executions.execute(workshop.ada, named, {})
    with pytest.raises(ConflictError):
        await made(workshop)
    with pytest.raises(ConflictError, match="restore it"):
        await workshop.versions.put(workshop.ada, "deploy", NewVersion({}), if_match={"*"})
    with pytest.raises(ConflictError, match="restore it"):
        await amend(workshop, description="x")
    documents = await stored(workshop)
    assert documents["event:2:intent_archived"]["data"]["status"] == "archived"
    assert await actions(workshop) == ["intent.create", "intent.archive"]


async def test_archiving_again_changes_nothing(workshop: Workshop) -> None:
    await made(workshop)
    await workshop.lifecycle.archive(workshop.ada, "deploy")
    await workshop.lifecycle.archive(workshop.ada, "deploy")
    assert await actions(workshop) == ["intent.create", "intent.archive"]


@pytest.mark.parametrize("status", ["active", "draft"])
async def test_an_archived_intent_can_be_restored(workshop: Workshop, status: str) -> None:
    await made(workshop, labels={"team": "web"})
    await workshop.lifecycle.archive(workshop.ada, "deploy")
    with pytest.raises(ConflictError, match="active or draft"):
        await amend(workshop, status="deprecated")
    back = await amend(workshop, status=status, description="again")
    assert (back.status, back.labels, back.description) == (status, {"team": "web"}, "again")
    await workshop.lifecycle.archive(workshop.ada, "deploy")
    assert (await actions(workshop))[1:] == ["intent.archive", "intent.restore", "intent.archive"]


async def test_who_may_only_change_does_not_archive_by_a_change(workshop: Workshop) -> None:
    await made(workshop)
    viewer = caller()
    viewer = replace(viewer, principal=replace(viewer.principal, roles=frozenset({"viewer"})))
    with pytest.raises(ForbiddenError):
        await workshop.lifecycle.amend(viewer, "deploy", {"status": "archived"})


async def test_what_is_not_there_cannot_change(workshop: Workshop) -> None:
    await made(workshop)
    for name in ("other", "deploy-v1", "", "Not A Name"):
        with pytest.raises(NotFoundError):
            await workshop.lifecycle.amend(workshop.ada, name, {"description": "x"})
