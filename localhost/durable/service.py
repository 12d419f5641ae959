# ruff: noqa: N802, ARG002 # methods are named and called as the protocol has them
"""The gRPC face of a task hub: ``TaskHubSidecarService`` of the Durable Task protocol, on grpc.aio."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from google.protobuf.empty_pb2 import Empty
from google.protobuf.wrappers_pb2 import BoolValue

from localhost.durable.errors import (
    InstanceExistsError,
    InstanceNotFoundError,
    InvalidCursorError,
    NotAllowedError,
)
from localhost.durable.history import maybe, text
from localhost.durable.hub import TaskHub
from localhost.durable.queries import EntityFilter, InstanceFilter
from localhost.durable.wire import entity_of, instance_of, state_of, time_of
from localhost.sqlite.writer import StorageUnavailableError

type Context = grpc.aio.ServicerContext[Any, Any]

PING_SECONDS = 30.0
"""Silence on a stream of work items after which it is shown to be alive."""
EVENTS_PER_CHUNK = 500

_CODES: dict[type[Exception], grpc.StatusCode] = {
    InstanceNotFoundError: grpc.StatusCode.NOT_FOUND,
    InstanceExistsError: grpc.StatusCode.ALREADY_EXISTS,
    NotAllowedError: grpc.StatusCode.FAILED_PRECONDITION,
    InvalidCursorError: grpc.StatusCode.INVALID_ARGUMENT,
    StorageUnavailableError: grpc.StatusCode.UNAVAILABLE,
}


def _mapped[Request, Response](
    method: Callable[[Any, Request, Context], Awaitable[Response]],
) -> Callable[[Any, Request, Context], Awaitable[Response]]:
    """Turn the engine's errors into status codes."""

    @functools.wraps(method)
    async def call(self: Any, request: Request, context: Context) -> Response:
        try:
            return await method(self, request, context)
        except tuple(_CODES) as error:
            await context.abort(_CODES[type(error)], str(error))
            raise

    return call


