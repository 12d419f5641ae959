"""A step that runs for each item of a list: each is recorded once, and all are put together in order."""

from typing import Any

import pytest

from shared.domain.executions import Execution
from shared.ports.actions import ActionError, Completed, Pending
from shared.services.steps.items import Item, gathered
from tests.services.conftest import Workshop
from tests.stores import BOTH_STORES

EACH: dict[str, Any] = {"id": "each", "action": "act", "foreach": ["a", "b", "c"], "name": "${{ item }}"}


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    def act(parameters: Any, context: Any) -> Completed:
        if parameters.name == "bad":
            raise ActionError("BROKEN", "it is bad", retryable=True)
        return Completed({"said": parameters.name, "key": context.idempotency_key.partition("/")[2]})

    workshop.catalogue.add("act", act)


async def spread(workshop: Workshop, step: dict[str, Any] = EACH, **parameters: Any) -> tuple[Execution, Any]:
    """An execution whose step has said which items there are, and that."""
    execution = await workshop.execute(step, **parameters)
    return execution, await workshop.attempt(execution, "each", first=True)


async def item(workshop: Workshop, execution: Execution, place: int, attempt: int = 1, **more: Any) -> Any:
    return await workshop.attempt(execution, "each", attempt, item=place, **more)


async def collected(workshop: Workshop, execution: Execution) -> Any:
    await workshop.attempt(execution, "each", collect=True)
    return (await workshop.executions.get(workshop.ada, execution.execution_id)).steps[0]


@BOTH_STORES
async def test_each_item_runs_and_their_outputs_are_put_together_in_the_order_of_the_list(
    workshop: Workshop,
) -> None:
    execution, outcome = await spread(workshop)
    assert outcome == {"status": "items", "count": 3, "limit": 10}
    for place in (2, 0, 1):
        assert await item(workshop, execution, place) == {"status": "completed"}
    step = await collected(workshop, execution)
    assert step.status == "completed"
    assert step.outputs["counts"] == {"total": 3, "completed": 3, "failed": 0, "skipped": 0}
    assert step.outputs["items"] == [
        {"status": "completed", "outputs": {"said": said, "key": f"each/{place}"}}
        for place, said in enumerate("abc")
    ]
    assert await workshop.types(execution) == [
        *("execution_started", "step_started"),
        *["item_started", "item_completed"] * 3,
        "step_completed",
    ]
    assert (await workshop.head(execution))["progress"]["completed"] == 1
    (began,) = [one for one in await workshop.events(execution) if one["type"] == "step_started"]
    assert began["items"] == 3, "whoever watches knows how many are to come"


async def test_whatever_is_delivered_twice_is_recorded_once(workshop: Workshop) -> None:
    execution, outcome = await spread(workshop)
    assert await workshop.attempt(execution, "each", first=True) == outcome
    for place in range(3):
        await item(workshop, execution, place)
    events = await workshop.events(execution)
    steps = workshop.forgetful()
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "each", "attempt": 1}
    assert await steps.run({**ids, "item": 1}) == {"status": "completed"}
    assert await workshop.events(execution) == events
    await collected(workshop, execution)
    events = await workshop.events(execution)
    assert await steps.run({**ids, "collect": True}) == {"status": "completed"}
    assert await steps.run(ids) == {"status": "completed"}
    assert await workshop.events(execution) == events


async def test_an_item_that_fails_is_tried_again_and_fails_the_step_with_its_place(
    workshop: Workshop,
) -> None:
    retry = {"max_attempts": 2, "initial_interval": 10}
    execution, _ = await spread(workshop, EACH | {"foreach": ["a", "bad", "c"], "retry": retry})
    await item(workshop, execution, 0)
    assert (await item(workshop, execution, 1))["status"] == "retry"
    assert (await item(workshop, execution, 1, 2))["status"] == "failed"
    step = await collected(workshop, execution)
    assert (step.status, step.error) == (
        "failed",
        {"code": "BROKEN", "message": "item 1: it is bad", "item": 1},
    )
    assert [one["status"] for one in step.outputs["items"]] == ["completed", "failed", "skipped"]
    assert (await workshop.types(execution)).count("item_failed") == 1


async def test_with_continue_on_error_the_step_completes_and_shows_each_error(workshop: Workshop) -> None:
    execution, _ = await spread(workshop, EACH | {"foreach": ["bad", "b"], "continue_on_error": True})
    for place in range(2):
        await item(workshop, execution, place)
    step = await collected(workshop, execution)
    assert (step.status, step.error) == ("completed", None)
    assert step.outputs["counts"] == {"total": 2, "completed": 1, "failed": 1, "skipped": 0}
    assert step.outputs["items"][0]["error"]["code"] == "BROKEN"


