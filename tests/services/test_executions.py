"""Execute, look, list, cancel, recover: what is stored, and what the orchestrations are told."""

import asyncio
from typing import Any

import pytest

from shared.domain.errors import (
    BadCursorError,
    ConflictError,
    NotExecutableError,
    NotFoundError,
    ValidationFailedError,
)
from shared.domain.executions import ExecutionFilter
from shared.domain.intents import NewIntent
from shared.domain.previews import plan_hash
from shared.ports.documents import EXECUTIONS
from shared.services.executions.runs import Runs
from tests.services.conftest import Workshop, caller

STEP = {"id": "a", "action": "act"}


@pytest.fixture(autouse=True)
def act(workshop: Workshop) -> None:
    workshop.catalogue.add("act", lambda _parameters, _context: pytest.fail("nothing runs here"))


async def audit(workshop: Workshop, execution_id: str) -> list[dict[str, Any]]:
    changes = await workshop.documents.changes(
        workshop.ada.scope, container=EXECUTIONS, partition=execution_id, kind="audit"
    )
    return [dict(change.document.body) for change in changes]


async def test_executing_stores_head_plan_event_and_audit_record_and_starts_the_orchestration(
    workshop: Workshop,
) -> None:
    execution = await workshop.execute(STEP, who="ada")
    assert (execution.status, execution.intent_id) == ("pending", "deploy-v1")
    assert execution.parameters == {"who": "ada"}
    assert await workshop.types(execution) == ["execution_started"]
    (record,) = await audit(workshop, execution.execution_id)
    assert (record["action"], record["principal"]) == ("execution.create", "ada@acme")
    name, _ = workshop.orchestrations.started[execution.execution_id]
    assert name == "execution"


async def test_an_intent_without_steps_is_stored_and_cannot_be_executed(workshop: Workshop) -> None:
    with pytest.raises(NotExecutableError, match="no steps"):
        await workshop.execute()
    assert (await workshop.executions.list(workshop.ada))[0] == []


async def test_parameters_that_do_not_fit_are_refused_all_at_once_and_nothing_is_stored(
    workshop: Workshop,
) -> None:
    schema = {
        "type": "object",
        "properties": {"count": {"type": "integer"}, "name": {"type": "string"}},
        "required": ["name"],
    }
    new = NewIntent(name="deploy", definition={"steps": [STEP], "parameters": schema})
    await workshop.intents.create(workshop.ada, new)
    with pytest.raises(ValidationFailedError) as refused:
        await workshop.executions.execute(workshop.ada, "deploy", {"count": "x"})
    assert {error.pointer for error in refused.value.errors} >= {"/parameters/count"}
    assert len(refused.value.errors) == 2
    assert (await workshop.executions.list(workshop.ada))[0] == []
    assert workshop.orchestrations.started == {}


async def test_an_execution_outlives_an_orchestration_service_that_is_away(workshop: Workshop) -> None:
    workshop.orchestrations.reachable = False
    execution = await workshop.execute(STEP)
    assert workshop.orchestrations.started == {}
    workshop.orchestrations.reachable = True
    assert await recovered(workshop) == 0, "it may still be on its way"
    workshop.clock.advance(11)
    assert await recovered(workshop) == 1
    assert execution.execution_id in workshop.orchestrations.started


async def test_a_cancellation_that_was_not_signalled_is_signalled_by_recovery(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    workshop.orchestrations.reachable = False
    await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")
    assert workshop.orchestrations.events == []
    workshop.orchestrations.reachable = True
    workshop.clock.advance(11)
    assert await recovered(workshop) == 1
    assert workshop.orchestrations.events == [(execution.execution_id, "cancel", None)]


async def test_recovery_leaves_alone_what_runs_and_what_has_ended(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    await workshop.finish(execution, "completed")
    workshop.clock.advance(11)
    assert await recovered(workshop) == 0


async def recovered(workshop: Workshop) -> int:
    await workshop.tenants.ensure("acme")
    await workshop.tenants.ensure("globex")
    return await workshop.recovery.run()


async def test_cancelling_is_written_down_and_signalled_and_asking_again_changes_nothing(
    workshop: Workshop,
) -> None:
    execution = await workshop.execute(STEP)
    first = await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")
    again = await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")
    assert first.status == again.status == "cancelling"
    records = await audit(workshop, execution.execution_id)
    assert [record["action"] for record in records] == ["execution.create", "execution.cancel"]
    assert records[1]["previous_hash"] == records[0]["hash"]
    assert {name for _, name, _ in workshop.orchestrations.events} == {"cancel"}


async def test_of_many_that_cancel_at_once_one_is_recorded(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    callers = [caller(user=f"user{number}") for number in range(8)]
    steer = workshop.steering.steer
    await asyncio.gather(*(steer(one, execution.execution_id, "cancel") for one in callers))
    records = await audit(workshop, execution.execution_id)
    assert [record["action"] for record in records] == ["execution.create", "execution.cancel"]


async def test_what_has_ended_cannot_be_cancelled(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    await workshop.finish(execution, "completed")
    with pytest.raises(ConflictError, match="already ended: it is completed"):
        await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")


async def test_the_plan_is_a_snapshot_that_no_later_process_sees_changed(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP, who="ada")
    stored = await Runs(workshop.documents).load(workshop.ada.scope, execution.execution_id)
    assert stored is not None
    assert plan_hash("deploy-v1", stored.plan, {"who": "ada"}) == execution.plan_hash
    assert stored.parameters == {"who": "ada"}


async def test_lists_filter_by_intent_status_and_time_and_their_cursors_hold_for_them_only(
    workshop: Workshop,
) -> None:
    first = await workshop.execute(STEP, name="one")
    workshop.clock.advance(60)
    second = await workshop.execute(STEP, name="two")
    await workshop.finish(second, "failed")
    lists = workshop.executions.list

    async def ids(**filters: Any) -> list[str]:
        page = {name: filters.pop(name) for name in ("limit", "cursor") if name in filters}
        found, _ = await lists(workshop.ada, ExecutionFilter(**filters), **page)
        return [item.execution_id for item in found]

    assert await ids() == [second.execution_id, first.execution_id]
    assert await ids(intent="one") == await ids(intent="one-v1") == [first.execution_id]
    assert await ids(status="failed") == [second.execution_id]
    assert await ids(since=second.created_at) == [second.execution_id]
    assert await ids(until=second.created_at) == [first.execution_id]
    _, cursor = await lists(workshop.ada, limit=1)
    assert await ids(limit=1, cursor=cursor) == [first.execution_id]
    for wrong in ({"cursor": cursor, "status": "failed"}, {"cursor": "x" + (cursor or "")}):
        with pytest.raises(BadCursorError):
            await ids(**wrong)
    with pytest.raises(BadCursorError):
        await lists(caller("globex"), limit=1, cursor=cursor)


async def test_another_tenant_finds_nothing(workshop: Workshop) -> None:
    execution = await workshop.execute(STEP)
    eve = caller("globex", "eve")
    with pytest.raises(NotFoundError):
        await workshop.executions.get(eve, execution.execution_id)
    with pytest.raises(NotFoundError):
        await workshop.steering.steer(eve, execution.execution_id, "cancel")
    with pytest.raises(NotFoundError):
        await workshop.streams.tail(eve, execution.execution_id, after=None)
    with pytest.raises(NotFoundError):
        await workshop.executions.execute(eve, "deploy", {})
