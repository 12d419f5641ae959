"""Every HTTP route of the platform, in one table: the triggers, the contract and the docs are made of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_origin

from pydantic import BaseModel

from quantum.contract.audit import AuditPage, AuditQuery, ChainFilter, ChainPage, Verification
from quantum.contract.events import EventPage
from quantum.contract.executions import (
    ExecuteIntent,
    Execution,
    ExecutionAccepted,
    ExecutionPage,
    ExecutionQuery,
)
from quantum.contract.health import Health
from quantum.contract.intents import CreateIntent, Intent, IntentPage, IntentQuery
from quantum.contract.pages import Paging
from quantum.contract.stats import Stats, StatsQuery
from quantum.contract.subscriptions import (
    DeliveryPage,
    DeliveryQuery,
    PutSubscription,
    Subscription,
    SubscriptionPage,
)

PREFIX = "/api/"
"""What the Functions host puts before every route (host.json, ``extensions.http.routePrefix``)."""

EVENT_STREAM = "text/event-stream"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Route:
    """One route. ``name`` is the function's name and the contract's operationId.

    Attributes:
        path: the template behind ``/api/``.
        operation: what a role must permit; None: no token is needed.
        status: of success.
        body: the model of the JSON request body; with ``body_optional`` none is as good as ``{}``.
        query: the model of the query parameters; None: there are none.
        headers: of the response, beside those that every response has.
        problems: statuses of problems beside those that follow from the rest of the row.
        streams: the media type of the stream that the success response may be, as ``Accept`` says.
        durable: the trigger is bound to the durable client.
    """

    name: str
    method: str
    path: str
    summary: str
    operation: str | None
    response: type[BaseModel] | None
    status: int = 200
    body: type[BaseModel] | None = None
    body_optional: bool = False
    query: type[BaseModel] | None = None
    headers: Sequence[str] = ()
    problems: Sequence[int] = ()
    streams: str = ""
    durable: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What paths the route answers, with ``/api/``."""
        template = re.escape(PREFIX + self.path).replace(r"\{", "{").replace(r"\}", "}")
        return re.compile(re.sub(r"\{\w+\}", "[^/]+", template), re.IGNORECASE)

    @property
    def tag(self) -> str:
        """The noun that the route is about, for grouping."""
        noun = self.path.split("/")[1]
        return "executions" if self.name == "execute_intent" else noun if self.operation else "system"

    @cached_property
    def repeatable(self) -> frozenset[str]:
        """The query parameters that may be given more than once."""
        fields = self.query.model_fields if self.query else {}
        return frozenset(name for name, info in fields.items() if get_origin(info.annotation) is tuple)