async def test_items_that_were_lost_fail_the_step(workshop: Workshop) -> None:
    execution, _ = await spread(workshop)
    await item(workshop, execution, 0)
    step = await collected(workshop, execution)
    assert (step.status, step.error["message"]) == ("failed", "2 of 3 items were not run")


async def test_an_item_may_go_on_elsewhere(workshop: Workshop) -> None:
    action = workshop.catalogue.add(
        "act", lambda _parameters, _context: Completed({}) if action.polls else Pending(30, "job")
    )
    execution, _ = await spread(workshop)
    assert await item(workshop, execution, 1) == {"status": "pending", "delay": 30, "token": "job"}
    assert await item(workshop, execution, 1, token="job") == {"status": "completed"}


@pytest.mark.parametrize(
    ("foreach", "count"), [("${{ parameters.names }}", 2), ("${{ parameters.names.filter(n, n > 'x') }}", 0)]
)
async def test_the_items_may_come_from_an_expression_and_be_none(
    workshop: Workshop, foreach: str, count: int
) -> None:
    execution, outcome = await spread(workshop, EACH | {"foreach": foreach}, names=["a", "b"])
    if count:
        assert outcome == {"status": "items", "count": count, "limit": 10}
        return
    assert outcome == {"status": "completed"}
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.steps[0].outputs or {})["items"] == []


@pytest.mark.parametrize(
    ("names", "told"), [("text", "must come to a list, and this is a text"), (["a"] * 10_001, "10001 items")]
)
async def test_what_is_no_list_or_too_long_fails_the_step(workshop: Workshop, names: Any, told: str) -> None:
    _, outcome = await spread(workshop, EACH | {"foreach": "${{ parameters.names }}"}, names=names)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "FOREACH")
    assert told in outcome["error"]["message"]


async def test_a_condition_that_does_not_hold_skips_the_whole_step(workshop: Workshop) -> None:
    _, outcome = await spread(workshop, EACH | {"when": "target == 'nowhere'"})
    assert outcome == {"status": "skipped"}


def test_outputs_that_are_too_much_to_keep_are_left_out_and_that_is_said() -> None:
    large = {place: Item("completed", None, {"text": "x" * 1000}) for place in range(1000)}
    outputs = gathered(large, 1000, limit=500_000)
    assert outputs["omitted"] == ["outputs"]
    assert outputs["items"][999] == {"status": "completed"}
    error = {"code": "A", "message": "y" * 5000}
    wrong = {place: Item("failed", error) for place in range(10_000)}
    outputs = gathered(wrong, 10_000, limit=500_000)
    assert outputs["omitted"] == ["outputs", "error"]
    assert outputs["counts"] == {"total": 10_000, "completed": 0, "failed": 10_000, "skipped": 0}


async def waiting_items(workshop: Workshop) -> Execution:
    """An execution whose step has an item that waits, and one that would be tried again."""
    workshop.catalogue.add("act", lambda parameters, _: _waits_or_fails(parameters.name))
    retry = {"max_attempts": 3}
    execution, _ = await spread(workshop, {**EACH, "foreach": ["wait", "again", "bad"], "retry": retry})
    assert (await item(workshop, execution, 0))["status"] == "pending"
    assert (await item(workshop, execution, 1))["status"] == "retry"
    return execution


def _waits_or_fails(name: str) -> Completed | Pending:
    if name == "wait":
        return Pending(60, "job")
    raise ActionError("BROKEN", "it is bad", retryable=name == "again")


async def late(workshop: Workshop, execution: Execution) -> Any:
    """A delivery of a look that comes when all is over: the job is done."""
    workshop.catalogue.add("act", lambda _, __: Completed({}))
    before = await workshop.events(execution)
    outcome = await item(workshop, execution, 0, token="job")
    assert await workshop.events(execution) == before
    return outcome


@BOTH_STORES
async def test_items_that_wait_when_the_execution_ends_come_to_nothing_behind_it(workshop: Workshop) -> None:
    execution = await waiting_items(workshop)
    await workshop.finish(execution, "cancelled", cancelled=["each"])
    assert await late(workshop, execution) == {"status": "cancelled"}
    assert (await workshop.head(execution))["load"] == 0


@BOTH_STORES
async def test_items_that_wait_when_another_has_failed_come_to_nothing_behind_their_step(
    workshop: Workshop,
) -> None:
    execution = await waiting_items(workshop)
    assert (await item(workshop, execution, 2))["status"] == "failed"
    step = await collected(workshop, execution)
    assert (step.status, step.error["item"]) == ("failed", 2)
    assert await late(workshop, execution) == {"status": "cancelled"}
    assert (await workshop.head(execution))["load"] == 0
