"""The Durable extension's HTTP management API for orchestrations, over the engine's gRPC service.

Source: Azure documentation, "Durable Functions HTTP API reference". Whatever the engine decides for gRPC
clients (states, ids, purging) therefore holds for these routes too.
"""

import json
from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus

import grpc
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.history_helpers import collect_history_events_async
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub
from google.protobuf.wrappers_pb2 import StringValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localhost.http.durable_json import (
    FINAL,
    BadQueryError,
    content,
    flag,
    history,
    instance_query,
    purge_filter,
    state,
)
from localhost.triggers.starter import Starters

type Handler = Callable[[Request], Awaitable[Response]]

CONTINUATION = "x-ms-continuation-token"
_FAILED = pb.ORCHESTRATION_STATUS_FAILED
_RETRY_AFTER = "10"


class Instances:
    """The routes under ``orchestrators`` and ``instances``; each method serves one of them."""

    def __init__(
        self, service: TaskHubSidecarServiceStub, starters: Starters, orchestrators: Collection[str]
    ) -> None:
        """``orchestrators``: the names that can be started."""
        self._service = service
        self._starters = starters
        self._orchestrators = orchestrators

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, template below the webhooks' base, and handler."""
        one = "instances/{instanceId}"
        return [
            ("POST", "orchestrators/{functionName}/{instanceId?}", self.start),
            ("GET", "instances", self.find),
            ("DELETE", "instances", self.purge_many),
            ("GET", one, self.status),
            ("DELETE", one, self.purge),
            ("POST", f"{one}/raiseEvent/{{eventName}}", self.raise_event),
            ("POST", f"{one}/terminate", self.terminate),
            ("POST", f"{one}/suspend", self.suspend),
            ("POST", f"{one}/resume", self.resume),
            ("POST", f"{one}/rewind", self.rewind),
            ("POST", f"{one}/restart", self.restart),
        ]

    async def start(self, request: Request) -> Response:
        """Start an orchestration: 202 with its management URLs."""
        name = request.path_params["functionName"]
        if name not in self._orchestrators:
            known = ", ".join(sorted(self._orchestrators))
            raise BadQueryError(f"there is no orchestrator function {name!r}; this app has: {known}")
        text = await content(request)
        new = pb.CreateInstanceRequest(
            instanceId=request.path_params.get("instanceId", ""),
            name=name,
            input=StringValue(value=text) if text else None,
        )
        created = await self._service.StartInstance(new)
        return self._accepted(request, created.instanceId)

    async def status(self, request: Request) -> Response:
        """One instance: 200 when it is done, 202 with ``Location`` while it is not."""
        found = await self._get(request)
        if found is None:
            return _nothing(HTTPStatus.NOT_FOUND)
        body = state(found, show_input=flag(request, "showInput", default=True))
        if flag(request, "showHistory"):
            chunks = self._service.StreamInstanceHistory(
                pb.StreamInstanceHistoryRequest(instanceId=found.instanceId)
            )
            events = await collect_history_events_async(chunks)
            body["historyEvents"] = history(events, show_output=flag(request, "showHistoryOutput"))
        if found.orchestrationStatus not in FINAL:
            headers = {"Location": str(request.url), "Retry-After": _RETRY_AFTER}
            return JSONResponse(body, HTTPStatus.ACCEPTED, headers=headers)
        failed = found.orchestrationStatus == _FAILED
        strict = flag(request, "returnInternalServerErrorOnFailure")
        return JSONResponse(body, HTTPStatus.INTERNAL_SERVER_ERROR if failed and strict else HTTPStatus.OK)

    async def find(self, request: Request) -> Response:
        """Instances by filter; ``x-ms-continuation-token`` leads to the next page."""
        query = instance_query(request, request.headers.get(CONTINUATION))
        page = await self._service.QueryInstances(pb.QueryInstancesRequest(query=query))
        show_input = flag(request, "showInput", default=True)
        body = [state(found, show_input=show_input) for found in page.orchestrationState]
        headers = {CONTINUATION: page.continuationToken.value} if page.continuationToken.value else {}
        return JSONResponse(body, headers=headers)

    async def purge(self, request: Request) -> Response:
        purge = pb.PurgeInstancesRequest(instanceId=request.path_params["instanceId"])
        return _purged(await self._service.PurgeInstances(purge))

    async def purge_many(self, request: Request) -> Response:
        purge = pb.PurgeInstancesRequest(purgeInstanceFilter=purge_filter(request))
        return _purged(await self._service.PurgeInstances(purge))

    async def raise_event(self, request: Request) -> Response:
        """Send an event: 202, or 410 if the instance is done."""
        refused = await self._refuse_done(request)
        if refused is not None:
            return refused
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise BadQueryError("Only application/json request content is supported")
        text = await content(request)
        event = pb.RaiseEventRequest(
            instanceId=request.path_params["instanceId"],
            name=request.path_params["eventName"],
            input=StringValue(value=text) if text else None,
        )
        await self._service.RaiseEvent(event)
        return _nothing(HTTPStatus.ACCEPTED)

    async def terminate(self, request: Request) -> Response:
        call, (instance, reason) = self._service.TerminateInstance, _with_reason(request)
        output = StringValue(value=json.dumps(reason.value)) if reason is not None else None
        return await self._unless_done(
            request, lambda: call(pb.TerminateRequest(instanceId=instance, output=output, recursive=True))
        )

    async def suspend(self, request: Request) -> Response:
        call, (instance, reason) = self._service.SuspendInstance, _with_reason(request)
        return await self._unless_done(
            request, lambda: call(pb.SuspendRequest(instanceId=instance, reason=reason))
        )

    async def resume(self, request: Request) -> Response:
        call, (instance, reason) = self._service.ResumeInstance, _with_reason(request)
        return await self._unless_done(
            request, lambda: call(pb.ResumeRequest(instanceId=instance, reason=reason))
        )

    async def rewind(self, request: Request) -> Response:
        """Run what failed again: only a failed instance can be rewound, others answer 410."""
        found = await self._get(request)
        if found is None:
            return _nothing(HTTPStatus.NOT_FOUND)
        if found.orchestrationStatus != _FAILED:
            return _nothing(HTTPStatus.GONE)
        instance, reason = _with_reason(request)
        await self._service.RewindInstance(pb.RewindInstanceRequest(instanceId=instance, reason=reason))
        return _nothing(HTTPStatus.ACCEPTED)

    async def restart(self, request: Request) -> Response:
        """Start it again with its input; under a new id unless ``restartWithNewInstanceId=false``."""
        restart = pb.RestartInstanceRequest(
            instanceId=request.path_params["instanceId"],
            restartWithNewInstanceId=flag(request, "restartWithNewInstanceId", default=True),
        )
        started = await self._service.RestartInstance(restart)
        return self._accepted(request, started.instanceId)

    def _accepted(self, request: Request, instance_id: str) -> Response:
        origin = f"{request.url.scheme}://{request.url.netloc}"
        urls = self._starters.management_urls(instance_id, origin=origin)
        headers = {"Location": urls["statusQueryGetUri"], "Retry-After": _RETRY_AFTER}
        return JSONResponse(urls, HTTPStatus.ACCEPTED, headers=headers)

    async def _get(self, request: Request) -> pb.OrchestrationState | None:
        instance = request.path_params["instanceId"]
        found = await self._service.GetInstance(
            pb.GetInstanceRequest(instanceId=instance, getInputsAndOutputs=True)
        )
        return found.orchestrationState if found.exists else None

    async def _refuse_done(self, request: Request) -> Response | None:
        found = await self._get(request)
        if found is None:
            return _nothing(HTTPStatus.NOT_FOUND)
        return _nothing(HTTPStatus.GONE) if found.orchestrationStatus in FINAL else None

    async def _unless_done(self, request: Request, act: Callable[[], Awaitable[object]]) -> Response:
        refused = await self._refuse_done(request)
        if refused is not None:
            return refused
        await act()
        return _nothing(HTTPStatus.ACCEPTED)


_STATUS_OF_CODE = {
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.CONFLICT,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def translating(handler: Handler) -> Handler:
    """``handler``, with bad queries and the engine's refusals as JSON messages with their HTTP status."""

    async def translated(request: Request) -> Response:
        try:
            return await handler(request)
        except BadQueryError as error:
            return JSONResponse({"Message": str(error)}, HTTPStatus.BAD_REQUEST)
        except grpc.aio.AioRpcError as error:
            status = _STATUS_OF_CODE.get(error.code())
            if status is None:
                raise
            return JSONResponse({"Message": error.details()}, status)

    return translated


def _nothing(status: HTTPStatus) -> Response:
    return Response(status_code=status)


def _purged(result: pb.PurgeInstancesResponse) -> Response:
    if result.deletedInstanceCount == 0:
        return _nothing(HTTPStatus.NOT_FOUND)
    return JSONResponse({"instancesDeleted": result.deletedInstanceCount})


def _with_reason(request: Request) -> tuple[str, StringValue | None]:
    """The instance's id, and the ``reason`` of the query string."""
    reason = request.query_params.get("reason")
    return request.path_params["instanceId"], StringValue(value=reason) if reason is not None else None
