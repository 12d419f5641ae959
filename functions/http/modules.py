"""HTTP: modules, which are what steps can do."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import entity_tag, if_match, no_content, reply
from functions.routes import modules as routes
from functions.wire import modules as wire
from functions.wire.pages import page
from quantum.contract.modules import PutModule
from quantum.contract.pages import Paging
from shared.bootstrap import Application
from shared.domain.manifests import Manifest, NewModule
from shared.domain.modules import Module


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.LIST_MODULES: list_,
            routes.GET_MODULE: get,
            routes.PUT_MODULE: put,
            routes.ROTATE_MODULE_KEY: rotate,
            routes.DELETE_MODULE: delete,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: Paging = call.query
    found, following = await platform.modules.list(call.caller, limit=query.limit, cursor=query.cursor)
    return reply(page([wire.module(one) for one in found], following))


async def get(platform: Application, call: Call) -> Response:
    found = await platform.modules.get(call.caller, call.name)
    return reply(wire.module(found), headers=_headers(found))


async def put(platform: Application, call: Call) -> Response:
    body: PutModule = call.body
    new = NewModule(body.endpoint, Manifest.of(body.manifest.model_dump()))
    made, key = await platform.modules.put(call.caller, call.name, new, if_match=if_match(call.headers))
    return reply(wire.module(made, key), headers=_headers(made))


async def rotate(platform: Application, call: Call) -> Response:
    made, key = await platform.modules.rotate(call.caller, call.name)
    return reply(wire.module(made, key), headers=_headers(made))


async def delete(platform: Application, call: Call) -> Response:
    await platform.modules.delete(call.caller, call.name, if_match=if_match(call.headers))
    return no_content()


def _headers(value: Module) -> dict[str, str]:
    """Of an answer with a tenant's own; what is built in has no state."""
    return {"ETag": entity_tag(value.standing.etag)} if value.standing else {}
