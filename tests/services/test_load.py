"""The status `waiting`: something of an execution waits and nothing of it runs, told alike everywhere."""

import asyncio
from typing import Any

import pytest

from shared.domain.executions import EXECUTION_STATUSES, Execution, ExecutionFilter
from shared.ports.actions import ActionContext, ActionError, Completed, Pending
from shared.ports.documents import EXECUTIONS, Replace
from tests.services.conftest import Workshop
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

WAIT: dict[str, Any] = {"id": "a", "action": "job"}


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    def job(_parameters: Any, context: ActionContext) -> Completed | Pending:
        return Completed() if context.clock.now().minute else Pending(60, {"job": 7})

    def fails(_parameters: Any, _context: ActionContext) -> Completed:
        raise ActionError("BROKEN", "it broke", retryable=True)

    workshop.clock.advance(-240)  # to the full hour: what is polled after a minute is done
    workshop.catalogue.add("job", job)
    workshop.catalogue.add("pure-job", job, side_effect="pure")
    workshop.catalogue.add("act", lambda _parameters, _context: Completed())
    workshop.catalogue.add("fail", fails)


async def status(workshop: Workshop, execution: Execution) -> str:
    """Its status, which its own record and the lists agree on."""
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    for one in EXECUTION_STATUSES:
        listed, _ = await workshop.executions.list(workshop.ada, ExecutionFilter(status=one))
        assert [item.status for item in listed] == [found.status] * (one == found.status)
    return found.status


async def load(workshop: Workshop, execution: Execution) -> int:
    return int((await workshop.head(execution))["load"])


async def over(workshop: Workshop, execution: Execution, step: str, **more: Any) -> Any:
    """Poll it when it is done."""
    workshop.clock.advance(60)
    return await workshop.attempt(execution, step, token={"job": 7}, **more)


@pytest.mark.parametrize("action", ["job", "pure-job"])
async def test_an_execution_waits_while_something_of_it_does_and_nothing_runs(
    workshop: Workshop, action: str
) -> None:
    execution = await workshop.execute({**WAIT, "action": action})
    assert await status(workshop, execution) == "pending"
    await workshop.attempt(execution, "a", first=True)
    assert await status(workshop, execution) == "waiting"
    assert await over(workshop, execution, "a") == {"status": "completed"}
    assert await status(workshop, execution) == "running"
    assert await load(workshop, execution) == 0


async def test_what_runs_beside_what_waits_keeps_it_running(workshop: Workshop) -> None:
    action = workshop.catalogue.add("slow", lambda _parameters, _context: Completed())
    action.gate.clear()
    execution = await workshop.execute(
        WAIT | {"depends_on": []}, {"id": "b", "action": "slow", "depends_on": []}
    )
    await workshop.attempt(execution, "a", first=True)
    running = asyncio.create_task(workshop.attempt(execution, "b"))
    await action.began.acquire()
    assert await status(workshop, execution) == "running"
    action.gate.set()
    await running
    assert await status(workshop, execution) == "waiting"


async def test_what_is_between_two_attempts_neither_waits_nor_runs(workshop: Workshop) -> None:
    retry = {"max_attempts": 2, "initial_interval": 1}
    execution = await workshop.execute({"id": "b", "action": "fail", "retry": retry})
    await workshop.attempt(execution, "b", first=True)
    assert (await status(workshop, execution), await load(workshop, execution)) == ("running", 0)
    await workshop.attempt(execution, "b", 2)
    assert await load(workshop, execution) == 0


@pytest.mark.parametrize("token", [None, {"job": 7}])
async def test_what_is_delivered_twice_is_counted_once(workshop: Workshop, token: Any) -> None:
    execution = await workshop.execute(WAIT)
    await workshop.attempt(execution, "a", first=True)
    await asyncio.gather(*(workshop.attempt(execution, "a", token=token) for _ in range(3)))
    assert await load(workshop, execution) == -1
    await asyncio.gather(*(over(workshop, execution, "a") for _ in range(3)))
    assert await load(workshop, execution) == 0


