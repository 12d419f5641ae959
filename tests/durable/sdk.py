"""The SDK's own worker, driven in process: the ``Workers`` the engine's tests run on.

Functions are written as for ``durabletask.worker.TaskHubGrpcWorker``; only its stream of work items is left
out. ``async`` activities run on the loop, others in a thread. Orchestrators live on between their turns;
every turn is run as a replay by the worker, too, and what differs is kept in :data:`DIFFERENCES`.
"""

import asyncio
import contextlib
import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from durabletask import task
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.worker import TaskHubGrpcWorker

from localhost.durable import queries
from localhost.durable.history import replayed
from localhost.durable.live import begin
from localhost.durable.workers import Answer, LiveOrchestrator
from localhost.sqlite.writer import connect

DIFFERENCES: list[str] = []
"""Turns that came to something else than their replays; no test leaves one behind."""


class SdkWorkers:
    def __init__(self, path: Path) -> None:
        """``path`` is the hub's file, where the replays take their histories from."""
        self.path = path
        self.worker = TaskHubGrpcWorker(emit_trace_spans=False)
        self._names: dict[str, set[str]] = {"orchestration": set(), "activity": set(), "entity": set()}
        self._activities: dict[str, Callable[..., Any]] = {}
        self.turns: list[pb.OrchestratorRequest] = []
        """Copies of the turns that were run, oldest first."""
        self.lived = 0
        """How many of them needed no replay."""
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

    async def orchestrate(self, name: str, request: pb.OrchestratorRequest) -> Answer:
        self.take(request)
        answer = begin(self.worker, request)
        self.check(request, answer.response)
        return Answer(answer.response, answer.live and _Checked(self, answer.live, request.instanceId))

    def take(self, request: pb.OrchestratorRequest) -> None:
        self.turns.append(_copy(request))
        if self.faults:
            raise self.faults.pop()

    def history(self, instance_id: str) -> list[pb.HistoryEvent]:
        with contextlib.closing(connect(self.path, read_only=True)) as connection:
            chunks = list(queries.history_chunks(connection, instance_id))
        return replayed(event for chunk in chunks for event in chunk.events)

    def check(self, request: pb.OrchestratorRequest, response: pb.OrchestratorResponse) -> None:
        answers: list[pb.OrchestratorResponse] = []
        stub = SimpleNamespace(CompleteOrchestratorTask=answers.append)
        self.worker._execute_orchestrator(_copy(request), stub, None)
        live, replayed = _comparable(response), _comparable(answers[0])
        if live != replayed:
            DIFFERENCES.append(f"{request.instanceId}, live:\n{live}\nreplayed:\n{replayed}")

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


class _Checked:
    """A live orchestrator whose turns are checked against replays."""

    def __init__(self, workers: SdkWorkers, live: LiveOrchestrator, instance_id: str) -> None:
        self._workers = workers
        self._live = live
        self._instance_id = instance_id

    async def go_on(
        self, confirmed: Sequence[pb.HistoryEvent], events: Sequence[pb.HistoryEvent]
    ) -> pb.OrchestratorResponse:
        past = self._workers.history(self._instance_id)
        request = pb.OrchestratorRequest(instanceId=self._instance_id, pastEvents=past, newEvents=events)
        self._workers.take(request)
        self._workers.lived += 1
        response = await self._live.go_on(confirmed, events)
        self._workers.check(request, response)
        return response


def _copy(request: pb.OrchestratorRequest) -> pb.OrchestratorRequest:
    copy = pb.OrchestratorRequest()
    copy.CopyFrom(request)
    return copy


def _comparable(response: pb.OrchestratorResponse) -> str:
    """A response without what differs by chance: where an error passed, how a new generation is called."""
    copy = pb.OrchestratorResponse()
    copy.CopyFrom(response)
    for action in copy.actions:
        failure = action.completeOrchestration.failureDetails
        if action.HasField("completeOrchestration"):
            while failure.HasField("stackTrace"):
                failure.ClearField("stackTrace")
                failure = failure.innerFailure
        for event in action.rewindOrchestration.newHistory:
            event.executionStarted.orchestrationInstance.ClearField("executionId")
    return str(copy)
