"""Why an execution waits, and each of its steps."""

from typing import Any

import pytest

from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.domain.waiting import Waiting
from shared.ports.actions import ActionError, Completed, Pending
from shared.services.executions.waiting import SHOWN
from tests.services.conftest import Workshop
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

NOW = "2026-01-02T03:04:05.000000Z"
LATER = "2026-01-02T03:05:05.000000Z"


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    def fails(_parameters: Any, _context: Any) -> Completed:
        raise ActionError("AWAY", "it is away", retryable=True, retry_after=60)

    child = Waiting("child", facts={"execution_id": "C"})
    workshop.catalogue.add("job", lambda _parameters, _context: Pending(30, {"job": 7}))
    workshop.catalogue.add("child", lambda _parameters, _context: Pending(30, "C", child))
    workshop.catalogue.add("away", fails)


async def shown(workshop: Workshop, execution: Execution) -> tuple[list[Any], dict[str, list[Any]]]:
    """What the execution waits for, and what each of its steps does."""
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    return list(found.waiting), {step.id: list(step.waiting) for step in found.steps}


async def test_a_step_shows_what_its_action_says_that_it_waits_for(workshop: Workshop) -> None:
    execution = await workshop.execute({"id": "a", "action": "child"}, {"id": "b", "action": "job"})
    for step in "ab":
        await workshop.attempt(execution, step)
    whole, steps = await shown(workshop, execution)
    child = {"for": "child", "step": "a", "since": NOW, "until": None, "execution_id": "C"}
    job = {"for": "poll", "step": "b", "since": NOW, "until": None}
    assert (steps, whole) == ({"a": [child], "b": [job]}, [child, job])


async def test_a_step_that_is_tried_again_says_when(workshop: Workshop) -> None:
    retry = {"max_attempts": 2, "initial_interval": 1}
    execution = await workshop.execute({"id": "a", "action": "away", "retry": retry})
    await workshop.attempt(execution, "a")
    assert (await shown(workshop, execution))[0] == [
        {"for": "retry", "step": "a", "since": NOW, "until": LATER}
    ]
    await workshop.attempt(execution, "a", 2)
    assert await shown(workshop, execution) == ([], {"a": []})


async def test_a_step_that_has_not_begun_names_those_that_it_waits_for_and_the_execution_does_not(
    workshop: Workshop,
) -> None:
    execution = await workshop.execute(
        {"id": "a", "action": "job"},
        {"id": "b", "action": "job"},
        {"id": "c", "action": "job", "depends_on": ["a", "b"]},
    )
    workshop.catalogue.add("job", lambda _parameters, _context: Completed())
    assert (await shown(workshop, execution))[1]["c"][0]["dependencies"] == ["a", "b"]
    await workshop.attempt(execution, "a")
    whole, steps = await shown(workshop, execution)
    assert steps["c"] == [
        {"for": "dependency", "step": "c", "since": NOW, "until": None, "dependencies": ["b"]}
    ]
    assert whole == []
    await workshop.attempt(execution, "b")
    assert (await shown(workshop, execution))[1]["c"] == []


async def test_a_list_shows_some_of_the_items_that_wait(workshop: Workshop) -> None:
    count = SHOWN + 5
    each = {"id": "each", "action": "job", "foreach": list(range(count))}
    execution = await workshop.execute(each)
    await workshop.attempt(execution, "each")
    for item in range(3):
        await workshop.attempt(execution, "each", item=item)
    whole, _ = await shown(workshop, execution)
    assert sorted(wait.pop("item") for wait in whole) == [0, 1, 2]
    assert whole[0] == {"for": "poll", "step": "each", "since": NOW, "until": None}
    for item in range(3, count):
        await workshop.attempt(execution, "each", item=item)
    assert len((await shown(workshop, execution))[0]) == SHOWN


async def test_what_has_ended_waits_for_nothing(workshop: Workshop) -> None:
    execution = await workshop.execute({"id": "a", "action": "job"}, {"id": "b", "action": "job"})
    await workshop.attempt(execution, "a")
    await workshop.finish(execution, "cancelled", cancelled=["a", "b"])
    assert await shown(workshop, execution) == ([], {"a": [], "b": []})


async def test_what_never_begins_waits_for_nothing_but_what_runs_at_last_does(workshop: Workshop) -> None:
    steps, last = [{"id": "a", "action": "job"}, {"id": "b", "action": "job"}], [{"id": "z", "action": "job"}]
    await workshop.intents.create(
        workshop.ada, NewIntent(name="deploy", definition={"steps": steps, "finally": last})
    )
    execution = await workshop.executions.execute(workshop.ada, "deploy", {})
    assert (await shown(workshop, execution))[1]["z"][0]["dependencies"] == ["a", "b"]
    await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")
    waits = (await shown(workshop, execution))[1]
    assert (waits["b"], waits["z"][0]["dependencies"]) == ([], ["a", "b"])
