"""Undoing a step that ran for each item of a list: exactly the items that completed, each once."""

import asyncio
from typing import Any

import pytest

from shared.domain.executions import Execution
from shared.modules.core import Transform
from shared.ports.actions import ActionError, Completed, Pending
from shared.ports.documents import EXECUTIONS
from tests.services.conftest import Workshop
from tests.stores import BOTH_STORES

EACH: dict[str, Any] = {
    "id": "each",
    "action": "make",
    "foreach": ["a", "b", "c"],
    "name": "${{ item }}",
    "compensate": {
        "action": "undo",
        "name": "${{ item }}",
        "room": "${{ steps.each.outputs.room }}",
        "was": "${{ steps.each.status }}",
    },
}
UNDOES: dict[str, Any] = {"ending": "failed", "compensates": True}


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    def make(parameters: Any, _context: Any) -> Completed:
        if parameters.name == "bad":
            raise ActionError("BROKEN", "it is bad", retryable=False)
        return Completed({"room": f"room {parameters.name}"})

    workshop.catalogue.add("make", make)
    workshop.catalogue.add("undo", lambda parameters, context: Completed(
        {**parameters.model_dump(), "key": context.idempotency_key.partition("/")[2]}
    ))  # fmt: skip


async def run(workshop: Workshop, *names: str, step: dict[str, Any] = EACH) -> Execution:
    """An execution whose items have run; then it is put together."""
    execution = await workshop.execute(step | {"foreach": list(names)})
    await workshop.attempt(execution, "each", first=True)
    for place in range(len(names)):
        await workshop.attempt(execution, "each", item=place)
    await workshop.attempt(execution, "each", collect=True)
    return execution


async def undo(
    workshop: Workshop, execution: Execution, item: int, attempt: int = 1, **more: Any
) -> dict[str, Any]:
    return await workshop.attempt(execution, "each", attempt, item=item, **UNDOES, **more)


async def undone(workshop: Workshop, execution: Execution) -> Any:
    """How undoing the step stands when the items are put together."""
    await workshop.attempt(execution, "each", collect=True, **UNDOES)
    return (await workshop.executions.get(workshop.ada, execution.execution_id)).steps[0]


async def item(workshop: Workshop, execution: Execution, place: int) -> Any:
    document = await workshop.documents.read(
        workshop.ada.scope,
        container=EXECUTIONS,
        partition=execution.execution_id,
        id=f"item:each:{place}",
    )
    assert document is not None
    return document.body


@BOTH_STORES
async def test_each_item_is_undone_with_what_it_came_to_and_then_the_step_is_compensated(
    workshop: Workshop,
) -> None:
    execution = await run(workshop, "a", "b", "c")
    told = len(await workshop.events(execution))
    outcome = await workshop.attempt(execution, "each", **UNDOES)
    assert outcome == {"status": "items", "count": 3, "limit": 10}
    for place in (2, 1, 0):
        assert await undo(workshop, execution, place) == {"status": "completed"}
    step = await undone(workshop, execution)
    assert step.status == "compensated"
    assert (step.compensation["status"], step.compensation["error"]) == ("completed", None)
    assert [one["status"] for one in step.outputs["items"]] == ["completed"] * 3
    events = (await workshop.events(execution))[told:]
    assert [event["type"] for event in events] == [
        "step_compensating",
        *["item_compensating", "item_compensated"] * 3,
        "step_compensated",
    ]
    assert events[2]["result"] == {
        "name": "c",
        "room": "room c",
        "was": "completed",
        "key": "each/2/compensation",
    }
    assert (await item(workshop, execution, 1))["status"] == "compensated"


async def test_what_undoes_an_item_may_be_of_the_same_action(workshop: Workshop) -> None:
    workshop.catalogue.use(Transform())
    made: dict[str, Any] = {"outputs": {"room": "room ${{ item }}"}}
    undone: dict[str, Any] = {"outputs": {"freed": "${{ steps.each.outputs.room }}"}}
    step = {"id": "each", "action": "transform", **made, "compensate": {"action": "transform", **undone}}
    execution = await run(workshop, "a", "b", step=step)
    await workshop.attempt(execution, "each", **UNDOES)
    await undo(workshop, execution, 1)
    assert (await workshop.events(execution))[-1]["result"] == {"freed": "room b"}


@BOTH_STORES
async def test_of_a_step_that_failed_half_way_exactly_the_items_that_completed_are_undone(
    workshop: Workshop,
) -> None:
    execution = await run(workshop, "a", "bad", "c", "bad")
    outcome = await workshop.attempt(execution, "each", **UNDOES)
    assert outcome == {"status": "items", "count": 3, "limit": 10}  # behind the third, none has completed
    assert await undo(workshop, execution, 2) == {"status": "completed"}
    assert await undo(workshop, execution, 1) == {"status": "skipped"}
    assert await undo(workshop, execution, 0) == {"status": "completed"}
    step = await undone(workshop, execution)
    assert (step.status, step.error["code"]) == ("failed", "BROKEN")
    assert step.compensation["status"] == "completed"
    assert (await workshop.types(execution)).count("item_compensated") == 2


