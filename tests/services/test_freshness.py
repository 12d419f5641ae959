"""A process whose reads lag behind what another has written decides nothing by what it has not seen."""

from typing import Any

import pytest

from shared.domain.executions import Execution
from shared.ports.actions import ActionError, Completed
from shared.ports.documents import EXECUTIONS
from tests.fakes.documents import LaggingDocuments
from tests.services.conftest import Workshop, composed

UNDONE = {
    "id": "a",
    "action": "act",
    "n": 1,
    "compensate": {"action": "act", "n": "${{ steps.a.outputs.n }}"},
}
EACH = {"id": "a", "action": "act", "foreach": [1, 2, 3], "n": "${{ item }}"}


def act(parameters: Any, _: Any) -> Completed:
    if parameters.n == 0:
        raise ActionError("BROKEN", "it is broken", retryable=False)
    return Completed({"n": parameters.n})


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    workshop.catalogue.add("act", act)


async def behind(workshop: Workshop, execution: Execution) -> Workshop:
    """Another process, which sees nothing that is written of the execution from now on."""
    documents = LaggingDocuments(workshop.documents)
    other = composed(documents, workshop.clock)
    other.catalogue.add("act", act)
    await documents.lag(workshop.ada.scope, EXECUTIONS, execution.execution_id)
    return other


async def test_the_results_of_a_step_that_has_ended_are_there(workshop: Workshop) -> None:
    after = {"id": "b", "action": "act", "n": "${{ steps.a.outputs.n + 1 }}"}
    execution = await workshop.execute({"id": "a", "action": "act", "n": 1}, after)
    other = await behind(workshop, execution)
    await workshop.attempt(execution, "a", first=True)
    assert await other.attempt(execution, "b") == {"status": "completed"}
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.steps[1].outputs == {"n": 2}


async def test_what_has_completed_is_undone(workshop: Workshop) -> None:
    execution = await workshop.execute(UNDONE)
    other = await behind(workshop, execution)
    await workshop.attempt(execution, "a", first=True)
    undone = await other.attempt(execution, "a", compensates=True, ending="failed")
    assert undone == {"status": "completed"}
    assert (await workshop.types(execution))[-1] == "step_compensated"


async def test_every_item_that_has_run_counts(workshop: Workshop) -> None:
    execution = await workshop.execute(EACH)
    await workshop.attempt(execution, "a", first=True)
    other = await behind(workshop, execution)
    for item in range(3):
        await workshop.attempt(execution, "a", item=item)
    assert (await other.attempt(execution, "a", collect=True))["status"] == "completed"


async def test_the_cause_is_told_and_no_step_is_left_open(workshop: Workshop) -> None:
    a: dict[str, Any] = {"id": "a", "action": "act", "n": 0}
    b: dict[str, Any] = {"id": "b", "action": "act", "retry": {"max_attempts": 2}}
    execution = await workshop.execute(a, b, {"id": "c", "action": "act", "depends_on": ["a", "b"]})
    other = await behind(workshop, execution)
    await workshop.attempt(execution, "a", first=True)
    workshop.catalogue.add("act", lambda *_: (_ for _ in ()).throw(ActionError("X", "x", retryable=True)))
    assert (await workshop.attempt(execution, "b"))["status"] == "retry"
    await other.finish(execution, "cancelled", failed=["a"], blocked=["c"], cancelled=["b"])
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.error or {})["code"] == "BROKEN"
    assert [step.status for step in found.steps] == ["failed", "cancelled", "skipped"]
