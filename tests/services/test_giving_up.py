"""What a step has begun and waits for: it is stopped with its execution, or when its time is over."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.errors import UnavailableError
from shared.ports.actions import ActionContext, ActionError, Completed, Pending
from tests.fakes.actions import Scripted
from tests.services.conftest import Workshop
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

type Stopping = Callable[[Any, ActionContext], Completed | Pending | None]

JOB = {"job": 7}


class Stoppable(Scripted):
    """Waits for a job, which ``stopping`` stops."""

    def __init__(self) -> None:
        super().__init__("job", "idempotent", lambda _parameters, _context: Pending(60, JOB))
        self.stopping: Stopping = lambda _token, _context: None
        self.stops: list[tuple[Any, bool]] = []

    async def cancel(self, token: Any, parameters: Any, context: ActionContext) -> Completed | Pending | None:
        self.stops.append((token, context.terminated))
        return self.stopping(token, context)


@pytest.fixture
def action(workshop: Workshop) -> Stoppable:
    stoppable = Stoppable()
    workshop.catalogue.use(stoppable)
    return stoppable


async def waiting(workshop: Workshop, **step: Any) -> Any:
    """An execution whose step ``a`` waits for its job."""
    execution = await workshop.execute({"id": "a", "action": "job", **step})
    outcome = await workshop.attempt(execution, "a", first=True)
    assert outcome == {"status": "pending", "delay": 60, "token": JOB, "gives_up": True}
    return execution


async def stopped(workshop: Workshop, execution: Any, why: str = "cancel") -> dict[str, Any]:
    return await workshop.attempt(execution, "a", token=JOB, gives_up=why)


async def step(workshop: Workshop, execution: Any) -> Any:
    return (await workshop.executions.get(workshop.ada, execution.execution_id)).steps[0]


@pytest.mark.parametrize("why", ["cancel", "terminate"])
async def test_it_is_stopped_once_and_the_step_is_recorded_as_cancelled(
    workshop: Workshop, action: Stoppable, why: str
) -> None:
    execution = await waiting(workshop)
    terminated = why == "terminate"
    for _ in range(2):
        outcome = await stopped(workshop, execution, why)
        assert outcome == {"status": "cancelled", **({"terminated": True} if terminated else {})}
    assert action.stops == [(JOB, terminated)]
    found = await step(workshop, execution)
    assert found.status == "cancelled"
    assert (found.error and found.error["code"]) == ("TERMINATED" if terminated else None)
    assert found.finished_at is not None
    await workshop.finish(execution, "cancelled", cancelled=["a"])
    assert await step(workshop, execution) == found


async def test_what_was_done_before_it_could_be_stopped_has_completed(
    workshop: Workshop, action: Stoppable
) -> None:
    action.stopping = lambda _token, _context: Completed({"built": True})
    execution = await waiting(workshop)
    assert (await stopped(workshop, execution))["status"] == "completed"
    found = await step(workshop, execution)
    assert (found.status, found.outputs) == ("completed", {"built": True})
    assert (await workshop.head(execution))["progress"]["completed"] == 1


async def test_stopping_may_take_long(workshop: Workshop, action: Stoppable) -> None:
    action.stopping = lambda _token, _context: Pending(5, JOB)
    execution = await waiting(workshop)
    again = {"status": "pending", "delay": 5, "token": JOB, "gives_up": True}
    assert await stopped(workshop, execution) == again
    assert (await step(workshop, execution)).status == "waiting"


async def test_what_cannot_be_stopped_is_cancelled_all_the_same_and_says_so(
    workshop: Workshop, action: Stoppable
) -> None:
    def refuse(_token: Any, _context: ActionContext) -> None:
        raise ActionError("STILL_RUNNING", "it does not stop", retryable=False)

    action.stopping = refuse
    execution = await waiting(workshop)
    assert (await stopped(workshop, execution))["status"] == "cancelled"
    assert (await step(workshop, execution)).error == {"code": "STILL_RUNNING", "message": "it does not stop"}


async def test_while_a_store_is_away_nothing_is_given_up(workshop: Workshop, action: Stoppable) -> None:
    def away(_token: Any, _context: ActionContext) -> None:
        raise UnavailableError

    action.stopping = away
    execution = await waiting(workshop)
    with pytest.raises(UnavailableError):
        await stopped(workshop, execution)
    assert (await step(workshop, execution)).status == "waiting"


async def test_a_beginning_that_sees_the_cancellation_is_broken_off_and_then_stopped(
    workshop: Workshop, action: Stoppable
) -> None:
    action.gate.clear()
    execution = await workshop.execute({"id": "a", "action": "job"})
    running = asyncio.create_task(workshop.attempt(execution, "a", first=True))
    await action.began.acquire()
    await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")
    assert await running == {"status": "cancelled", "gives_up": True}
    assert await workshop.attempt(execution, "a", gives_up="cancel") == {"status": "cancelled"}
    assert action.stops == [(None, False)]


async def test_an_attempt_takes_no_longer_than_its_timeout_with_all_of_its_looks(
    workshop: Workshop, action: Stoppable
) -> None:
    execution = await waiting(workshop, timeout=90, retry={"max_attempts": 2})
    workshop.clock.advance(60)
    assert (await workshop.attempt(execution, "a", token=JOB))["delay"] == 30
    workshop.clock.advance(30)
    assert (await workshop.attempt(execution, "a", token=JOB))["status"] == "retry"
    assert action.stops == [(JOB, False)]
    assert (await step(workshop, execution)).error["code"] == "TIMEOUT"
    assert (await workshop.attempt(execution, "a", 2))["delay"] == 60, "the next attempt has its own time"


async def test_what_is_done_when_its_time_is_over_has_completed(
    workshop: Workshop, action: Stoppable
) -> None:
    action.stopping = lambda _token, _context: Completed({"built": True})
    execution = await waiting(workshop, timeout=60)
    workshop.clock.advance(60)
    assert (await workshop.attempt(execution, "a", token=JOB))["status"] == "completed"


async def test_what_has_its_own_time_is_not_held_to_the_steps_timeout(
    workshop: Workshop, action: Stoppable
) -> None:
    action.behaviour = lambda _parameters, _context: Pending(60, JOB, own_time=True)
    execution = await waiting(workshop, timeout=10)
    workshop.clock.advance(3600)
    assert (await workshop.attempt(execution, "a", token=JOB))["delay"] == 60
    assert action.stops == []