class Service(stubs.TaskHubSidecarServiceServicer):
    """Each method: request in, one call of the hub, response out."""

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub

    async def Hello(self, request: Empty, context: Context) -> Empty:
        return Empty()

    @_mapped
    async def StartInstance(
        self, request: pb.CreateInstanceRequest, context: Context
    ) -> pb.CreateInstanceResponse:
        instance_id = await self._hub.start_instance(
            request.name,
            instance_id=request.instanceId or None,
            input=maybe(request, "input"),
            version=maybe(request, "version"),
            start_at=time_of(request, "scheduledStartTimestamp"),
            tags=request.tags,
            replaceable=request.orchestrationIdReusePolicy.replaceableStatus,
            trace=request.parentTraceContext if request.HasField("parentTraceContext") else None,
        )
        return pb.CreateInstanceResponse(instanceId=instance_id)

    @_mapped
    async def GetInstance(self, request: pb.GetInstanceRequest, context: Context) -> pb.GetInstanceResponse:
        return instance_of(await self._hub.status(request.instanceId), request)

    @_mapped
    async def WaitForInstanceStart(
        self, request: pb.GetInstanceRequest, context: Context
    ) -> pb.GetInstanceResponse:
        return instance_of(await self._hub.wait_started(request.instanceId), request)

    @_mapped
    async def WaitForInstanceCompletion(
        self,
        request: pb.GetInstanceRequest,
        context: Context,
    ) -> pb.GetInstanceResponse:
        return instance_of(await self._hub.wait(request.instanceId), request)

    @_mapped
    async def RaiseEvent(self, request: pb.RaiseEventRequest, context: Context) -> pb.RaiseEventResponse:
        await self._hub.raise_event(request.instanceId, request.name, maybe(request, "input"))
        return pb.RaiseEventResponse()

    @_mapped
    async def TerminateInstance(self, request: pb.TerminateRequest, context: Context) -> pb.TerminateResponse:
        # What the SDK's clients expect: ending what is not there is no error.
        with contextlib.suppress(InstanceNotFoundError):
            await self._hub.terminate(
                request.instanceId, maybe(request, "output"), recursive=request.recursive
            )
        return pb.TerminateResponse()

    @_mapped
    async def SuspendInstance(self, request: pb.SuspendRequest, context: Context) -> pb.SuspendResponse:
        await self._hub.suspend(request.instanceId, maybe(request, "reason"))
        return pb.SuspendResponse()

    @_mapped
    async def ResumeInstance(self, request: pb.ResumeRequest, context: Context) -> pb.ResumeResponse:
        await self._hub.resume(request.instanceId, maybe(request, "reason"))
        return pb.ResumeResponse()

    @_mapped
    async def QueryInstances(
        self, request: pb.QueryInstancesRequest, context: Context
    ) -> pb.QueryInstancesResponse:
        query = request.query
        chosen = InstanceFilter(
            frozenset(query.runtimeStatus),
            time_of(query, "createdTimeFrom"),
            time_of(query, "createdTimeTo"),
            maybe(query, "instanceIdPrefix") or "",
        )
        found, cursor = await self._hub.query(
            chosen, size=query.maxInstanceCount, cursor=maybe(query, "continuationToken")
        )
        states = [state_of(one, payloads=query.fetchInputsAndOutputs) for one in found]
        return pb.QueryInstancesResponse(orchestrationState=states, continuationToken=text(cursor))

    @_mapped
    async def ListInstanceIds(
        self, request: pb.ListInstanceIdsRequest, context: Context
    ) -> pb.ListInstanceIdsResponse:
        ids, cursor = await self._hub.completed_ids(
            frozenset(request.runtimeStatus),
            time_of(request, "completedTimeFrom"),
            time_of(request, "completedTimeTo"),
            size=request.pageSize,
            cursor=maybe(request, "lastInstanceKey"),
        )
        return pb.ListInstanceIdsResponse(instanceIds=ids, lastInstanceKey=text(cursor))

    @_mapped
    async def PurgeInstances(
        self, request: pb.PurgeInstancesRequest, context: Context
    ) -> pb.PurgeInstancesResponse:
        kind = request.WhichOneof("request")
        complete = True
        if kind == "purgeInstanceFilter":
            asked = request.purgeInstanceFilter
            chosen = InstanceFilter(
                frozenset(asked.runtimeStatus),
                time_of(asked, "createdTimeFrom"),
                time_of(asked, "createdTimeTo"),
            )
            seconds = asked.timeout.ToTimedelta().total_seconds() if asked.HasField("timeout") else None
            count, complete = await self._hub.purge_all(chosen, recursive=request.recursive, timeout=seconds)
        else:
            ids = [request.instanceId] if kind == "instanceId" else request.instanceBatch.instanceIds
            count = await self._hub.purge(list(ids), recursive=request.recursive)
        return pb.PurgeInstancesResponse(deletedInstanceCount=count, isComplete=BoolValue(value=complete))

    @_mapped
    async def RestartInstance(
        self, request: pb.RestartInstanceRequest, context: Context
    ) -> pb.RestartInstanceResponse:
        instance_id = await self._hub.restart(request.instanceId, new_id=request.restartWithNewInstanceId)
        return pb.RestartInstanceResponse(instanceId=instance_id)

    @_mapped
    async def RewindInstance(
        self, request: pb.RewindInstanceRequest, context: Context
    ) -> pb.RewindInstanceResponse:
        await self._hub.rewind(request.instanceId, maybe(request, "reason"))
        return pb.RewindInstanceResponse()

    async def StreamInstanceHistory(
        self, request: pb.StreamInstanceHistoryRequest, context: Context
    ) -> AsyncIterator[pb.HistoryChunk]:
        chunks = await self._hub.history(request.instanceId)
        if chunks is None:
            error = InstanceNotFoundError(request.instanceId)
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
            raise error
        batch = pb.HistoryChunk()
        for chunk in chunks:
            batch.events.extend(chunk.events)
            if len(batch.events) >= EVENTS_PER_CHUNK:
                yield batch
                batch = pb.HistoryChunk()
        if batch.events:
            yield batch

    @_mapped
    async def CreateTaskHub(
        self, request: pb.CreateTaskHubRequest, context: Context
    ) -> pb.CreateTaskHubResponse:
        return pb.CreateTaskHubResponse()

    @_mapped
    async def DeleteTaskHub(
        self, request: pb.DeleteTaskHubRequest, context: Context
    ) -> pb.DeleteTaskHubResponse:
        return pb.DeleteTaskHubResponse()

    @_mapped
    async def SignalEntity(
        self, request: pb.SignalEntityRequest, context: Context
    ) -> pb.SignalEntityResponse:
        await self._hub.signal_entity(
            request.instanceId,
            request.name,
            maybe(request, "input"),
            request_id=request.requestId or None,
            at=time_of(request, "scheduledTime"),
        )
        return pb.SignalEntityResponse()

    @_mapped
    async def GetEntity(self, request: pb.GetEntityRequest, context: Context) -> pb.GetEntityResponse:
        entity = await self._hub.entity(request.instanceId)
        if entity is None:
            return pb.GetEntityResponse(exists=False)
        return pb.GetEntityResponse(exists=True, entity=entity_of(entity, state=request.includeState))

    @_mapped
    async def QueryEntities(
        self, request: pb.QueryEntitiesRequest, context: Context
    ) -> pb.QueryEntitiesResponse:
        query = request.query
        chosen = EntityFilter(
            maybe(query, "instanceIdStartsWith") or "",
            time_of(query, "lastModifiedFrom"),
            time_of(query, "lastModifiedTo"),
            query.includeTransient,
        )
        found, cursor = await self._hub.entities(
            chosen, size=query.pageSize.value, cursor=maybe(query, "continuationToken")
        )
        entities = [entity_of(one, state=query.includeState) for one in found]
        return pb.QueryEntitiesResponse(entities=entities, continuationToken=text(cursor))

    @_mapped
    async def CleanEntityStorage(
        self,
        request: pb.CleanEntityStorageRequest,
        context: Context,
    ) -> pb.CleanEntityStorageResponse:
        removed, released = await self._hub.clean_entities(
            empty=request.removeEmptyEntities, orphaned_locks=request.releaseOrphanedLocks
        )
        return pb.CleanEntityStorageResponse(emptyEntitiesRemoved=removed, orphanedLocksReleased=released)

    async def SkipGracefulOrchestrationTerminations(
        self,
        request: pb.SkipGracefulOrchestrationTerminationsRequest,
        context: Context,
    ) -> pb.SkipGracefulOrchestrationTerminationsResponse:
        return pb.SkipGracefulOrchestrationTerminationsResponse(
            unterminatedInstanceIds=request.instanceBatch.instanceIds
        )

    async def GetWorkItems(
        self, request: pb.GetWorkItemsRequest, context: Context
    ) -> AsyncIterator[pb.WorkItem]:
        outside = self._hub.engine.outside
        worker = outside.connect(request)
        try:
            while True:
                try:
                    item = await asyncio.wait_for(worker.queue.get(), PING_SECONDS)
                except TimeoutError:
                    item = pb.WorkItem(healthPing=pb.HealthPing())
                if item is None:
                    return
                yield item
        finally:
            outside.disconnect(worker)

    async def CompleteOrchestratorTask(
        self, request: pb.OrchestratorResponse, context: Context
    ) -> pb.CompleteTaskResponse:
        self._hub.engine.outside.complete("orchestration", request.completionToken, request)
        return pb.CompleteTaskResponse()

    async def CompleteActivityTask(
        self, request: pb.ActivityResponse, context: Context
    ) -> pb.CompleteTaskResponse:
        self._hub.engine.outside.complete("activity", request.completionToken, request)
        return pb.CompleteTaskResponse()

    async def CompleteEntityTask(
        self, request: pb.EntityBatchResult, context: Context
    ) -> pb.CompleteTaskResponse:
        self._hub.engine.outside.complete("entity", request.completionToken, request)
        return pb.CompleteTaskResponse()

    async def AbandonTaskOrchestratorWorkItem(
        self,
        request: pb.AbandonOrchestrationTaskRequest,
        context: Context,
    ) -> pb.AbandonOrchestrationTaskResponse:
        self._hub.engine.outside.abandon("orchestration", request.completionToken)
        return pb.AbandonOrchestrationTaskResponse()

    async def AbandonTaskActivityWorkItem(
        self,
        request: pb.AbandonActivityTaskRequest,
        context: Context,
    ) -> pb.AbandonActivityTaskResponse:
        self._hub.engine.outside.abandon("activity", request.completionToken)
        return pb.AbandonActivityTaskResponse()

    async def AbandonTaskEntityWorkItem(
        self,
        request: pb.AbandonEntityTaskRequest,
        context: Context,
    ) -> pb.AbandonEntityTaskResponse:
        self._hub.engine.outside.abandon("entity", request.completionToken)
        return pb.AbandonEntityTaskResponse()
