"""HTTP: modules, which are what steps can do."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import routes_modules, triggers, wire_modules
from functions.edge import Call
from functions.replies import if_match, no_content, reply
from functions.wire import page
from quantum.contract.modules import PutModule
from quantum.contract.pages import Paging
from shared.bootstrap import Application
from shared.domain.manifests import Manifest, NewModule


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes_modules.LIST_MODULES: list_,
            routes_modules.GET_MODULE: get,
            routes_modules.PUT_MODULE: put,
            routes_modules.ROTATE_MODULE_KEY: rotate,
            routes_modules.DELETE_MODULE: delete,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: Paging = call.query
    found, following = await platform.modules.list(call.caller, limit=query.limit, cursor=query.cursor)
    return reply(page([wire_modules.module(one) for one in found], following))


async def get(platform: Application, call: Call) -> Response:
    found = await platform.modules.get(call.caller, call.name)
    return reply(wire_modules.module(found), headers=wire_modules.headers(found))


async def put(platform: Application, call: Call) -> Response:
    body: PutModule = call.body
    new = NewModule(body.endpoint, Manifest.of(body.manifest.model_dump()))
    made, key = await platform.modules.put(call.caller, call.name, new, if_match=if_match(call.headers))
    return reply(wire_modules.module(made, key), headers=wire_modules.headers(made))


async def rotate(platform: Application, call: Call) -> Response:
    made, key = await platform.modules.rotate(call.caller, call.name)
    return reply(wire_modules.module(made, key), headers=wire_modules.headers(made))


async def delete(platform: Application, call: Call) -> Response:
    await platform.modules.delete(call.caller, call.name, if_match=if_match(call.headers))
    return no_content()
