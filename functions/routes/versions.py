"""The HTTP routes of an intent's versions; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.intents import Intent
from quantum.contract.pages import Paging
from quantum.contract.versions import DiffQuery, IntentDiff, IntentVersionPage, PutIntent, RollbackIntent

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
