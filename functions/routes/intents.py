"""The HTTP routes of intents; a part of the table in ``table.py``."""

from functions.routes.route import DEPRECATED, Route
from quantum.contract.intents import CreateIntent, Intent, IntentPage, IntentQuery
from quantum.contract.versions import PatchIntent

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
    occasional=DEPRECATED,
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
