"""The Durable extension's HTTP API for entities: signal, read and list.

Source: Azure documentation, "Durable Functions HTTP API reference", from "Signal entity" on.
"""

import json
import uuid
from http import HTTPStatus

from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal.orchestrator_service_pb2_grpc import TaskHubSidecarServiceStub
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localhost.http.durable_json import entity, flag, moment, number
from localhost.http.webhooks import CONTINUATION, Handler


class Entities:
    """The routes under ``entities``; each method serves one of them."""

    def __init__(self, service: TaskHubSidecarServiceStub) -> None:
        self._service = service

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, template below the webhooks' base, and handler."""
        return [
            ("POST", "entities/{entityName}/{entityKey}", self.signal),
            ("GET", "entities/{entityName}/{entityKey}", self.read),
            ("GET", "entities/{entityName?}", self.find),
        ]

    async def signal(self, request: Request) -> Response:
        """Send a one-way operation (``op``, at ``signalTime`` if given): 202."""
        body = await request.body()
        text = body.decode()
        is_json = request.headers.get("content-type", "").partition(";")[0].strip() == "application/json"
        if body and not is_json:
            text = json.dumps(text)
        signal = pb.SignalEntityRequest(
            instanceId=_entity_id(request),
            name=request.query_params.get("op", ""),
            input=StringValue(value=text) if text else None,
            requestId=str(uuid.uuid4()),
            scheduledTime=moment(request, "signalTime"),
        )
        await self._service.SignalEntity(signal)
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def read(self, request: Request) -> Response:
        """The entity's state as JSON, or 404."""
        found = await self._service.GetEntity(
            pb.GetEntityRequest(instanceId=_entity_id(request), includeState=True)
        )
        if not found.exists:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        return Response(found.entity.serializedState.value, media_type="application/json")

    async def find(self, request: Request) -> Response:
        """Entities, of one name or of all; ``x-ms-continuation-token`` leads to the next page."""
        name = request.path_params.get("entityName", "").lower()
        fetch_state = flag(request, "fetchState")
        continuation = request.headers.get(CONTINUATION)
        query = pb.EntityQuery(
            instanceIdStartsWith=StringValue(value=f"@{name}@") if name else None,
            lastModifiedFrom=moment(request, "lastOperationTimeFrom"),
            lastModifiedTo=moment(request, "lastOperationTimeTo"),
            includeState=fetch_state,
            pageSize=Int32Value(value=number(request, "top", 100)),
            continuationToken=StringValue(value=continuation) if continuation else None,
        )
        page = await self._service.QueryEntities(pb.QueryEntitiesRequest(query=query))
        body = [entity(found, show_state=fetch_state) for found in page.entities]
        headers = {CONTINUATION: page.continuationToken.value} if page.continuationToken.value else {}
        return JSONResponse(body, headers=headers)


def _entity_id(request: Request) -> str:
    return f"@{request.path_params['entityName'].lower()}@{request.path_params['entityKey']}"
