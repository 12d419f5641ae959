"""The HTTP routes of executions; a part of the table in ``table.py``."""

from functions.routes.route import EVENT_STREAM, Route
from quantum.contract.bulk import BulkOperation, BulkPage
from quantum.contract.events import EventPage
from quantum.contract.executions import (
    ExecuteIntent,
    Execution,
    ExecutionAccepted,
    ExecutionPage,
    ExecutionQuery,
    RetryExecution,
    SteerExecution,
)
from quantum.contract.pages import Paging

EXECUTE_INTENT = Route(
    name="execute_intent",
    method="POST",
    path="v1/intents/{id}/execute",
    summary="Execute an intent",
    operation="intents.execute",
    body=ExecuteIntent,
    body_optional=True,
    response=ExecutionAccepted,
    status=202,
    headers=("Location",),
    occasional=("Deprecation", "Link"),
    problems=(409, 412, 422, 429, 503),
    durable=True,
)
LIST_EXECUTIONS = Route(
    name="list_executions",
    method="GET",
    path="v1/executions",
    summary="List executions, newest first",
    operation="executions.read",
    query=ExecutionQuery,
    response=ExecutionPage,
)
GET_EXECUTION = Route(
    name="get_execution",
    method="GET",
    path="v1/executions/{id}",
    summary="Get an execution: its state, progress and steps",
    operation="executions.read",
    response=Execution,
)
CANCEL_EXECUTION = Route(
    name="cancel_execution",
    method="POST",
    path="v1/executions/{id}/cancel",
    summary="Cancel an execution: what runs is given up, what completed is undone",
    operation="executions.cancel",
    body=SteerExecution,
    body_optional=True,
    response=ExecutionAccepted,
    status=202,
    headers=("Location",),
    problems=(409, 503),
    durable=True,
)
PAUSE_EXECUTION = Route(
    name="pause_execution",
    method="POST",
    path="v1/executions/{id}/pause",
    summary="Pause an execution: what runs finishes, nothing else begins",
    operation="executions.pause",
    body=SteerExecution,
    body_optional=True,
    response=ExecutionAccepted,
    status=202,
    headers=("Location",),
    problems=(409, 503),
    durable=True,
)
RESUME_EXECUTION = Route(
    name="resume_execution",
    method="POST",
    path="v1/executions/{id}/resume",
    summary="Resume an execution that is paused",
    operation="executions.pause",
    body=SteerExecution,
    body_optional=True,
    response=ExecutionAccepted,
    status=202,
    headers=("Location",),
    problems=(409, 503),
    durable=True,
)
TERMINATE_EXECUTION = Route(
    name="terminate_execution",
    method="POST",
    path="v1/executions/{id}/terminate",
    summary="End an execution where it stands, with nothing undone",
    operation="executions.terminate",
    body=SteerExecution,
    body_optional=True,
    response=ExecutionAccepted,
    status=202,
    headers=("Location",),
    problems=(409, 503),
    durable=True,
)
RETRY_EXECUTION = Route(
    name="retry_execution",
    method="POST",
    path="v1/executions/{id}/retry",
    summary="Retry an execution that has ended: a new one of the same plan, which keeps what went well",
    operation="executions.retry",
    body=RetryExecution,
    body_optional=True,
    response=ExecutionAccepted,
    status=202,
    headers=("Location",),
    occasional=("Deprecation", "Link"),
    problems=(409, 422, 503),
    durable=True,
)
BULK_EXECUTIONS = Route(
    name="bulk_executions",
    method="POST",
    path="v1/executions/bulk",
    summary="Cancel, pause, resume, terminate or retry a page of executions; each says what came of it",
    operation="executions.bulk",
    body=BulkOperation,
    response=BulkPage,
    problems=(409, 422, 503),
    durable=True,
)
WATCH_EXECUTION = Route(
    name="watch_execution",
    method="GET",
    path="v1/executions/{id}/events",
    summary="Watch an execution's events: a live stream, or pages",
    operation="executions.read",
    query=Paging,
    response=EventPage,
    streams=EVENT_STREAM,
)
