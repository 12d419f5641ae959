import asyncio
from typing import Any

import pytest

from shared.adapters.system import RandomIds
from shared.domain.errors import ConflictError, DocumentStaleError, UnavailableError, ValidationFailedError
from shared.domain.intents import Intent, NewVersion
from shared.ports.actions import Completed
from shared.ports.documents import REGISTRY, Patch
from shared.services.registry.references import REFERRERS, References
from tests.services.conftest import Workshop
from tests.services.test_intents import made, stored
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


def running(*names: str) -> dict[str, Any]:
    return {
        "steps": [
            {"id": f"r{index}", "action": "run-intent", "intent": name} for index, name in enumerate(names)
        ]
    }


@pytest.fixture
def workshop(workshop: Workshop) -> Workshop:
    workshop.catalogue.add("run-intent", lambda *_: Completed({}))
    return workshop


async def runs(workshop: Workshop, name: str, *names: str, **fields: Any) -> Intent:
    """The intent with a new version that runs those of ``names``."""
    return await workshop.versions.put(
        workshop.ada, name, NewVersion(running(*names), **fields), if_match={"*"}
    )


async def archive(workshop: Workshop, name: str) -> None:
    await workshop.lifecycle.archive(workshop.ada, name)


async def problems(attempt: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationFailedError) as caught:
        await attempt
    return [(error.pointer, error.code) for error in caught.value.errors]


async def test_an_intent_runs_only_what_is_there(workshop: Workshop) -> None:
    await made(workshop, "archived")
    await archive(workshop, "archived")
    found = await problems(made(workshop, "a", definition=running("archived", "missing", "a")))
    assert [pointer for pointer, _ in found] == [f"/definition/steps/{index}/intent" for index in range(3)]
    assert await stored(workshop, "a") == {}


async def test_what_another_runs_is_not_archived(workshop: Workshop) -> None:
    await made(workshop, "b")
    await made(workshop, "a", definition=running("b-v1"))
    with pytest.raises(ConflictError, match="'b' is run by a;"):
        await archive(workshop, "b")
    assert (await workshop.intents.get(workshop.ada, "b")).status == "active"
    await archive(workshop, "a")
    await archive(workshop, "b")


async def test_a_version_that_does_without_lets_it_go(workshop: Workshop) -> None:
    await made(workshop, "b")
    await made(workshop, "a", definition=running("b"))
    await runs(workshop, "a")
    await archive(workshop, "b")
    assert await problems(workshop.versions.rollback(workshop.ada, "a", 1, message=None))


async def test_a_draft_holds_what_it_is_going_to_run(workshop: Workshop) -> None:
    for name in ("b", "c", "a"):
        await made(workshop, name)
    await runs(workshop, "a", "b", activate=False)
    await runs(workshop, "a", "c", activate=False)
    for name in ("b", "c"):
        with pytest.raises(ConflictError):
            await archive(workshop, name)
    await workshop.lifecycle.amend(workshop.ada, "a", {"active_version": 3})
    await archive(workshop, "b")
    with pytest.raises(ConflictError):
        await archive(workshop, "c")


async def test_what_is_restored_needs_what_it_runs(workshop: Workshop) -> None:
    await made(workshop, "b")
    await made(workshop, "a", definition=running("b"))
    await archive(workshop, "a")
    await archive(workshop, "b")
    restored = workshop.lifecycle.amend(workshop.ada, "a", {"status": "active"})
    assert await problems(restored) == [("/status", "ARCHIVED")]
    await workshop.lifecycle.amend(workshop.ada, "b", {"status": "active"})
    await workshop.lifecycle.amend(workshop.ada, "a", {"status": "active"})
    with pytest.raises(ConflictError):
        await archive(workshop, "b")


