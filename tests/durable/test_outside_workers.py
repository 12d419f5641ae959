"""Workers outside the process, on the gRPC stream of work items: the SDK's own, and one driven by hand."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from durabletask import task
from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from durabletask.worker import TaskHubGrpcWorker
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from localhost.durable.model import Limits
from tests.durable.conftest import QUICK, World, until


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[World]:
    """A hub without workers of its own."""
    world = World(tmp_path / "hub.db")
    await world.up(outside=True)
    yield world
    await world.down()


class Hand:
    """A worker driven by hand."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.aio.insecure_channel(address)
        self.stub: Any = stubs.TaskHubSidecarServiceStub(self.channel)  # type: ignore[no-untyped-call]
        self.stream: Any = None

    async def connect(self, **request: Any) -> "Hand":
        self.stream = self.stub.GetWorkItems(pb.GetWorkItemsRequest(**request))
        return self

    async def item(self) -> pb.WorkItem:
        async with asyncio.timeout(60):
            item: pb.WorkItem = await self.stream.read()
        return item

    async def turn(self, *actions: pb.OrchestratorAction, **fields: Any) -> pb.WorkItem:
        """Answer the next turn with ``actions``."""
        item = await self.item()
        assert item.HasField("orchestratorRequest")
        response = pb.OrchestratorResponse(
            instanceId=item.orchestratorRequest.instanceId,
            completionToken=item.completionToken,
            actions=actions,
            **fields,
        )
        await self.stub.CompleteOrchestratorTask(response)
        return item

    async def leave(self) -> None:
        if self.stream is not None:
            self.stream.cancel()
        await self.channel.close()


@pytest.fixture
async def hand(hub: World) -> AsyncIterator[Hand]:
    one = Hand(hub.address)
    yield one
    await one.leave()


def schedule(task_id: int = 1) -> pb.OrchestratorAction:
    return pb.OrchestratorAction(id=task_id, scheduleTask=pb.ScheduleTaskAction(name="act"))


def complete(result: str) -> pb.OrchestratorAction:
    return pb.OrchestratorAction(
        id=9,
        completeOrchestration=pb.CompleteOrchestrationAction(
            orchestrationStatus=pb.ORCHESTRATION_STATUS_COMPLETED, result=StringValue(value=result)
        ),
    )


async def test_the_sdks_worker_runs_orchestrations_activities_and_entities(hub: World) -> None:
    worker = TaskHubGrpcWorker(host_address=hub.address)

    def plus(_: task.ActivityContext, n: int) -> int:
        return n + 1

    def counter(ctx: Any, amount: int) -> int:
        value = int(ctx.get_state(int, 0)) + amount
        ctx.set_state(value)
        return value

    def work(ctx: task.OrchestrationContext, n: int) -> Any:
        value = yield ctx.call_activity(plus, input=n)
        return (yield ctx.call_entity(EntityInstanceId("counter", "k"), "add", value))

    worker.add_activity(plus)
    worker.add_entity(counter)
    worker.add_orchestrator(work)
    instance_id = await hub.start("work", 1)  # waits for a worker
    await asyncio.to_thread(worker.start)
    try:
        assert (await hub.finished(instance_id)).serialized_output == "2"
    finally:
        await asyncio.to_thread(worker.stop)


async def test_work_goes_back_when_the_worker_leaves_and_its_late_answer_does_not_count(
    hub: World, hand: Hand
) -> None:
    instance_id = await hub.start("orchestration")
    await hand.connect()
    first = await hand.item()
    hand.stream.cancel()
    await hand.connect()
    second = await hand.item()
    assert second.orchestratorRequest.instanceId == first.orchestratorRequest.instanceId == instance_id
    assert second.completionToken != first.completionToken
    for item, result in ((first, "stale"), (second, "current"), (second, "again")):
        await hand.stub.CompleteOrchestratorTask(
            pb.OrchestratorResponse(
                instanceId=instance_id, completionToken=item.completionToken, actions=[complete(result)]
            )
        )
    assert (await hub.finished(instance_id)).serialized_output == "current"


async def test_work_that_is_given_back_is_given_out_again(hub: World, hand: Hand) -> None:
    instance_id = await hub.start("orchestration")
    await hand.connect()
    item = await hand.item()
    await hand.stub.AbandonTaskOrchestratorWorkItem(
        pb.AbandonOrchestrationTaskRequest(completionToken=item.completionToken)
    )
    await hand.turn(schedule())
    activity = await hand.item()
    await hand.stub.AbandonTaskActivityWorkItem(
        pb.AbandonActivityTaskRequest(completionToken=activity.completionToken)
    )
    again = await hand.item()
    assert again.activityRequest == activity.activityRequest
    response = pb.ActivityResponse(instanceId=instance_id, taskId=1, completionToken=again.completionToken)
    await hand.stub.CompleteActivityTask(response)
    # A second answer to the same work item is ignored.
    await hand.stub.CompleteActivityTask(response)
    last = await hand.turn(complete("done"))
    completions = [e for e in last.orchestratorRequest.newEvents if e.HasField("taskCompleted")]
    assert len(completions) == 1
    assert (await hub.finished(instance_id)).serialized_output == "done"


