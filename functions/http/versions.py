"""HTTP: the versions of intents."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import entity_tag, if_match, reply, resource
from functions.routes import versions as routes
from functions.wire import intents as wire
from functions.wire.pages import page
from quantum.contract.pages import Paging
from quantum.contract.versions import DiffQuery, PutIntent, RollbackIntent
from shared.bootstrap import Application
from shared.domain.intents import NewVersion


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.PUT_INTENT: put,
            routes.ROLL_BACK_INTENT: roll_back,
            routes.LIST_VERSIONS: list_,
            routes.GET_VERSION: get,
            routes.DIFF_VERSIONS: diff,
        },
    )


async def put(platform: Application, call: Call) -> Response:
    body: PutIntent = call.body
    new = NewVersion(body.definition, body.description, body.labels, body.message, body.activate)
    intent = await platform.versions.put(call.caller, call.id, new, if_match=if_match(call.headers))
    return reply(wire.intent(intent), headers={"ETag": entity_tag(intent.etag)})


async def roll_back(platform: Application, call: Call) -> Response:
    body: RollbackIntent = call.body
    intent = await platform.versions.rollback(
        call.caller, call.name, body.version, message=body.message, if_match=if_match(call.headers)
    )
    return reply(wire.intent(intent), headers={"ETag": entity_tag(intent.etag)})


async def list_(platform: Application, call: Call) -> Response:
    query: Paging = call.query
    found, following = await platform.versions.list(
        call.caller, call.name, limit=query.limit, cursor=query.cursor
    )
    return reply(page([wire.version(one) for one in found], following))


async def get(platform: Application, call: Call) -> Response:
    intent = await platform.versions.get(call.caller, call.name, call.version)
    return resource(wire.intent(intent), etag=intent.etag, if_none_match=call.header(b"if-none-match"))


async def diff(platform: Application, call: Call) -> Response:
    query: DiffQuery = call.query
    return reply(
        wire.diff(await platform.versions.diff(call.caller, call.name, old=query.old, new=query.new))
    )