async def test_what_others_run_is_deprecated_with_a_warning(workshop: Workshop) -> None:
    await made(workshop, "b")
    await made(workshop, "a", definition=running("b"))
    gone = await workshop.lifecycle.amend(workshop.ada, "b", {"status": "deprecated"})
    assert [(warning.pointer, warning.code) for warning in gone.warnings] == [("/status", "REFERENCED")]
    assert "a still run" in gone.warnings[0].message


async def test_no_intent_runs_itself_in_a_circle(workshop: Workshop) -> None:
    await made(workshop, "a")
    for name, target in (("b", "a"), ("c", "b"), ("d", "c")):
        await made(workshop, name, definition=running(target))
    with pytest.raises(ValidationFailedError) as caught:
        await runs(workshop, "a", "d")
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/definition/steps/0/intent", "CYCLE")
    assert "a → d → c → b → a" in error.message
    assert (await workshop.intents.get(workshop.ada, "a")).version == 1
    await runs(workshop, "b")
    await runs(workshop, "a", "d")


async def test_what_was_refused_leaves_nothing_behind(workshop: Workshop) -> None:
    await made(workshop, "a")
    await made(workshop, "b", definition=running("a"))
    await problems(runs(workshop, "a", "b"))
    await archive(workshop, "b")


@pytest.mark.parametrize("size", [2, 3, 5])
async def test_of_writers_who_would_close_a_circle_together_not_all_succeed(
    workshop: Workshop, size: int
) -> None:
    names = [f"i{number}" for number in range(size)]
    for name in names:
        await made(workshop, name)
    outcomes = await asyncio.gather(
        *(runs(workshop, name, names[(index + 1) % size]) for index, name in enumerate(names)),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, ValidationFailedError)]
    assert refused
    assert all(isinstance(outcome, Intent | ValidationFailedError) for outcome in outcomes)


async def test_of_who_archives_and_who_refers_at_once_one_is_refused(workshop: Workshop) -> None:
    for number in range(8):
        await made(workshop, f"target-{number}")
        await made(workshop, f"user-{number}")
        referred, archived = await asyncio.gather(
            runs(workshop, f"user-{number}", f"target-{number}"),
            archive(workshop, f"target-{number}"),
            return_exceptions=True,
        )
        assert (isinstance(referred, Intent)) != (archived is None), (referred, archived)


async def test_who_registers_after_the_look_is_not_closed_out(workshop: Workshop) -> None:
    await made(workshop, "b")
    await made(workshop, "a", definition=running("b"))
    await runs(workshop, "a")
    references = References(workshop.documents, workshop.clock, RandomIds(workshop.clock))
    referrers, closing = await references.closing(workshop.ada.scope, "b")
    assert referrers == []
    await references.hold(workshop.ada.scope, "a", ["b"], places={})
    with pytest.raises(DocumentStaleError):
        await workshop.documents.transact(
            workshop.ada.scope, container=REGISTRY, partition="b", operations=[closing]
        )


async def test_a_writer_who_died_before_storing_holds_for_a_minute(workshop: Workshop) -> None:
    await made(workshop, "a")
    await made(workshop, "b")
    references = References(workshop.documents, workshop.clock, RandomIds(workshop.clock))
    hold = await references.hold(workshop.ada.scope, "a", ["b"], places={})
    with pytest.raises(ConflictError):
        await archive(workshop, "b")
    workshop.clock.advance(31)
    with pytest.raises(UnavailableError):
        hold.require_fresh()
    workshop.clock.advance(30)
    await archive(workshop, "b")


async def test_an_entry_newer_than_the_state_that_is_read_counts(workshop: Workshop) -> None:
    """A store may show another process's head as it was a moment ago."""
    await made(workshop, "b")
    await made(workshop, "a", definition=running("b"))
    await runs(workshop, "a")
    number = (await stored(workshop, "a"))["intent"]["audit"]["number"]
    entry = Patch(REFERRERS, set={("names", "a"): number + 1})
    await workshop.documents.transact(
        workshop.ada.scope, container=REGISTRY, partition="b", operations=[entry]
    )
    with pytest.raises(ConflictError):
        await archive(workshop, "b")