CREATE_INTENT = Route(
    name="create_intent",
    method="POST",
    path="v1/intents",
    summary="Create an intent: version 1 of a new name",
    operation="intents.create",
    body=CreateIntent,
    response=Intent,
    status=201,
    headers=("ETag", "Location"),
    problems=(409, 422),
)
LIST_INTENTS = Route(
    name="list_intents",
    method="GET",
    path="v1/intents",
    summary="List and search intents",
    operation="intents.read",
    query=IntentQuery,
    response=IntentPage,
)
GET_INTENT = Route(
    name="get_intent",
    method="GET",
    path="v1/intents/{id}",
    summary="Get one intent: a name is its active version, an id exactly that version",
    operation="intents.read",
    response=Intent,
    headers=("ETag",),
)
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
    problems=(409, 422, 503),
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
    summary="Cancel an execution",
    operation="executions.cancel",
    response=ExecutionAccepted,
    status=202,
    headers=("Location",),
    problems=(409, 503),
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
GET_INTENT_AUDIT = Route(
    name="get_intent_audit",
    method="GET",
    path="v1/intents/{name}/audit",
    summary="Who did what to an intent, newest first, and whether its chain of records is whole",
    operation="audit.read",
    query=Paging,
    response=ChainPage,
)
GET_EXECUTION_AUDIT = Route(
    name="get_execution_audit",
    method="GET",
    path="v1/executions/{id}/audit",
    summary="Who did what to an execution, newest first, and whether its chain of records is whole",
    operation="audit.read",
    query=Paging,
    response=ChainPage,
)
LIST_AUDIT = Route(
    name="list_audit",
    method="GET",
    path="v1/audit",
    summary="The tenant's audit trail: pages, newest first, or an export of all chains",
    operation="audit.read",
    query=AuditQuery,
    response=AuditPage,
    streams=NDJSON,
)
VERIFY_AUDIT = Route(
    name="verify_audit",
    method="GET",
    path="v1/audit/verification",
    summary="Verify every chain of audit records of the tenant",
    operation="audit.read",
    query=ChainFilter,
    response=Verification,
)
LIST_SUBSCRIPTIONS = Route(
    name="list_subscriptions",
    method="GET",
    path="v1/subscriptions",
    summary="List the subscriptions, by name",
    operation="subscriptions.read",
    query=Paging,
    response=SubscriptionPage,
)
GET_SUBSCRIPTION = Route(
    name="get_subscription",
    method="GET",
    path="v1/subscriptions/{name}",
    summary="Get one subscription; its secret is not shown",
    operation="subscriptions.read",
    response=Subscription,
    headers=("ETag",),
)
PUT_SUBSCRIPTION = Route(
    name="put_subscription",
    method="PUT",
    path="v1/subscriptions/{name}",
    summary="Make or change a subscription; a secret that is made for it is shown this once",
    operation="subscriptions.manage",
    body=PutSubscription,
    response=Subscription,
    headers=("ETag",),
    problems=(409, 422),
)
DELETE_SUBSCRIPTION = Route(
    name="delete_subscription",
    method="DELETE",
    path="v1/subscriptions/{name}",
    summary="Delete a subscription; what is on its way to it is given up",
    operation="subscriptions.manage",
    response=None,
    status=204,
)
LIST_DELIVERIES = Route(
    name="list_deliveries",
    method="GET",
    path="v1/subscriptions/{name}/deliveries",
    summary="List what was sent to a subscription, newest first, dead letters too",
    operation="subscriptions.read",
    query=DeliveryQuery,
    response=DeliveryPage,
)
GET_STATS = Route(
    name="get_stats",
    method="GET",
    path="v1/stats",
    summary="Count the executions and steps of each day",
    operation="executions.read",
    query=StatsQuery,
    response=Stats,
)
HEALTH = Route(
    name="health",
    method="GET",
    path="v1/health",
    summary="Is the platform alive?",
    operation=None,
    response=Health,
)
READY = Route(
    name="health_ready",
    method="GET",
    path="v1/health/ready",
    summary="Can the platform work? With each dependency",
    operation=None,
    response=Health,
    durable=True,
)
OPENAPI = Route(
    name="openapi",
    method="GET",
    path="v1/openapi.json",
    summary="This contract, as OpenAPI 3.1",
    operation=None,
    response=None,
)
DOCS = Route(
    name="docs",
    method="GET",
    path="v1/docs",
    summary="This contract, as a page to read",
    operation=None,
    response=None,
)

UNKNOWN = Route(
    name="unknown_route",
    method="*",
    path="{*rest}",
    summary="What no other route answers",
    operation=None,
    response=None,
)
"""Not of the contract: it says 404 or 405 where the Functions host would answer without a body."""

ROUTES: Sequence[Route] = (
    CREATE_INTENT,
    LIST_INTENTS,
    GET_INTENT,
    EXECUTE_INTENT,
    LIST_EXECUTIONS,
    GET_EXECUTION,
    CANCEL_EXECUTION,
    WATCH_EXECUTION,
    GET_INTENT_AUDIT,
    GET_EXECUTION_AUDIT,
    LIST_AUDIT,
    VERIFY_AUDIT,
    LIST_SUBSCRIPTIONS,
    GET_SUBSCRIPTION,
    PUT_SUBSCRIPTION,
    DELETE_SUBSCRIPTION,
    LIST_DELIVERIES,
    GET_STATS,
    HEALTH,
    READY,
    OPENAPI,
    DOCS,
)


def methods_of(path: str) -> list[str]:
    """The methods that a path (with ``/api/``) knows; none if there is no such route."""
    return sorted({route.method for route in ROUTES if route.pattern.fullmatch(path)})
