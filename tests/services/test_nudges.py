"""Nudges: stored with what they tell of, sent, and found by recovery if they were not."""

from datetime import timedelta

import pytest

from shared.domain.executions import Execution
from shared.ports.actions import Completed
from shared.ports.documents import EXECUTIONS, Create, Query
from tests.services.conftest import Workshop
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    workshop.catalogue.add("act", lambda _parameters, _context: Completed({}))


async def stored(workshop: Workshop, step: str = "a") -> tuple[Execution, Create]:
    """An execution, and a nudge that is stored in it."""
    execution = await workshop.execute({"id": "a", "action": "act"})
    nudge = workshop.nudges.nudge({"step": step})
    await workshop.documents.transact(
        workshop.ada.scope, container=EXECUTIONS, partition=execution.execution_id, operations=[nudge]
    )
    return execution, nudge


async def left(workshop: Workshop) -> int:
    return len((await workshop.documents.query(workshop.ada.scope, Query(EXECUTIONS, "nudge"))).items)


async def send_left(workshop: Workshop) -> int:
    return await workshop.steering.tell_left(workshop.ada.scope, before=workshop.clock.now())


async def test_a_nudge_is_sent_and_gone(workshop: Workshop) -> None:
    execution, nudge = await stored(workshop)
    await workshop.nudges.send(workshop.ada.scope, execution.execution_id, nudge)
    assert workshop.orchestrations.events == [(execution.execution_id, "nudge", {"step": "a"})]
    assert await left(workshop) == 0
    workshop.clock.advance(60)
    assert await send_left(workshop) == 0


async def test_a_nudge_that_was_lost_is_sent_by_recovery_once_it_is_old_enough(workshop: Workshop) -> None:
    execution, nudge = await stored(workshop)
    workshop.orchestrations.reachable = False
    await workshop.nudges.send(workshop.ada.scope, execution.execution_id, nudge)
    assert await left(workshop) == 1
    workshop.orchestrations.reachable = True
    young = workshop.clock.now() - timedelta(seconds=10)
    assert await workshop.steering.tell_left(workshop.ada.scope, before=young) == 0
    workshop.clock.advance(60)
    assert await send_left(workshop) == 1
    assert workshop.orchestrations.events == [(execution.execution_id, "nudge", {"step": "a"})]
    assert await send_left(workshop) == 0


async def test_a_nudge_that_two_send_is_harmless(workshop: Workshop) -> None:
    execution, nudge = await stored(workshop)
    for _ in range(2):
        await workshop.nudges.send(workshop.ada.scope, execution.execution_id, nudge)
    assert await left(workshop) == 0