async def test_of_a_step_that_was_cancelled_half_way_too_and_that_is_seen_in_the_end(
    workshop: Workshop,
) -> None:
    execution = await workshop.execute(EACH)
    await workshop.attempt(execution, "each", first=True)
    await workshop.attempt(execution, "each", item=0)
    outcome = await workshop.attempt(execution, "each", **UNDOES | {"ending": "cancelled"})
    assert outcome == {"status": "items", "count": 1, "limit": 10}
    await undo(workshop, execution, 0)
    await undone(workshop, execution)
    await workshop.finish(execution, "cancelled", cancelled=["each"])
    step = (await workshop.executions.get(workshop.ada, execution.execution_id)).steps[0]
    assert step.status == "cancelled"
    assert step.compensation is not None
    assert step.compensation["status"] == "completed"


@pytest.mark.parametrize("names", [[], ["bad"]], ids=["no item", "none that completed"])
async def test_where_no_item_has_completed_nothing_is_undone(workshop: Workshop, names: list[str]) -> None:
    execution = await run(workshop, *names, step=EACH | {"continue_on_error": True})
    events = await workshop.events(execution)
    assert await workshop.attempt(execution, "each", **UNDOES) == {"status": "skipped"}
    assert await workshop.events(execution) == events


@BOTH_STORES
async def test_whatever_is_delivered_twice_undoes_nothing_and_records_nothing_twice(
    workshop: Workshop,
) -> None:
    execution = await run(workshop, "a", "b")
    action = workshop.catalogue.add("undo", lambda _parameters, _context: Completed({}))
    first = await workshop.attempt(execution, "each", **UNDOES)
    for place in (1, 0):
        await undo(workshop, execution, place)
    await undone(workshop, execution)
    events = await workshop.events(execution)
    steps = workshop.forgetful()
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "each", "attempt": 1}
    assert first["count"] == 2
    assert await steps.run({**ids, **UNDOES}) == {"status": "completed"}
    assert await steps.run({**ids, **UNDOES, "item": 1}) == {"status": "completed"}
    assert await steps.run({**ids, **UNDOES, "collect": True}) == {"status": "completed"}
    assert await workshop.events(execution) == events
    assert len(action.runs) == 2


async def test_an_item_is_undone_with_retries_of_its_own_and_one_that_cannot_be_is_named(
    workshop: Workshop,
) -> None:
    def broken(parameters: Any, _context: Any) -> Completed:
        if parameters.name == "b":
            raise ActionError("STUCK", "it is stuck", retryable=True)
        return Completed({})

    retry = {"max_attempts": 2, "initial_interval": 10}
    step = EACH | {"compensate": EACH["compensate"] | {"retry": retry}}
    execution = await run(workshop, "a", "b", "c", step=step)
    workshop.catalogue.add("undo", broken)
    await workshop.attempt(execution, "each", **UNDOES)
    assert await undo(workshop, execution, 2) == {"status": "completed"}
    assert (await undo(workshop, execution, 1))["status"] == "retry"
    assert (await undo(workshop, execution, 1, 2))["status"] == "failed"
    assert await undo(workshop, execution, 0) == {"status": "completed"}
    state = await undone(workshop, execution)
    assert (state.status, state.compensation["status"]) == ("completed", "failed")
    assert state.compensation["error"] == {
        "code": "STUCK",
        "message": "1 items could not be undone; item 1: it is stuck",
        "items": [1],
    }
    assert (await workshop.types(execution))[-4:-1] == [
        "item_compensation_failed",
        "item_compensating",
        "item_compensated",
    ]


async def test_undoing_an_item_may_go_on_elsewhere(workshop: Workshop) -> None:
    execution = await run(workshop, "a")
    action = workshop.catalogue.add(
        "undo", lambda _parameters, _context: Completed({}) if action.polls else Pending(30, "job")
    )
    await workshop.attempt(execution, "each", **UNDOES)
    assert (await undo(workshop, execution, 0))["token"] == "job"
    assert await undo(workshop, execution, 0, token="job") == {"status": "completed"}


async def test_an_undoing_that_was_interrupted_is_done_again(workshop: Workshop) -> None:
    execution = await run(workshop, "a")
    action = workshop.catalogue.add("undo", lambda _parameters, _context: Completed({}))
    action.gate.clear()
    await workshop.attempt(execution, "each", **UNDOES)
    dying = asyncio.create_task(undo(workshop, execution, 0))
    await action.began.acquire()
    dying.cancel()
    await asyncio.wait({dying})
    action.gate.set()
    assert await undo(workshop, execution, 0) == {"status": "completed"}
    assert (await workshop.types(execution)).count("item_compensating") == 1


async def test_large_outputs_of_an_item_are_whole_where_it_is_undone(workshop: Workshop) -> None:
    rows = [{"n": n} for n in range(20_000)]
    workshop.catalogue.add("make", lambda _parameters, _context: Completed({"room": rows}))
    execution = await run(workshop, "a")
    seen: list[Any] = []

    def look(parameters: Any, _context: Any) -> Completed:
        seen.append(parameters.room)
        return Completed({})

    workshop.catalogue.add("undo", look)
    await workshop.attempt(execution, "each", **UNDOES)
    await undo(workshop, execution, 0)
    assert seen == [rows]


async def test_an_item_may_be_undone_by_the_action_that_did_it(workshop: Workshop) -> None:
    again = {"action": "make", "name": "${{ item }} of ${{ steps.each.outputs.room }}"}
    execution = await run(workshop, "a", step=EACH | {"compensate": again})
    await workshop.attempt(execution, "each", **UNDOES)
    assert await undo(workshop, execution, 0) == {"status": "completed"}
