"""The end of an execution: told once, with its cause first, and nothing left open."""

from typing import Any

import pytest

from shared.ports.actions import ActionError, Completed, Pending
from tests.services.conftest import Workshop


def broken(_parameters: Any, context: Any) -> Completed:
    raise ActionError("BROKEN", f"{context.step_id} broke", retryable=False)


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    workshop.catalogue.add("act", lambda _parameters, _context: Completed({}))
    workshop.catalogue.add("break", broken)
    workshop.catalogue.add("wait", lambda _parameters, _context: Pending(60, "token"))


def chain(count: int, action: str = "act") -> list[dict[str, Any]]:
    return [{"id": f"s{number}", "action": action} for number in range(count)]


async def test_a_failure_has_its_cause_first_and_the_blocked_steps_are_told_as_skipped(
    workshop: Workshop,
) -> None:
    execution = await workshop.execute(*chain(2, "break"), *({"id": "x", "action": "act"},))
    await workshop.attempt(execution, "s1", first=True)
    await workshop.attempt(execution, "s0")
    await workshop.finish(execution, "failed", failed=["s1", "s0"], blocked=["x"])
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.status == "failed"
    assert found.error == {
        "step": "s1",
        "code": "BROKEN",
        "message": "s1 broke",
        "also_failed": ["s0"],
    }
    assert [step.status for step in found.steps] == ["failed", "failed", "skipped"]
    assert found.progress.percent == 100
    events = await workshop.events(execution)
    assert [event["type"] for event in events[-2:]] == ["step_skipped", "execution_failed"]
    assert events[-1]["error"]["step"] == "s1"


async def test_to_end_twice_changes_nothing(workshop: Workshop) -> None:
    execution = await workshop.execute(*chain(3, "break"))
    await workshop.attempt(execution, "s0", first=True)
    ends = {"failed": ["s0"], "blocked": ["s1", "s2"]}
    await workshop.finish(execution, "failed", **ends)
    events, head = await workshop.events(execution), await workshop.head(execution)
    workshop.clock.advance(5)
    await workshop.finish(execution, "failed", **ends)
    assert await workshop.events(execution) == events
    assert await workshop.head(execution) == head


async def test_a_cancelled_execution_leaves_no_step_open(workshop: Workshop) -> None:
    execution = await workshop.execute({"id": "w", "action": "wait"}, {"id": "x", "action": "act"})
    await workshop.attempt(execution, "w", first=True)
    await workshop.finish(execution, "cancelled", cancelled=["w", "x"])
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.status == "cancelled"
    assert [step.status for step in found.steps] == ["cancelled", "cancelled"]
    assert found.steps[0].started_at is not None


async def test_the_end_of_a_thousand_blocked_steps_is_told_whole(workshop: Workshop) -> None:
    execution = await workshop.execute(
        *chain(1, "break"), *({"id": f"x{n}", "action": "act"} for n in range(999))
    )
    await workshop.attempt(execution, "s0", first=True)
    await workshop.finish(execution, "failed", failed=["s0"], blocked=[f"x{n}" for n in range(999)])
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.progress.to_json() == {
        "total": 1000,
        "completed": 0,
        "failed": 1,
        "skipped": 999,
        "percent": 100,
    }
    assert (await workshop.types(execution)).count("step_skipped") == 999
