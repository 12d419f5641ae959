"""Pausing, resuming, cancelling and terminating: what is stored, and what the orchestrations are told."""

import asyncio
import itertools
from typing import Any

import pytest

from shared.domain.errors import ConflictError, NotFoundError
from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.domain.steering import Verb
from shared.ports.actions import Completed, Pending
from shared.ports.documents import EXECUTIONS, Query
from tests.services.conftest import Workshop, caller
from tests.services.test_executions import audit, recovered
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

VERBS: tuple[Verb, ...] = ("cancel", "pause", "resume", "terminate")
NOW = "2026-01-02T03:04:05.000000Z"
STEP = {"id": "a", "action": "act", "compensate": {"action": "act"}}


@pytest.fixture(autouse=True)
def act(workshop: Workshop) -> None:
    workshop.catalogue.add("act", lambda _parameters, _context: Completed())


async def steer(workshop: Workshop, execution: Execution, verb: Verb, reason: str | None = None) -> Execution:
    return await workshop.steering.steer(workshop.ada, execution.execution_id, verb, reason=reason)


def told(workshop: Workshop, execution: Execution) -> list[tuple[str, Any]]:
    """What the execution's orchestration was told."""
    events = workshop.orchestrations.events
    return [(name, data) for instance, name, data in events if instance == execution.execution_id]


def input_of(workshop: Workshop, execution: Execution) -> dict[str, Any]:
    """What the orchestration was started with."""
    _, work = workshop.orchestrations.started[execution.execution_id]
    return dict(work)


async def nudges(workshop: Workshop) -> int:
    return len((await workshop.documents.query(workshop.ada.scope, Query(EXECUTIONS, "nudge"))).items)


async def test_a_pause_is_stored_with_who_and_why_and_told_and_asking_again_changes_nothing(
    workshop: Workshop,
) -> None:
    execution = await workshop.execute(STEP)
    await workshop.attempt(execution, "a", first=True)
    for _ in range(2):
        paused = await steer(workshop, execution, "pause", "the cluster is being moved")
    assert paused.status == "paused"
    reason = {"reason": "the cluster is being moved"}
    assert paused.waiting == [
        {"for": "pause", "step": None, "since": NOW, "until": None, "by": "ada@acme", **reason}
    ]
    records = await audit(workshop, execution.execution_id)
    assert [record["action"] for record in records] == ["execution.create", "execution.pause"]
    assert (records[1]["before"], records[1]["after"]) == (
        {"status": "running"},
        {"status": "paused", **reason},
    )
    assert (await workshop.events(execution))[-1] == {
        "type": "execution_paused",
        "by": "ada@acme",
        **reason,
    }
    assert told(workshop, execution) == [("nudge", {"pause": 2})]
    assert await nudges(workshop) == 0


async def test_what_is_resumed_runs_again_and_each_wish_has_its_event_and_a_number_of_its_own(
    workshop: Workshop,
) -> None:
    execution = await workshop.execute(STEP)
    await workshop.attempt(execution, "a", first=True)
    for _ in range(2):
        await steer(workshop, execution, "pause")
        for _ in range(2):
            assert (await steer(workshop, execution, "resume")).status == "running"
    words = [word for _, word in told(workshop, execution)]
    assert words == [{"pause": 2}, {"resume": 3}, {"pause": 4}, {"resume": 5}]
    assert (await workshop.types(execution))[-4:] == ["execution_paused", "execution_resumed"] * 2
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.waiting, found.started_at) == ([], NOW)


