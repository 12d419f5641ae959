"""Every HTTP route of the platform, in one table: the triggers, the contract and the docs are made of it."""

from collections.abc import Sequence

from functions import (
    routes_approvals,
    routes_callbacks,
    routes_contexts,
    routes_executions,
    routes_members,
    routes_modules,
    routes_outputs,
    routes_policies,
    routes_schedules,
    routes_secrets,
    routes_tenants,
)
from functions.route import NDJSON, Route
from quantum.contract.audit import AuditPage, AuditQuery, ChainPage, TenantVerification, VerificationQuery
from quantum.contract.health import Health
from quantum.contract.intents import CreateIntent, Intent, IntentPage, IntentQuery
from quantum.contract.pages import Paging
from quantum.contract.plans import Plan, PlanIntent
from quantum.contract.stats import Stats, StatsQuery
from quantum.contract.subscriptions import (
    DeliveryPage,
    DeliveryQuery,
    PutSubscription,
    Subscription,
    SubscriptionPage,
)
from quantum.contract.validation import ValidateIntent, ValidationReport
from quantum.contract.versions import (
    DiffQuery,
    IntentDiff,
    IntentVersionPage,
    PatchIntent,
    PutIntent,
    RollbackIntent,
)

_DEPRECATED = ("Deprecation", "Link")

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
VALIDATE_INTENT = Route(
    name="validate_intent",
    method="POST",
    path="v1/intents/validate",
    summary="Say what is wrong with an intent, and store nothing",
    operation="intents.validate",
    body=ValidateIntent,
    response=ValidationReport,
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
    occasional=_DEPRECATED,
)
PUT_INTENT = Route(
    name="put_intent",
    method="PUT",
    path="v1/intents/{id}",
    summary="Make a new version of an intent, unless its definition is this one already",
    operation="intents.update",
    body=PutIntent,
    response=Intent,
    headers=("ETag",),
    problems=(409, 412, 422, 428),
)
PATCH_INTENT = Route(
    name="patch_intent",
    method="PATCH",
    path="v1/intents/{id}",
    summary="Change an intent's status, labels, description or active version",
    operation="intents.update",
    body=PatchIntent,
    response=Intent,
    headers=("ETag",),
    problems=(409, 412, 422),
)
ARCHIVE_INTENT = Route(
    name="archive_intent",
    method="DELETE",
    path="v1/intents/{id}",
    summary="Archive an intent: it keeps its name and versions, and running executions go on",
    operation="intents.archive",
    response=None,
    status=204,
    problems=(409, 412),
)
ROLL_BACK_INTENT = Route(
    name="roll_back_intent",
    method="POST",
    path="v1/intents/{name}/rollback",
    summary="Make the content of an older version that of a new one",
    operation="intents.update",
    body=RollbackIntent,
    response=Intent,
    headers=("ETag",),
    problems=(409, 412, 422),
)
LIST_VERSIONS = Route(
    name="list_versions",
    method="GET",
    path="v1/intents/{name}/versions",
    summary="List the versions of an intent, the newest first",
    operation="intents.read",
    query=Paging,
    response=IntentVersionPage,
)
GET_VERSION = Route(
    name="get_version",
    method="GET",
    path="v1/intents/{name}/versions/{version}",
    summary="Get one version of an intent",
    operation="intents.read",
    response=Intent,
    headers=("ETag",),
)
DIFF_VERSIONS = Route(
    name="diff_versions",
    method="GET",
    path="v1/intents/{name}/diff",
    summary="Compare two versions of an intent: as JSON Patch, and in words",
    operation="intents.read",
    query=DiffQuery,
    response=IntentDiff,
)
PLAN_INTENT = Route(
    name="plan_intent",
    method="POST",
    path="v1/intents/{id}/plan",
    summary="Say what executing an intent would do, and do nothing",
    operation="intents.plan",
    body=PlanIntent,
    body_optional=True,
    response=Plan,
    occasional=_DEPRECATED,
    problems=(422,),
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
    query=VerificationQuery,
    response=TenantVerification,
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
INTENT_SCHEMA = Route(
    name="intent_schema",
    method="GET",
    path="v1/schemas/intent.json",
    summary="The JSON Schema of an intent, for editors",
    operation=None,
    response=None,
    headers=("ETag",),
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

_TABLES = (
    routes_executions,
    routes_outputs,
    routes_approvals,
    routes_callbacks,
    routes_contexts,
    routes_members,
    routes_modules,
    routes_policies,
    routes_schedules,
    routes_secrets,
    routes_tenants,
)

ROUTES: Sequence[Route] = tuple(
    value
    for table in (dict(globals()), *map(vars, _TABLES))
    for value in table.values()
    if isinstance(value, Route)
)
"""Every route above, in that order, and those of the nouns that have tables of their own."""

UNKNOWN = Route(
    name="unknown_route",
    method="*",
    path="{*rest}",
    summary="What no other route answers",
    operation=None,
    response=None,
)
"""Not of the contract: it says 404 or 405 where the Functions host would answer without a body."""


def methods_of(path: str) -> list[str]:
    """The methods that a path (with ``/api/``) knows; none if there is no such route."""
    return sorted({route.method for route in ROUTES if route.pattern.fullmatch(path)})
