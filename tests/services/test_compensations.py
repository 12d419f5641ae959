"""Undoing a step: once, with its own retries, and recorded apart from the step's own attempts."""

import asyncio
from typing import Any

import pytest

from shared.domain.actions import SideEffect
from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.ports.actions import ActionError, Completed, Pending
from tests.services.conftest import Workshop

MAKE = {
    "id": "make",
    "action": "make",
    "compensate": {"action": "undo", "room": "${{ steps.make.outputs.room }}"},
}


def done(_parameters: Any, _context: Any) -> Completed:
    return Completed({})


def broken(_parameters: Any, _context: Any) -> Completed:
    raise ActionError("BROKEN", "it broke", retryable=True)


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    workshop.catalogue.add("make", lambda _parameters, _context: Completed({"room": "b12"}))
    workshop.catalogue.add("undo", lambda parameters, context: Completed(
        {**parameters.model_dump(), "key": context.idempotency_key.partition("/")[2]}
    ))  # fmt: skip
    workshop.catalogue.add("break", broken)


async def made(workshop: Workshop, step: dict[str, Any] = MAKE) -> Execution:
    """An execution whose step has completed."""
    execution = await workshop.execute(step)
    await workshop.attempt(execution, "make", first=True)
    return execution


async def undo(workshop: Workshop, execution: Execution, attempt: int = 1, **more: Any) -> dict[str, Any]:
    return await workshop.attempt(execution, "make", attempt, ending="failed", compensates=True, **more)


async def test_a_completed_step_is_undone_with_its_outputs_and_stays_completed_in_the_progress(
    workshop: Workshop,
) -> None:
    execution = await made(workshop)
    assert await undo(workshop, execution) == {"status": "completed"}
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    step = found.steps[0]
    assert (step.status, step.attempts, step.outputs) == ("compensated", 1, {"room": "b12"})
    assert step.compensation is not None
    assert (step.compensation["status"], step.compensation["attempts"]) == ("completed", 1)
    assert found.progress.completed == 1
    events = await workshop.events(execution)
    assert [event["type"] for event in events[-2:]] == ["step_compensating", "step_compensated"]
    assert events[-1]["result"] == {"room": "b12", "key": "make/compensation"}


async def test_a_second_delivery_undoes_nothing_and_records_nothing(workshop: Workshop) -> None:
    action = workshop.catalogue.add("undo", done)
    execution = await made(workshop)
    first = await undo(workshop, execution)
    events = await workshop.events(execution)
    again = await workshop.forgetful().run(
        {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "make", "attempt": 1}
        | {"ending": "failed", "compensates": True}
    )
    assert again == first
    assert await workshop.events(execution) == events
    assert len(action.runs) == 1


async def test_an_interrupted_compensation_is_run_again_unless_it_is_irreversible(workshop: Workshop) -> None:
    ends: dict[SideEffect, str] = {"idempotent": "completed", "irreversible": "failed"}
    for effect, status in ends.items():
        action = workshop.catalogue.add("undo", done, side_effect=effect)
        action.gate.clear()
        execution = await workshop.execute(MAKE, name=effect)
        await workshop.attempt(execution, "make", first=True)
        dying = asyncio.create_task(undo(workshop, execution))
        await action.began.acquire()
        dying.cancel()
        await asyncio.wait({dying})
        action.gate.set()
        assert (await undo(workshop, execution))["status"] == status
        assert (await workshop.types(execution)).count("step_compensating") == 1


async def test_a_compensation_that_fails_is_tried_again_and_then_told_while_the_step_stays_completed(
    workshop: Workshop,
) -> None:
    undoing = {"action": "break", "retry": {"max_attempts": 2, "initial_interval": 10}}
    execution = await made(workshop, MAKE | {"compensate": undoing})
    first = await undo(workshop, execution)
    assert first["status"] == "retry"
    assert 8 <= first["delay"] <= 12
    assert (await undo(workshop, execution, 2))["status"] == "failed"
    await workshop.finish(execution, "cancelled", uncompensated=["make"])
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.steps[0].status == "completed"
    assert (found.steps[0].compensation or {})["error"]["code"] == "BROKEN"
    assert found.error is not None
    assert (found.error["code"], found.error["uncompensated"]) == ("UNCOMPENSATED", ["make"])
    assert (await workshop.types(execution))[-5:] == [
        "step_compensating",
        "step_retrying",
        "step_compensating",
        "step_compensation_failed",
        "execution_cancelled",
    ]


async def test_what_could_not_be_undone_stands_behind_the_cause(workshop: Workshop) -> None:
    execution = await workshop.execute(MAKE, {"id": "bad", "action": "break"})
    await workshop.attempt(execution, "make", first=True)
    await workshop.attempt(execution, "bad")
    await workshop.finish(execution, "failed", failed=["bad"], uncompensated=["make"])
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.error == {
        "step": "bad",
        "code": "BROKEN",
        "message": "it broke",
        "uncompensated": ["make"],
    }


async def test_a_compensation_may_go_on_elsewhere(workshop: Workshop) -> None:
    def behaviour(_parameters: Any, _context: Any) -> Completed | Pending:
        return Completed({}) if action.polls else Pending(30, "job")

    action = workshop.catalogue.add("undo", behaviour)
    execution = await made(workshop)
    assert await undo(workshop, execution) == {"status": "pending", "delay": 30, "token": "job"}
    assert await undo(workshop, execution, token="job") == {"status": "completed"}
    assert (await workshop.types(execution)).count("step_compensating") == 1


async def test_what_did_not_complete_is_not_undone(workshop: Workshop) -> None:
    execution = await workshop.execute(MAKE)
    before = await workshop.events(execution)
    assert await undo(workshop, execution) == {"status": "skipped"}
    assert await workshop.events(execution) == before


async def test_who_looks_later_sees_that_a_step_was_undone(workshop: Workshop) -> None:
    """Also a process that has kept how the step ended."""
    look = {"id": "look", "action": "undo", "was": "${{ steps.make.status }}"}
    definition = {"steps": [MAKE], "finally": [look]}
    await workshop.intents.create(workshop.ada, NewIntent(name="deploy", definition=definition))
    execution = await workshop.executions.execute(workshop.ada, "deploy", {})
    await workshop.attempt(execution, "make", first=True)
    await undo(workshop, execution)
    await workshop.attempt(execution, "look", ending="failed")
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.steps[1].outputs or {})["was"] == "compensated"
