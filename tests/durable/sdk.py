"""The SDK's own worker, driven in process: the ``Workers`` the engine's tests run on.

Functions are written as for ``durabletask.worker.TaskHubGrpcWorker``, which replays them; only its stream of
work items is left out. ``async`` activities run on the loop, others in a thread.
"""

import asyncio
import inspect
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from durabletask import task
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.worker import TaskHubGrpcWorker


class SdkWorkers:
    def __init__(self) -> None:
        self.worker = TaskHubGrpcWorker(emit_trace_spans=False)
        self._names: dict[str, set[str]] = {"orchestration": set(), "activity": set(), "entity": set()}
        self._activities: dict[str, Callable[..., Any]] = {}
        self.turns: list[pb.OrchestratorRequest] = []
        """Copies of the turns that were run, oldest first."""
        self.faults: list[Exception] = []
        """Raised, one each, instead of running the next turns or batches: the machinery failing."""

    def orchestrator[F: Callable[..., Any]](self, function: F) -> F:
        self._names["orchestration"].add(self.worker.add_orchestrator(function))
        return function

    def activity[F: Callable[..., Any]](self, function: F) -> F:
        name = task.get_name(function)
        self._names["activity"].add(name)
        self._activities[name] = function
        return function

    def entity[F: Any](self, function: F) -> F:
        self._names["entity"].add(self.worker.add_entity(function).lower())
        return function

    def registered(self, kind: str) -> frozenset[str]:
        return frozenset(self._names[kind])

    async def orchestrate(self, name: str, request: pb.OrchestratorRequest) -> pb.OrchestratorResponse:
        copy = pb.OrchestratorRequest()
        copy.CopyFrom(request)
        self.turns.append(copy)
        if self.faults:
            raise self.faults.pop()
        answers: list[pb.OrchestratorResponse] = []
        stub = SimpleNamespace(CompleteOrchestratorTask=answers.append)
        self.worker._execute_orchestrator(request, stub, None)
        return answers[0]

    async def act(self, request: pb.ActivityRequest) -> pb.ActivityResponse:
        function = self._activities[request.name]
        context = task.ActivityContext(request.orchestrationInstance.instanceId, request.taskId)
        value = json.loads(request.input.value) if request.input.value else None
        response = pb.ActivityResponse(
            instanceId=request.orchestrationInstance.instanceId, taskId=request.taskId
        )
        try:
            if inspect.iscoroutinefunction(function):
                result = await function(context, value)
            else:
                result = await asyncio.to_thread(function, context, value)
        except Exception as error:  # noqa: BLE001 # an activity may fail in any way
            response.failureDetails.CopyFrom(helpers.new_failure_details(error))
        else:
            response.result.value = json.dumps(result)
        return response

    async def operate(self, name: str, request: pb.EntityBatchRequest) -> pb.EntityBatchResult:
        if self.faults:
            raise self.faults.pop()
        answers: list[pb.EntityBatchResult] = []
        stub = SimpleNamespace(CompleteEntityTask=answers.append)
        self.worker._execute_entity_batch(request, stub, None)
        return answers[0]