async def test_work_goes_back_when_its_lease_ends(tmp_path: Path) -> None:
    world = World(tmp_path / "hub.db")
    await world.up(outside=True, limits=Limits(turn_lease=0.05, first_retry=0.01))
    hand = await Hand(world.address).connect()
    instance_id = await world.start("orchestration")
    await hand.item()
    await hand.turn(complete("done"))
    assert (await world.finished(instance_id)).serialized_output == "done"
    await hand.leave()
    await world.down()


async def test_a_worker_gets_only_what_it_asked_for_and_no_more_than_it_can_do(
    hub: World, hand: Hand
) -> None:
    filters = pb.WorkItemFilters(orchestrations=[pb.OrchestrationFilter(name="mine", versions=["2"])])
    await hand.connect(workItemFilters=filters, maxConcurrentOrchestrationWorkItems=1)
    await hub.start("other")
    await hub.start("mine", version="1")
    ids = {await hub.start("mine", version="2") for _ in range(3)}
    await until(lambda: hub.hub.engine.outside._leases != {})
    assert len(hub.hub.engine.outside._leases) == 1
    got = {(await hand.turn(complete("x"))).orchestratorRequest.instanceId for _ in range(3)}
    assert got == ids


async def test_an_answer_may_come_in_parts(hub: World, hand: Hand) -> None:
    instance_id = await hub.start("orchestration")
    await hand.connect()
    item = await hand.item()
    for index, action in enumerate([schedule(1), schedule(2), schedule(3)]):
        await hand.stub.CompleteOrchestratorTask(
            pb.OrchestratorResponse(
                instanceId=instance_id,
                completionToken=item.completionToken,
                actions=[action],
                isPartial=index < 2,
                chunkIndex=Int32Value(value=index),
            )
        )
    assert {(await hand.item()).activityRequest.taskId for _ in range(3)} == {1, 2, 3}


async def test_a_long_history_is_streamed_to_a_worker_that_can_take_it(tmp_path: Path) -> None:
    world = World(tmp_path / "hub.db")
    await world.up(outside=True, limits=Limits(stream_history_bytes=10))
    hand = await Hand(world.address).connect(capabilities=[pb.WORKER_CAPABILITY_HISTORY_STREAMING])
    instance_id = await world.start("orchestration")
    await hand.turn(schedule())
    activity = await hand.item()
    await hand.stub.CompleteActivityTask(
        pb.ActivityResponse(instanceId=instance_id, taskId=1, completionToken=activity.completionToken)
    )
    item = await hand.item()
    assert item.orchestratorRequest.requiresHistoryStreaming
    assert not item.orchestratorRequest.pastEvents
    stream = hand.stub.StreamInstanceHistory(
        pb.StreamInstanceHistoryRequest(instanceId=instance_id, forWorkItemProcessing=True)
    )
    events = [event async for chunk in stream for event in chunk.events]
    assert [e.WhichOneof("eventType") for e in events] == [
        "orchestratorStarted",
        "executionStarted",
        "taskScheduled",
        "orchestratorCompleted",
    ]
    await hand.leave()
    await world.down()


async def test_an_outside_worker_does_what_the_process_itself_does_not_know(world: World) -> None:
    @world.workers.orchestrator
    def work(ctx: task.OrchestrationContext, _: Any) -> Any:
        return (yield ctx.call_activity("elsewhere"))

    hand = await Hand(world.address).connect()
    await until(lambda: world.hub.engine.outside.accepts("activity", "elsewhere", None))
    instance_id = await world.start("work")
    item = await hand.item()
    await hand.stub.CompleteActivityTask(
        pb.ActivityResponse(
            instanceId=instance_id,
            taskId=item.activityRequest.taskId,
            completionToken=item.completionToken,
            result=StringValue(value='"there"'),
        )
    )
    assert (await world.finished(instance_id)).serialized_output == '"there"'
    await hand.leave()


async def test_streams_end_when_the_hub_drains(tmp_path: Path) -> None:
    world = World(tmp_path / "hub.db")
    await world.up(outside=True, limits=QUICK)
    hand = await Hand(world.address).connect()
    await until(lambda: world.hub.engine.outside.has_room("activity"))
    await world.down()
    assert await hand.stream.read() == grpc.aio.EOF
    await hand.leave()
