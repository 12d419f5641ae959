"""R: what the SDK itself costs to replay a history, which is why long plans are cut."""

import base64
import time
from collections.abc import Generator, Sequence
from typing import Any

import azure.durable_functions as df
from durabletask import task
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue

from benchmarks.report import line, spread

RUNS = 7


async def cost(sizes: Sequence[int]) -> None:
    """Replay one turn of a chain that has ``size`` activities behind it."""
    handle = _handle()
    for size in sizes:
        request = base64.b64encode(_turn(size).SerializeToString())
        taken: list[float] = []
        for _ in range(RUNS):
            started = time.perf_counter()
            answer = pb.OrchestratorResponse.FromString(
                base64.b64decode(await handle(_durable_input=request, context=None))
            )
            taken.append(time.perf_counter() - started)
            assert len(answer.actions) == 1, answer
        what = f"one turn of the SDK over {size} completed activities, ms"
        each = spread(taken, scale=1e3 / size)["median"]
        line("R", what, runs=RUNS, **spread(taken, scale=1e3), ms_per_activity_and_turn=each)


def _handle() -> Any:
    app = df.DFApp()

    @app.orchestration_trigger(context_name="context")
    def chain(context: task.OrchestrationContext, _: Any) -> Generator[Any, Any]:
        while True:
            yield context.call_activity("step")

    return next(f for f in app.get_functions() if f.get_function_name() == "chain").get_user_function()


def _turn(size: int) -> pb.OrchestratorRequest:
    """The request for the turn in which activity number ``size`` has just completed."""
    now = Timestamp(seconds=1_700_000_000)
    past = [
        pb.HistoryEvent(eventId=-1, timestamp=now, orchestratorStarted=pb.OrchestratorStartedEvent()),
        pb.HistoryEvent(
            eventId=-1,
            timestamp=now,
            executionStarted=pb.ExecutionStartedEvent(
                name="chain", orchestrationInstance=pb.OrchestrationInstance(instanceId="chain")
            ),
        ),
    ]
    new: list[pb.HistoryEvent] = []
    for number in range(1, size + 1):
        past.append(
            pb.HistoryEvent(eventId=number, timestamp=now, taskScheduled=pb.TaskScheduledEvent(name="step"))
        )
        completed = pb.TaskCompletedEvent(
            taskScheduledId=number, result=StringValue(value='{"status":"completed"}')
        )
        new = [
            pb.HistoryEvent(eventId=-1, timestamp=now, orchestratorStarted=pb.OrchestratorStartedEvent()),
            pb.HistoryEvent(eventId=-1, timestamp=now, taskCompleted=completed),
        ]
        if number < size:
            past += new
    return pb.OrchestratorRequest(instanceId="chain", pastEvents=past, newEvents=new)