async def test_an_attempt_that_a_dead_process_began_runs_until_another_ends_it(workshop: Workshop) -> None:
    def dies(_parameters: Any, _context: ActionContext) -> Completed:
        raise asyncio.CancelledError

    workshop.catalogue.add("job", dies)
    execution = await workshop.execute(WAIT)
    with pytest.raises(asyncio.CancelledError):
        await workshop.attempt(execution, "a", first=True)
    assert await status(workshop, execution) == "running"
    workshop.catalogue.add("job", lambda _parameters, _context: Pending(60, {"job": 7}))
    await workshop.attempt(execution, "a", first=True)
    assert (await status(workshop, execution), await load(workshop, execution)) == ("waiting", -1)


async def test_a_list_waits_when_all_of_its_items_that_have_begun_do(workshop: Workshop) -> None:
    execution = await workshop.execute({**WAIT, "id": "each", "foreach": [1, 2, 3]})
    await workshop.attempt(execution, "each", first=True)
    assert await status(workshop, execution) == "running"
    for item in range(2):
        await workshop.attempt(execution, "each", item=item)
    assert (await status(workshop, execution), await load(workshop, execution)) == ("waiting", -2)
    for item in range(2):
        await over(workshop, execution, "each", item=item)
    assert await load(workshop, execution) == 0


async def test_items_that_are_dropped_because_one_has_failed_do_not_keep_it_waiting(
    workshop: Workshop,
) -> None:
    def either(parameters: Any, _context: ActionContext) -> Completed | Pending:
        if parameters.fails:
            raise ActionError("BROKEN", "it broke", retryable=False)
        return Pending(60, "job")

    workshop.catalogue.add("either", either)
    each = {"id": "each", "action": "either", "fails": "${{ item }}", "foreach": [False, True]}
    execution = await workshop.execute(each)
    await workshop.attempt(execution, "each", first=True)
    for item in range(2):
        await workshop.attempt(execution, "each", item=item)
    assert await status(workshop, execution) == "waiting"
    assert (await workshop.attempt(execution, "each", collect=True))["status"] == "failed"
    assert (await status(workshop, execution), await load(workshop, execution)) == ("running", 0)


async def test_what_undoes_a_step_waits_and_runs_likewise(workshop: Workshop) -> None:
    made = {"id": "a", "action": "act", "compensate": {"action": "job"}}
    execution = await workshop.execute(made)
    await workshop.attempt(execution, "a", first=True)
    undo: dict[str, Any] = {"ending": "failed", "compensates": True}
    await workshop.attempt(execution, "a", **undo)
    assert await status(workshop, execution) == "waiting"
    await over(workshop, execution, "a", **undo)
    assert (await status(workshop, execution), await load(workshop, execution)) == ("running", 0)


async def test_a_paused_or_cancelled_execution_is_that_whatever_waits(workshop: Workshop) -> None:
    execution = await workshop.execute(WAIT)
    await workshop.attempt(execution, "a", first=True)
    steer = workshop.steering.steer
    await steer(workshop.ada, execution.execution_id, "pause")
    assert await status(workshop, execution) == "paused"
    assert (await steer(workshop.ada, execution.execution_id, "resume")).status == "waiting"
    await steer(workshop.ada, execution.execution_id, "cancel")
    assert await status(workshop, execution) == "cancelling"
    await workshop.finish(execution, "cancelled", cancelled=["a"])
    assert await status(workshop, execution) == "cancelled"


async def test_an_execution_of_an_earlier_release_goes_on_without_being_counted(workshop: Workshop) -> None:
    execution = await workshop.execute(WAIT)
    head = await workshop.head(execution)
    del head["load"]
    await workshop.documents.transact(
        workshop.ada.scope,
        container=EXECUTIONS,
        partition=execution.execution_id,
        operations=[Replace(head)],
    )
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id}
    outcome = await workshop.forgetful().run({**ids, "step": "a", "attempt": 1, "first": True})
    assert outcome["status"] == "pending"
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.status, found.steps[0].status) == ("running", "waiting")