async def test_what_had_not_begun_is_pending_again_when_it_is_resumed(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    assert (await steer(workshop, execution, "pause")).status == "paused"
    assert (await steer(workshop, execution, "resume")).status == "pending"
    await workshop.attempt(execution, "a", first=True)
    head = await workshop.head(execution)
    assert (head["status"], head["started_at"]) == ("running", NOW)


@pytest.mark.parametrize(("verb", "after"), [("pause", "paused"), ("cancel", "cancelling")])
async def test_what_begins_while_the_wish_is_on_its_way_has_begun(
    workshop: Workshop, verb: Verb, after: str
) -> None:
    execution = await workshop.execute(STEP)
    await steer(workshop, execution, verb)
    assert await workshop.attempt(execution, "a", first=True) == {"status": "completed"}
    head = await workshop.head(execution)
    assert (head["status"], head["started_at"], head["progress"]["completed"]) == (after, NOW, 1)
    if verb == "pause":
        assert (await steer(workshop, execution, "resume")).status == "running"


async def test_what_was_never_started_is_started_so_that_it_waits(workshop: Workshop) -> None:
    workshop.orchestrations.reachable = False
    execution = await workshop.execute(STEP)
    await steer(workshop, execution, "pause")
    workshop.orchestrations.reachable = True
    assert told(workshop, execution) == []
    workshop.clock.advance(11)
    assert await recovered(workshop) == 1
    assert (input_of(workshop, execution)["paused"], input_of(workshop, execution)["steered"]) == (True, 2)
    assert told(workshop, execution) == [("nudge", {"pause": 2})]
    workshop.clock.advance(11)
    assert await recovered(workshop) == 0


@pytest.mark.parametrize("back", [1, 2, 3])
async def test_a_resumption_is_not_lost_on_what_was_never_started(workshop: Workshop, back: int) -> None:
    """Whatever is told first once the orchestrations can be reached again: the last wish stands."""
    workshop.orchestrations.reachable = False
    execution = await workshop.execute(STEP)
    workshop.orchestrations.reachable = back == 1
    await steer(workshop, execution, "pause")
    workshop.orchestrations.reachable = back <= 2
    await steer(workshop, execution, "resume")
    workshop.orchestrations.reachable = True
    workshop.clock.advance(11)
    await recovered(workshop)
    started, words = input_of(workshop, execution), [word for _, word in told(workshop, execution)]
    paused, steered = started.get("paused", False), started.get("steered", 0)
    for word in words:
        number = word.get("pause", word.get("resume"))
        if number >= steered:
            paused, steered = "pause" in word and number > steered, number
    assert (paused, steered) == (False, 3)


async def test_a_resumption_that_was_not_told_is_told_by_recovery(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    await workshop.attempt(execution, "a", first=True)
    await steer(workshop, execution, "pause")
    workshop.orchestrations.reachable = False
    await steer(workshop, execution, "resume")
    workshop.orchestrations.reachable = True
    workshop.clock.advance(11)
    assert await recovered(workshop) == 1
    assert told(workshop, execution)[-1] == ("nudge", {"resume": 3})
    assert not input_of(workshop, execution).get("paused")


async def test_a_cancellation_ends_a_pause(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    await steer(workshop, execution, "pause")
    cancelled = await steer(workshop, execution, "cancel", "not needed any more")
    assert (cancelled.status, cancelled.waiting) == ("cancelling", [])
    assert told(workshop, execution)[1:] == [("cancel", None), ("nudge", {"resume": 2})]
    await workshop.finish(execution, "cancelled", cancelled=["a"])
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.error == {
        "code": "CANCELLED",
        "message": "ada@acme cancelled the execution: not needed any more",
        "by": "ada@acme",
        "reason": "not needed any more",
    }
    assert (await workshop.events(execution))[-1]["error"] == found.error


async def test_what_failed_first_stays_the_cause_of_a_cancelled_execution(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    await steer(workshop, execution, "cancel", "enough")
    await workshop.finish(execution, "cancelled", failed=["a"])
    error = (await workshop.executions.get(workshop.ada, execution.execution_id)).error
    assert (error or {})["step"] == "a"


@pytest.mark.parametrize("before", [None, "pause", "cancel"])
async def test_it_is_terminated_whatever_else_was_wished_before(
    workshop: Workshop, before: Verb | None
) -> None:
    execution = await workshop.execute(STEP, {**STEP, "id": "b"})
    await workshop.attempt(execution, "b", first=True)
    if before:
        await steer(workshop, execution, before)
    number = len(told(workshop, execution))
    for _ in range(2):
        assert (await steer(workshop, execution, "terminate", "stop")).status == "cancelling"
    assert told(workshop, execution)[number:] == [("nudge", {"terminate": True})] * 2
    assert (await steer(workshop, execution, "cancel")).status == "cancelling"
    records = await audit(workshop, execution.execution_id)
    assert [record["action"] for record in records][-1] == "execution.terminate"
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id}
    end: dict[str, Any] = {"failed": ["a"], "blocked": [], "cancelled": [], "uncompensated": ["b"]}
    for _ in range(2):
        await workshop.endings.finish({**ids, "status": "cancelled", "terminated": True, **end})
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.status, found.error) == (
        "cancelled",
        {
            "code": "TERMINATED",
            "message": "ada@acme terminated the execution: stop",
            "by": "ada@acme",
            "reason": "stop",
            "also_failed": ["a"],
            "uncompensated": ["b"],
        },
    )
    assert (await workshop.types(execution)).count("execution_cancelled") == 1


async def test_what_was_undone_is_not_named_as_left_although_the_orchestration_had_not_heard(
    workshop: Workshop,
) -> None:
    execution = await workshop.execute(STEP, {**STEP, "id": "b"})
    for step in "ab":
        await workshop.attempt(execution, step, first=step == "a")
    await workshop.attempt(execution, "b", ending="failed", compensates=True)
    await steer(workshop, execution, "terminate")
    ids = {"tenant_id": "acme", "execution_id": execution.execution_id}
    end: dict[str, Any] = {"failed": [], "blocked": [], "cancelled": [], "uncompensated": ["b", "a"]}
    await workshop.endings.finish({**ids, "status": "cancelled", "terminated": True, **end})
    error = (await workshop.executions.get(workshop.ada, execution.execution_id)).error
    assert (error or {})["uncompensated"] == ["a"]


async def test_a_termination_that_was_not_told_is_told_by_recovery_to_what_begins_nothing(
    workshop: Workshop,
) -> None:
    workshop.orchestrations.reachable = False
    execution = await workshop.execute(STEP)
    await steer(workshop, execution, "terminate")
    workshop.orchestrations.reachable = True
    workshop.clock.advance(11)
    assert await recovered(workshop) == 1
    assert input_of(workshop, execution)["paused"]
    assert told(workshop, execution) == [("nudge", {"terminate": True})]


@pytest.mark.parametrize(
    ("step", "phase"),
    [("b", {}), ("a", {"ending": "failed", "compensates": True}), ("z", {"ending": "completed"})],
    ids=["steps", "compensations", "finally"],
)
async def test_what_runs_gives_up_in_every_phase_when_it_is_terminated(
    workshop: Workshop, step: str, phase: dict[str, Any]
) -> None:
    slow = workshop.catalogue.add("slow", lambda _parameters, _context: Completed())
    slow.gate.clear()
    steps = [{**STEP, "compensate": {"action": "slow"}}, {"id": "b", "action": "slow"}]
    definition = {"steps": steps, "finally": [{"id": "z", "action": "slow"}]}
    await workshop.intents.create(workshop.ada, NewIntent(name="deploy", definition=definition))
    execution = await workshop.executions.execute(workshop.ada, "deploy", {})
    await workshop.attempt(execution, "a", first=True)
    running = asyncio.create_task(workshop.attempt(execution, step, **phase))
    await slow.began.acquire()
    await steer(workshop, execution, "terminate")
    broken_off = {"status": "cancelled", "terminated": True}
    assert await running == broken_off
    assert await workshop.attempt(execution, step, **phase) == broken_off, "and it stays so, whoever asks"


async def test_the_deadline_of_what_is_paused_goes_on(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    await steer(workshop, execution, "pause")
    await workshop.finish(execution, "cancelling")
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.status, found.waiting) == ("cancelling", [])


async def test_what_is_too_late_is_refused_with_the_reason(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    await steer(workshop, execution, "cancel")
    for verb in VERBS[1:3]:
        with pytest.raises(ConflictError, match="being cancelled"):
            await steer(workshop, execution, verb)
    await workshop.finish(execution, "cancelled", cancelled=["a"])
    for verb in VERBS:
        with pytest.raises(ConflictError, match="already ended: it is cancelled"):
            await steer(workshop, execution, verb)
    assert (await workshop.types(execution))[-1] == "execution_cancelled"


async def test_what_has_nothing_left_to_begin_ends_although_it_is_paused(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    await steer(workshop, execution, "pause")
    await workshop.attempt(execution, "a", first=True)
    await workshop.finish(execution, "completed")
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.status, found.waiting) == ("completed", [])


async def test_of_many_wishes_at_once_each_stands_behind_another_and_the_chain_is_whole(
    workshop: Workshop,
) -> None:
    workshop.catalogue.add("act", lambda _parameters, _context: Pending(60, "job"))
    execution = await workshop.execute(STEP)
    await workshop.attempt(execution, "a", first=True)
    verbs: list[Verb] = ["pause", "resume", "pause", "terminate", "cancel", "resume"]
    await asyncio.gather(*(steer(workshop, execution, verb) for verb in verbs), return_exceptions=True)
    head = await workshop.head(execution)
    assert (head["status"], head["stop"]["how"]) == ("cancelling", "terminate")
    records = await audit(workshop, execution.execution_id)
    assert [record["number"] for record in records] == list(range(1, len(records) + 1))
    for before, after in itertools.pairwise(records):
        assert after["previous_hash"] == before["hash"]


async def test_another_tenant_steers_nothing(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    for verb in VERBS:
        with pytest.raises(NotFoundError):
            await workshop.steering.steer(caller("globex", "eve"), execution.execution_id, verb)
    assert (await workshop.head(execution))["status"] == "pending"
