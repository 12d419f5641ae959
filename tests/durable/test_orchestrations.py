"""Orchestrations from start to end, through the SDK's client."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from durabletask import task
from durabletask.client import OrchestrationStatus
from durabletask.internal import orchestrator_service_pb2 as pb

from tests.durable.conftest import World, until


def chain_of(world: World) -> None:
    @world.workers.activity
    async def plus(_: task.ActivityContext, n: int) -> int:
        return n + 1

    @world.workers.orchestrator
    def chain(ctx: task.OrchestrationContext, n: int) -> Any:
        value = 0
        for _ in range(n):
            value = yield ctx.call_activity(plus, input=value)
        return value


def waiter(world: World) -> None:
    @world.workers.orchestrator
    def wait(ctx: task.OrchestrationContext, names: list[str]) -> Any:
        got = []
        for name in names:
            got.append((yield ctx.wait_for_external_event(name)))  # noqa: PERF401 # one after the other
        return got


async def test_activities_run_one_after_the_other(world: World) -> None:
    chain_of(world)
    state = await world.run("chain", 5)
    assert state.runtime_status == OrchestrationStatus.COMPLETED
    assert state.serialized_output == "5"
    assert len(world.workers.turns) == 6


async def test_many_activities_run_at_once_and_are_taken_in_together(world: World) -> None:
    chain_of(world)

    @world.workers.orchestrator
    def fan(ctx: task.OrchestrationContext, n: int) -> Any:
        return sum((yield task.when_all([ctx.call_activity("plus", input=i) for i in range(n)])))

    state = await world.run("fan", 300)
    assert state.serialized_output == str(sum(range(1, 301)))
    assert len(world.workers.turns) < 30


async def test_an_activity_failure_carries_its_details(world: World) -> None:
    @world.workers.activity
    async def fail(_: task.ActivityContext, message: str) -> None:
        raise ValueError(message)

    @world.workers.orchestrator
    def calls(ctx: task.OrchestrationContext, message: str) -> Any:
        try:
            yield ctx.call_activity(fail, input=message)
        except task.TaskFailedError as error:
            return [error.details.error_type, error.details.message]

    assert json.loads((await world.run("calls", "no")).serialized_output or "") == [
        "builtins.ValueError",
        "no",
    ]
    # A failure with an empty message is a failure.
    assert json.loads((await world.run("calls", "")).serialized_output or "") == ["builtins.ValueError", ""]


async def test_an_uncaught_failure_fails_the_orchestration_with_its_cause(world: World) -> None:
    @world.workers.activity
    async def fail(_: task.ActivityContext, __: Any) -> None:
        raise ValueError("no")

    @world.workers.orchestrator
    def calls(ctx: task.OrchestrationContext, _: Any) -> Any:
        yield ctx.call_activity(fail)

    state = await world.run("calls")
    assert state.runtime_status == OrchestrationStatus.FAILED
    assert state.failure_details is not None
    status = await world.hub.status(state.instance_id)
    assert status is not None
    assert status.failure is not None
    assert status.failure.innerFailure.errorType == "builtins.ValueError"


async def test_retries_run_the_activity_again(world: World) -> None:
    attempts = []

    @world.workers.activity
    async def flaky(_: task.ActivityContext, __: Any) -> int:
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return len(attempts)

    @world.workers.orchestrator
    def calls(ctx: task.OrchestrationContext, _: Any) -> Any:
        policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=20), max_number_of_attempts=5)
        return (yield ctx.call_activity(flaky, retry_policy=policy))

    assert (await world.run("calls")).serialized_output == "3"


async def test_events_are_taken_in_order_whatever_the_case_and_before_they_are_awaited(world: World) -> None:
    waiter(world)
    instance_id = await world.start("wait", ["go", "go", "stop"])
    for name, value in (("STOP", 3), ("Go", 1), ("GO", 2)):
        await world.client.raise_orchestration_event(instance_id, name, data=value)
    assert (await world.finished(instance_id)).serialized_output == "[1, 2, 3]"


async def test_an_event_to_an_unknown_instance_is_an_error(world: World) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await world.client.raise_orchestration_event("nobody", "go")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


async def test_an_event_to_a_finished_instance_changes_nothing(world: World) -> None:
    chain_of(world)
    before = await world.run("chain", 0)
    await world.client.raise_orchestration_event(before.instance_id, "go")
    after = await world.finished(before.instance_id)
    assert after.last_updated_at == before.last_updated_at


async def test_a_race_of_event_and_timer_goes_to_the_first(world: World) -> None:
    @world.workers.orchestrator
    def race(ctx: task.OrchestrationContext, seconds: float) -> Any:
        event = ctx.wait_for_external_event("go")
        timer = ctx.create_timer(timedelta(seconds=seconds))
        winner = yield task.when_any([event, timer])
        return "timer" if winner == timer else event.get_result()

    assert (await world.run("race", 0.05)).serialized_output == '"timer"'
    instance_id = await world.start("race", 3600)
    await world.client.raise_orchestration_event(instance_id, "go", data="event")
    assert (await world.finished(instance_id)).serialized_output == '"event"'


async def test_a_timer_never_fires_before_its_time(world: World) -> None:
    @world.workers.orchestrator
    def timed(ctx: task.OrchestrationContext, _: Any) -> Any:
        due = ctx.current_utc_datetime + timedelta(milliseconds=30)
        yield ctx.create_timer(due)
        return ctx.current_utc_datetime >= due

    assert (await world.run("timed")).serialized_output == "true"


async def test_a_late_result_of_a_finished_orchestration_is_dropped(world: World) -> None:
    gate = asyncio.Event()

    @world.workers.activity
    async def slow(_: task.ActivityContext, __: Any) -> str:
        await gate.wait()
        return "late"

    @world.workers.orchestrator
    def hasty(ctx: task.OrchestrationContext, _: Any) -> Any:
        slow_task = ctx.call_activity(slow)
        yield task.when_any([slow_task, ctx.create_timer(timedelta(milliseconds=10))])
        return "done"

    state = await world.run("hasty")
    chunks = await world.hub.history(state.instance_id)
    gate.set()
    await world.idle()
    assert await world.hub.history(state.instance_id) == chunks
    assert world.hub.engine.store.activities() == []


async def test_a_late_result_does_not_reach_the_next_generation(world: World) -> None:
    gate = asyncio.Event()

    @world.workers.activity
    async def work(_: task.ActivityContext, generation: int) -> str:
        if generation == 1:
            await gate.wait()
            return "OLD"
        await until(lambda: not world.hub.engine.mailboxes.results())
        return "NEW"

    @world.workers.orchestrator
    def again(ctx: task.OrchestrationContext, generation: int) -> Any:
        first = ctx.call_activity(work, input=generation)
        if generation == 1:
            yield ctx.wait_for_external_event("next")
            ctx.continue_as_new(2)
            return None
        yield ctx.wait_for_external_event("look")
        return (yield first)

    instance_id = await world.start("again", 1)
    await world.started(instance_id)
    await world.client.raise_orchestration_event(instance_id, "next")
    await until(lambda: len(world.workers.turns) >= 3)
    gate.set()
    await world.idle()
    await world.client.raise_orchestration_event(instance_id, "look")
    assert (await world.finished(instance_id)).serialized_output == '"NEW"'


async def test_continue_as_new_starts_afresh_and_keeps_events_if_asked(world: World) -> None:
    @world.workers.orchestrator
    def collect(ctx: task.OrchestrationContext, got: list[int]) -> Any:
        got.append((yield ctx.wait_for_external_event("item")))
        if len(got) < 3:
            ctx.continue_as_new(got, save_events=True)
            return None
        return got

    instance_id = await world.start("collect", [])
    for item in (1, 2, 3):
        await world.client.raise_orchestration_event(instance_id, "item", data=item)
    state = await world.finished(instance_id)
    assert state.serialized_output == "[1, 2, 3]"
    chunks = await world.hub.history(instance_id)
    assert chunks is not None
    assert sum(e.HasField("executionStarted") for chunk in chunks for e in chunk.events) == 1


async def test_a_change_of_the_code_under_a_running_orchestration_is_named(world: World) -> None:
    chain_of(world)
    second = False

    @world.workers.orchestrator
    def changing(ctx: task.OrchestrationContext, _: Any) -> Any:
        if second:
            yield ctx.create_timer(timedelta(seconds=1))
        else:
            yield ctx.call_activity("plus", input=1)
        yield ctx.wait_for_external_event("go")

    instance_id = await world.start("changing")
    await until(lambda: len(world.workers.turns) == 2)
    second = True
    world.hub.engine.cache.forget(instance_id)  # one that is alive runs the code it began with
    await world.client.raise_orchestration_event(instance_id, "go")
    state = await world.finished(instance_id)
    assert state.failure_details is not None
    assert state.failure_details.error_type.endswith("NonDeterminismError")


async def test_a_name_that_nobody_has_fails_and_is_named(world: World) -> None:
    @world.workers.orchestrator
    def calls(ctx: task.OrchestrationContext, _: Any) -> Any:
        yield ctx.call_activity("missing")

    state = await world.run("calls")
    assert state.runtime_status == OrchestrationStatus.FAILED
    assert "'missing'" in str(state.failure_details)
    state = await world.run("unheard-of")
    assert state.runtime_status == OrchestrationStatus.FAILED
    assert "'unheard-of'" in str(state.failure_details)


async def test_a_scheduled_start_waits_for_its_time(world: World) -> None:
    chain_of(world)
    due = datetime.now(UTC) + timedelta(seconds=2)
    instance_id = await world.start("chain", 1, start_at=due)
    status = await world.hub.status(instance_id)
    assert status is not None
    assert status.status == pb.ORCHESTRATION_STATUS_PENDING
    await world.client.raise_orchestration_event(instance_id, "early")
    await world.finished(instance_id)
    assert datetime.now(UTC) >= due


async def test_a_taken_id_is_refused_unless_the_status_may_be_replaced(world: World) -> None:
    chain_of(world)
    await world.run("chain", 1, instance_id="mine")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await world.start("chain", 2, instance_id="mine")
    assert error.value.code() == grpc.StatusCode.ALREADY_EXISTS
    policy = pb.OrchestrationIdReusePolicy(replaceableStatus=[pb.ORCHESTRATION_STATUS_FAILED])
    with pytest.raises(grpc.aio.AioRpcError):
        await world.start("chain", 2, instance_id="mine", reuse_id_policy=policy)
    policy = pb.OrchestrationIdReusePolicy(replaceableStatus=[pb.ORCHESTRATION_STATUS_COMPLETED])
    await world.start("chain", 2, instance_id="mine", reuse_id_policy=policy)
    assert (await world.finished("mine")).serialized_output == "2"


async def test_version_tags_and_custom_status_are_kept(world: World) -> None:
    @world.workers.orchestrator
    def tells(ctx: task.OrchestrationContext, _: Any) -> Any:
        ctx.set_custom_status({"step": 1})
        yield ctx.wait_for_external_event("go")
        return ctx.version

    instance_id = await world.start("tells", version="1.2", tags={"team": "a"})
    await world.started(instance_id)
    status = await world.hub.status(instance_id)
    assert status is not None
    assert status.custom_status == '{"step": 1}'
    assert (status.version, status.tags) == ("1.2", {"team": "a"})
    await world.client.raise_orchestration_event(instance_id, "go")
    assert (await world.finished(instance_id)).serialized_output == '"1.2"'


async def test_a_wait_ends_at_its_deadline(world: World) -> None:
    waiter(world)
    instance_id = await world.start("wait", ["go"])
    with pytest.raises(TimeoutError):
        await world.client.wait_for_orchestration_completion(instance_id, timeout=0.05)
    assert await world.client.wait_for_orchestration_completion("nobody", timeout=1) is None
    await until(lambda: not world.hub.engine.watchers._futures)


async def test_hundreds_wait_without_a_thread_each(world: World) -> None:
    waiter(world)
    instance_id = await world.start("wait", ["go"])
    waits = [asyncio.create_task(world.finished(instance_id)) for _ in range(200)]
    await until(lambda: len(world.hub.engine.watchers._futures.get(instance_id, ())) == 200)
    await world.client.raise_orchestration_event(instance_id, "go")
    assert {state.runtime_status for state in await asyncio.gather(*waits)} == {OrchestrationStatus.COMPLETED}


async def test_payloads_beyond_the_default_limit_of_grpc_pass(world: World) -> None:
    @world.workers.orchestrator
    def echo(_: task.OrchestrationContext, value: str) -> str:
        return value

    big = "x" * 5_000_000
    instance_id = await world.start("echo", big)
    status = await world.hub.wait(instance_id)
    assert status is not None
    assert status.output == json.dumps(big)


async def test_orchestrations_send_each_other_events(world: World) -> None:
    waiter(world)

    @world.workers.orchestrator
    def tell(ctx: task.OrchestrationContext, target: str) -> Any:
        ctx.send_event(target, "go", data="hello")
        yield ctx.create_timer(timedelta(0))

    instance_id = await world.start("wait", ["go"])
    await world.run("tell", instance_id)
    assert (await world.finished(instance_id)).serialized_output == '["hello"]'
    assert (await world.run("tell", "nobody")).runtime_status == OrchestrationStatus.COMPLETED
