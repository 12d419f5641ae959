"""Between the Durable webhooks' JSON and query strings and the engine's protobuf messages."""

import json
from datetime import UTC, datetime
from typing import Any

from azure.durable_functions.internal.compat.history_projection import project_history
from durabletask import history as durable_history
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue
from starlette.requests import Request

_PREFIX = "ORCHESTRATION_STATUS_"
_STATUSES = {
    "running": pb.ORCHESTRATION_STATUS_RUNNING,
    "completed": pb.ORCHESTRATION_STATUS_COMPLETED,
    "continuedasnew": pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW,
    "failed": pb.ORCHESTRATION_STATUS_FAILED,
    "canceled": pb.ORCHESTRATION_STATUS_CANCELED,
    "terminated": pb.ORCHESTRATION_STATUS_TERMINATED,
    "pending": pb.ORCHESTRATION_STATUS_PENDING,
    "suspended": pb.ORCHESTRATION_STATUS_SUSPENDED,
}
FINAL = frozenset({_STATUSES[name] for name in ("completed", "failed", "canceled", "terminated")})


class BadQueryError(ValueError):
    """The request cannot be understood; the text is for the client."""


def runtime_status(status: pb.OrchestrationStatus) -> str:
    """The status as the HTTP API spells it, such as ``ContinuedAsNew``."""
    words = pb.OrchestrationStatus.Name(status).removeprefix(_PREFIX).split("_")
    return "".join(word.capitalize() for word in words)


def state(found: pb.OrchestrationState, *, show_input: bool) -> dict[str, Any]:
    """An instance as the status routes show it."""
    output = _value(found.output)
    if output is None and found.HasField("failureDetails"):
        output = found.failureDetails.errorMessage
    return {
        "name": found.name,
        "instanceId": found.instanceId,
        "runtimeStatus": runtime_status(found.orchestrationStatus),
        "input": _value(found.input) if show_input else None,
        "customStatus": _value(found.customStatus),
        "output": output,
        "createdTime": _time(found.createdTimestamp),
        "lastUpdatedTime": _time(found.lastUpdatedTimestamp),
    }


def history(events: list[durable_history.HistoryEvent], *, show_output: bool) -> list[dict[str, Any]]:
    """The execution history in the API's shape (the SDK has the projection for its own status call)."""
    return project_history(events, show_input=False, show_history_output=show_output)


def entity(found: pb.EntityMetadata, *, show_state: bool) -> dict[str, Any]:
    """An entity as the list route shows it."""
    _, name, key = found.instanceId.split("@", 2)
    body: dict[str, Any] = {
        "entityId": {"name": name, "key": key},
        "lastOperationTime": _time(found.lastModifiedTime),
    }
    if show_state:
        body["state"] = _value(found.serializedState)
    return body


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """A true/false query parameter."""
    written = request.query_params.get(name)
    if written is None:
        return default
    if written.lower() not in {"true", "false"}:
        raise BadQueryError(f"{name} must be true or false")
    return written.lower() == "true"


def number(request: Request, name: str, default: int) -> int:
    """A query parameter that is a number above zero."""
    written = request.query_params.get(name)
    if written is None:
        return default
    if not written.isdecimal() or int(written) == 0:
        raise BadQueryError(f"{name} must be a number above zero")
    return int(written)


def moment(request: Request, name: str) -> Timestamp | None:
    """A query parameter that is an ISO 8601 time; UTC if it names no zone."""
    written = request.query_params.get(name)
    if not written:
        return None
    try:
        parsed = datetime.fromisoformat(written)
    except ValueError as error:
        raise BadQueryError(f"{name} must be an ISO 8601 time") from error
    stamp = Timestamp()
    stamp.FromDatetime(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    return stamp


async def content(request: Request) -> str:
    """The body as JSON text; empty if there is none."""
    body = await request.body()
    if not body:
        return ""
    try:
        json.loads(body)
        return body.decode()
    except ValueError as error:
        raise BadQueryError(f"the request content is not valid JSON: {error}") from error


def instance_query(request: Request, continuation: str | None) -> pb.InstanceQuery:
    """The filter of the list route."""
    return pb.InstanceQuery(
        runtimeStatus=_statuses(request),
        createdTimeFrom=moment(request, "createdTimeFrom"),
        createdTimeTo=moment(request, "createdTimeTo"),
        maxInstanceCount=number(request, "top", 100),
        continuationToken=StringValue(value=continuation) if continuation else None,
        instanceIdPrefix=text_value(request, "instanceIdPrefix"),
        fetchInputsAndOutputs=True,
    )


def purge_filter(request: Request) -> pb.PurgeInstanceFilter:
    """The filter of the purge route."""
    return pb.PurgeInstanceFilter(
        createdTimeFrom=moment(request, "createdTimeFrom"),
        createdTimeTo=moment(request, "createdTimeTo"),
        runtimeStatus=_statuses(request),
    )


def text_value(request: Request, name: str) -> StringValue | None:
    """A query parameter as the wrapped string of a protobuf field."""
    written = request.query_params.get(name)
    return StringValue(value=written) if written else None


def _statuses(request: Request) -> list[pb.OrchestrationStatus]:
    found = []
    for name in filter(None, request.query_params.get("runtimeStatus", "").split(",")):
        status = _STATUSES.get(name.strip().lower())
        if status is None:
            raise BadQueryError(f"runtimeStatus {name.strip()!r} does not exist")
        found.append(status)
    return found


def _value(text: StringValue) -> Any:
    """The JSON in ``text``; text that is not JSON stays text."""
    if not text.value:
        return None
    try:
        return json.loads(text.value)
    except ValueError:
        return text.value


def _time(stamp: Timestamp) -> str:
    return stamp.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ")
