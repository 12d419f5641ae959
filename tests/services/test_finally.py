"""What runs at last, and what an execution comes to."""

from typing import Any

import pytest

from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.ports.actions import ActionError, Completed
from tests.services.conftest import Workshop


def broken(_parameters: Any, context: Any) -> Completed:
    raise ActionError("BROKEN", f"{context.step_id} broke", retryable=False)


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    workshop.catalogue.add("act", lambda parameters, _context: Completed(parameters.model_dump()))
    workshop.catalogue.add("break", broken)


async def execute(workshop: Workshop, **definition: Any) -> Execution:
    await workshop.intents.create(workshop.ada, NewIntent(name="deploy", definition=definition))
    return await workshop.executions.execute(workshop.ada, "deploy", {})


LOOK = {
    "id": "look",
    "action": "act",
    "was": "${{ execution.status }}",
    "first": "${{ steps.a.status }}",
    "second": "${{ steps.b.status }}",
}


@pytest.mark.parametrize(
    ("status", "unrun"), [("failed", "skipped"), ("cancelled", "cancelled"), ("completed", "skipped")]
)
async def test_what_runs_last_sees_how_the_execution_and_each_step_stand(
    workshop: Workshop, status: str, unrun: str
) -> None:
    steps = [{"id": "a", "action": "act"}, {"id": "b", "action": "act"}]
    execution = await execute(workshop, steps=steps, **{"finally": [LOOK]})
    await workshop.attempt(execution, "a", first=True)
    assert (await workshop.attempt(execution, "look", ending=status))["status"] == "completed"
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert [step.id for step in found.steps] == ["a", "b", "look"]
    assert found.steps[2].outputs == {"was": status, "first": "completed", "second": unrun}
    assert found.progress.total == 3


async def test_what_runs_last_is_not_given_up_when_the_execution_is_being_cancelled(
    workshop: Workshop,
) -> None:
    execution = await execute(
        workshop, steps=[{"id": "a", "action": "act"}], **{"finally": [LOOK | {"second": 1}]}
    )
    await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")
    assert (await workshop.attempt(execution, "look", ending="cancelled"))["status"] == "completed"


async def test_an_execution_that_completes_comes_to_its_outputs_and_its_end_tells_them(
    workshop: Workshop,
) -> None:
    outputs = {
        "image": "${{ steps.a.outputs.image }}",
        "all": {"fixed": 1, "by": ["${{ execution.status }}"]},
    }
    execution = await execute(
        workshop, steps=[{"id": "a", "action": "act", "image": "shop:1"}], outputs=outputs
    )
    await workshop.attempt(execution, "a", first=True)
    for _ in range(2):
        await workshop.finish(execution, "completed")
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.outputs == {"image": "shop:1", "all": {"fixed": 1, "by": ["completed"]}}
    events = await workshop.events(execution)
    assert [event["type"] for event in events].count("execution_completed") == 1
    assert events[-1]["result"] == found.outputs


async def test_outputs_that_cannot_be_made_fail_the_execution_and_say_which_expression(
    workshop: Workshop,
) -> None:
    execution = await execute(
        workshop,
        steps=[{"id": "a", "action": "act", "when": "target == 'never'"}],
        target="here",
        outputs={"image": "${{ steps.a.outputs.image }}"},
    )
    await workshop.attempt(execution, "a", first=True)
    await workshop.finish(execution, "completed")
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.status, found.outputs) == ("failed", None)
    assert found.error is not None
    assert found.error["code"] == "OUTPUTS"
    assert "steps.a.outputs.image" in found.error["message"]


async def test_outputs_that_are_too_large_fail_the_execution(workshop: Workshop) -> None:
    part = {"id": "a", "action": "act", "text": "x" * 450_000}
    outputs = {f"part{n}": "${{ steps.a.outputs.text }}" for n in range(40)}
    execution = await execute(workshop, steps=[part], outputs=outputs)
    await workshop.attempt(execution, "a", first=True)
    await workshop.finish(execution, "completed")
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.status, (found.error or {})["code"]) == ("failed", "OUTPUTS")


async def test_an_execution_that_fails_has_no_outputs(workshop: Workshop) -> None:
    execution = await execute(
        workshop, steps=[{"id": "a", "action": "break"}], outputs={"x": "${{ steps.a.status }}"}
    )
    await workshop.attempt(execution, "a", first=True)
    await workshop.finish(execution, "failed", failed=["a"])
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.status, found.outputs, (found.error or {})["code"]) == ("failed", None, "BROKEN")


async def test_an_execution_whose_time_is_over_is_marked_and_ends_with_that_cause(workshop: Workshop) -> None:
    execution = await execute(
        workshop, timeout=30, steps=[{"id": "a", "action": "act"}, LOOK | {"second": 1}]
    )
    _, work = workshop.orchestrations.started[execution.execution_id]
    assert work["timeout"] == 30
    await workshop.attempt(execution, "a", first=True)
    for _ in range(2):
        await workshop.finish(execution, "cancelling")
    assert (await workshop.head(execution))["status"] == "cancelling"
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id}
    ends = {"failed": [], "blocked": [], "cancelled": ["look"], "expired": True}
    await workshop.endings.finish({**ids, "status": "cancelled", **ends})
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.status, (found.error or {})["code"]) == ("cancelled", "DEADLINE")
    assert "30 s" in (found.error or {})["message"]
    await workshop.finish(execution, "cancelling")
    assert (await workshop.head(execution))["status"] == "cancelled"


async def test_what_fails_at_last_stands_behind_the_time_that_was_over(workshop: Workshop) -> None:
    steps = [{"id": "a", "action": "act"}, {"id": "b", "action": "break"}]
    execution = await execute(
        workshop, timeout=30, steps=steps, **{"finally": [{"id": "last", "action": "break"}]}
    )
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id, "status": "cancelled"}
    await workshop.attempt(execution, "last", ending="cancelled")
    ends = {"failed": ["last"], "blocked": [], "cancelled": ["a", "b"], "expired": True}
    await workshop.endings.finish({**ids, **ends})
    error = (await workshop.executions.get(workshop.ada, execution.execution_id)).error or {}
    assert (error["code"], error["also_failed"]) == ("DEADLINE", ["last"])
