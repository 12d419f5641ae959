"""HTTP: intents."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import routes, triggers, wire
from functions.edge import Call
from functions.replies import entity_tag, reply, resource
from quantum.contract.intents import CreateIntent, IntentQuery
from shared.bootstrap import Application
from shared.domain.intents import IntentFilter, NewIntent


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform, {routes.CREATE_INTENT: create, routes.LIST_INTENTS: list_, routes.GET_INTENT: get}
    )


async def create(platform: Application, call: Call) -> Response:
    body: CreateIntent = call.body
    new = NewIntent(body.name, body.definition, body.description, body.labels, body.status)
    intent = await platform.intents.create(call.caller, new)
    headers = {"Location": wire.intent_path(intent.id), "ETag": entity_tag(intent.etag)}
    return reply(wire.intent(intent), status=201, headers=headers)


async def get(platform: Application, call: Call) -> Response:
    intent = await platform.intents.get(call.caller, call.id)
    return resource(wire.intent(intent), etag=intent.etag, if_none_match=call.header(b"if-none-match"))


async def list_(platform: Application, call: Call) -> Response:
    query: IntentQuery = call.query
    matching = IntentFilter(
        text=query.q,
        status=query.status,
        labels=[(key, value) for key, _, value in (label.partition(":") for label in query.label)],
        action=query.action,
        created_by=query.created_by,
        sort=query.sort,
    )
    found, following = await platform.intents.list(
        call.caller, matching, limit=query.limit, cursor=query.cursor
    )
    return reply(wire.page([wire.intent(intent) for intent in found], following))
