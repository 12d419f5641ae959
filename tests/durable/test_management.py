"""What operators do: suspend, terminate, purge, restart, rewind, ask."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from durabletask import task
from durabletask.client import OrchestrationQuery, OrchestrationStatus
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from google.protobuf.wrappers_pb2 import StringValue

from localhost.durable.errors import InvalidCursorError
from tests.durable.conftest import World, until
from tests.durable.test_orchestrations import chain_of, waiter


async def status_of(world: World, instance_id: str) -> OrchestrationStatus | None:
    state = await world.client.get_orchestration_state(instance_id)
    return None if state is None else state.runtime_status


async def test_a_suspended_instance_takes_in_events_when_it_is_resumed(world: World) -> None:
    waiter(world)
    instance_id = await world.start("wait", ["go"])
    await world.client.suspend_orchestration(instance_id)
    await world.hub.wait(instance_id, lambda status: status.status == pb.ORCHESTRATION_STATUS_SUSPENDED)
    await world.client.raise_orchestration_event(instance_id, "go", data=1)
    await world.idle()
    assert await status_of(world, instance_id) == OrchestrationStatus.SUSPENDED
    await world.client.resume_orchestration(instance_id)
    assert (await world.finished(instance_id)).serialized_output == "[1]"


async def test_an_instance_is_terminated_with_an_output_even_when_suspended(world: World) -> None:
    waiter(world)
    instance_id = await world.start("wait", ["go"])
    await world.client.suspend_orchestration(instance_id)
    await world.client.terminate_orchestration(instance_id, output="enough")
    state = await world.finished(instance_id)
    assert (state.runtime_status, state.serialized_output) == (OrchestrationStatus.TERMINATED, '"enough"')


async def test_terminating_what_is_not_there_is_silent_and_suspending_it_is_an_error(world: World) -> None:
    await world.client.terminate_orchestration("nobody")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await world.client.suspend_orchestration("nobody")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


async def test_a_scheduled_instance_can_be_terminated_before_it_ever_runs(world: World) -> None:
    chain_of(world)
    instance_id = await world.start("chain", 1, start_at=datetime.now(UTC) + timedelta(days=400))
    await world.client.terminate_orchestration(instance_id)
    assert (await world.finished(instance_id)).runtime_status == OrchestrationStatus.TERMINATED
    assert world.workers.turns == []
    assert world.hub.engine.store.messages(-1, 2**60) == []


async def test_an_instance_whose_orchestrator_cannot_be_run_can_be_terminated(world: World) -> None:
    chain_of(world)
    world.workers.faults = [RuntimeError("broken")] * 10_000
    instance_id = await world.start("chain", 1)
    await until(lambda: len(world.workers.turns) > 2)
    await world.client.terminate_orchestration(instance_id)
    assert (await world.finished(instance_id)).runtime_status == OrchestrationStatus.TERMINATED
    world.workers.faults.clear()


async def test_only_finished_instances_are_purged(world: World) -> None:
    waiter(world)
    chain_of(world)
    running = await world.start("wait", ["go"])
    done = (await world.run("chain", 2)).instance_id
    assert (await world.client.purge_orchestration(running)).deleted_instance_count == 0
    assert (await world.client.purge_orchestration(done)).deleted_instance_count == 1
    assert await status_of(world, done) is None
    assert await world.hub.history(done) is None
    assert await status_of(world, running) is not None


async def test_purging_by_filter_takes_all_that_match(world: World) -> None:
    chain_of(world)
    ids = {(await world.run("chain", 1)).instance_id for _ in range(3)}
    terminated = await world.start("chain", 1, start_at=datetime.now(UTC) + timedelta(days=1))
    await world.client.terminate_orchestration(terminated)
    await world.finished(terminated)
    result = await world.client.purge_orchestrations_by(runtime_status=[OrchestrationStatus.COMPLETED])
    assert (result.deleted_instance_count, result.is_complete) == (3, True)
    assert [await status_of(world, one) for one in ids] == [None] * 3
    assert await status_of(world, terminated) == OrchestrationStatus.TERMINATED


async def test_purging_recursively_takes_children_too(world: World) -> None:
    chain_of(world)

    @world.workers.orchestrator
    def parent(ctx: task.OrchestrationContext, _: Any) -> Any:
        yield ctx.call_sub_orchestrator("chain", input=1, instance_id="c")

    state = await world.run("parent")
    result = await world.client.purge_orchestration(state.instance_id, recursive=True)
    assert result.deleted_instance_count == 2
    assert await status_of(world, "c") is None


async def test_a_finished_instance_is_restarted_with_its_input(world: World) -> None:
    waiter(world)
    chain_of(world)
    first = await world.run("chain", 3)
    again = await world.client.restart_orchestration(first.instance_id)
    assert again == first.instance_id
    assert (await world.finished(again)).serialized_output == "3"
    other = await world.client.restart_orchestration(first.instance_id, restart_with_new_instance_id=True)
    assert other != again
    assert (await world.finished(other)).serialized_output == "3"
    running = await world.start("wait", ["go"])
    for instance_id, code in (
        (running, grpc.StatusCode.FAILED_PRECONDITION),
        ("nobody", grpc.StatusCode.NOT_FOUND),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await world.client.restart_orchestration(instance_id)
        assert error.value.code() == code


async def test_a_rewind_runs_the_failed_steps_again_and_keeps_the_others(world: World) -> None:
    calls: list[str] = []
    broken = {"b", "child"}

    @world.workers.activity
    async def step(_: task.ActivityContext, name: str) -> str:
        calls.append(name)
        if name in broken:
            raise ValueError(name)
        return name

    @world.workers.orchestrator
    def child(ctx: task.OrchestrationContext, _: Any) -> Any:
        return (yield ctx.call_activity(step, input="child"))

    @world.workers.orchestrator
    def parent(ctx: task.OrchestrationContext, _: Any) -> Any:
        first = yield ctx.call_activity(step, input="a")
        second = yield ctx.call_activity(step, input="b")
        third = yield ctx.call_sub_orchestrator(child)
        return [first, second, third]

    instance_id = await world.start("parent")
    assert (await world.finished(instance_id)).runtime_status == OrchestrationStatus.FAILED
    broken.remove("b")
    await world.client.rewind_orchestration(instance_id, reason="fixed")
    assert (await world.finished(instance_id)).runtime_status == OrchestrationStatus.FAILED
    broken.clear()
    await world.client.rewind_orchestration(instance_id)
    state = await world.finished(instance_id)
    assert state.serialized_output == '["a", "b", "child"]'
    assert calls == ["a", "b", "b", "child", "child"]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await world.client.rewind_orchestration(instance_id)
    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_a_rewind_takes_up_what_was_still_open_when_it_failed(world: World) -> None:
    """Results that came after the failure were dropped, so open steps are asked for again."""
    broken = True

    @world.workers.activity
    async def fails(_: task.ActivityContext, __: Any) -> str:
        if broken:
            raise ValueError("no")
        return "ok"

    @world.workers.activity
    async def slow(_: task.ActivityContext, __: Any) -> str:
        await until(lambda: "failed" in seen)
        return "slow"

    seen: list[str] = []

    @world.workers.orchestrator
    def both(ctx: task.OrchestrationContext, _: Any) -> Any:
        open_step = ctx.call_activity(slow)
        second = yield ctx.call_activity(fails)
        return [(yield open_step), second]

    instance_id = await world.start("both")
    assert (await world.finished(instance_id)).runtime_status == OrchestrationStatus.FAILED
    seen.append("failed")
    await world.idle()
    broken = False
    await world.client.rewind_orchestration(instance_id)
    assert (await world.finished(instance_id)).serialized_output == '["slow", "ok"]'


async def test_pages_of_instances_miss_nothing_and_repeat_nothing(world: World) -> None:
    chain_of(world)
    ids = [await world.start("chain", 0, instance_id=f"page-{n}") for n in range(7)]
    for one in ids:
        await world.finished(one)
    seen: list[str] = []
    cursor = None
    while True:
        page, cursor = await world.hub.query(size=3, cursor=cursor)
        assert len(page) <= 3
        seen.extend(status.instance_id for status in page)
        if cursor is None:
            break
    assert seen == ids
    query = OrchestrationQuery(instance_id_prefix="page-", max_instance_count=2)
    assert len(await world.client.get_all_orchestration_states(query)) == 7
    query = OrchestrationQuery(runtime_status=[OrchestrationStatus.FAILED])
    assert await world.client.get_all_orchestration_states(query) == []
    with pytest.raises(InvalidCursorError):
        await world.hub.query(cursor="bad")
    channel = grpc.aio.insecure_channel(world.address)
    stub = stubs.TaskHubSidecarServiceStub(channel)  # type: ignore[no-untyped-call]
    request = pb.QueryInstancesRequest(query=pb.InstanceQuery(continuationToken=StringValue(value="bad")))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.QueryInstances(request)
    await channel.close()
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_finished_ids_are_listed_by_completion(world: World) -> None:
    chain_of(world)
    ids = [(await world.run("chain", 0)).instance_id for _ in range(3)]
    first = await world.client.list_instance_ids(page_size=2)
    assert list(first.items) == ids[:2]
    second = await world.client.list_instance_ids(page_size=2, continuation_token=first.continuation_token)
    assert list(second.items) == ids[2:]
    assert second.continuation_token is None


async def test_the_history_tells_what_happened_and_when(world: World) -> None:
    chain_of(world)
    state = await world.run("chain", 1)
    events = await world.client.get_orchestration_history(state.instance_id)
    assert [type(event).__name__ for event in events] == [
        "OrchestratorStartedEvent",
        "ExecutionStartedEvent",
        "TaskScheduledEvent",
        "OrchestratorCompletedEvent",
        "OrchestratorStartedEvent",
        "TaskCompletedEvent",
        "OrchestratorCompletedEvent",
        "ExecutionCompletedEvent",
    ]
    assert all(event.timestamp.year > 2020 for event in events)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await world.client.get_orchestration_history("nobody")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
