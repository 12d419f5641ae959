"""HTTP: intents."""

from typing import cast

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import entity_tag, if_match, no_content, reply, resource
from functions.routes import intents as routes
from functions.wire import intents as wire
from functions.wire.paths import intent_path
from quantum.contract.intents import CreateIntent, IntentQuery
from quantum.contract.versions import PatchIntent
from shared.bootstrap import Application
from shared.domain.intents import Amendment, IntentFilter, NewIntent
from shared.domain.times import rfc3339


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.CREATE_INTENT: create,
            routes.LIST_INTENTS: list_,
            routes.GET_INTENT: get,
            routes.PATCH_INTENT: patch,
            routes.ARCHIVE_INTENT: archive,
        },
    )


async def create(platform: Application, call: Call) -> Response:
    body: CreateIntent = call.body
    new = NewIntent(body.name, body.definition, body.description, body.labels, body.status, body.message)
    intent = await platform.intents.create(call.caller, new)
    headers = {"Location": intent_path(intent.id), "ETag": entity_tag(intent.etag)}
    return reply(wire.intent(intent), status=201, headers=headers)


async def get(platform: Application, call: Call) -> Response:
    intent = await platform.intents.get(call.caller, call.id)
    response = resource(wire.intent(intent), etag=intent.etag, if_none_match=call.header(b"if-none-match"))
    response.headers.update(wire.deprecation(intent.deprecation))
    return response


async def patch(platform: Application, call: Call) -> Response:
    body: PatchIntent = call.body
    given = cast("Amendment", body.model_dump(include=body.model_fields_set))
    intent = await platform.lifecycle.amend(call.caller, call.id, given, if_match=if_match(call.headers))
    return reply(wire.intent(intent), headers={"ETag": entity_tag(intent.etag)})


async def archive(platform: Application, call: Call) -> Response:
    await platform.lifecycle.archive(call.caller, call.id, if_match=if_match(call.headers))
    return no_content()


async def list_(platform: Application, call: Call) -> Response:
    query: IntentQuery = call.query
    matching = IntentFilter(
        text=query.q,
        status=query.status,
        labels=query.label,
        action=query.action,
        created_by=query.created_by,
        updated_since=rfc3339(query.updated_since) if query.updated_since else None,
        sort=query.sort,
    )
    found, following = await platform.intents.list(
        call.caller, matching, limit=query.limit, cursor=query.cursor
    )
    facets = await platform.intents.facets(call.caller, matching, query.facets) if query.facets else {}
    return reply(wire.intent_page([wire.intent(intent) for intent in found], following, facets))
