"""HTTP: modules, which are what steps can do."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import routes_modules, triggers, wire_modules
from functions.edge import Call
from functions.replies import reply
from functions.wire import page
from quantum.contract.pages import Paging
from shared.bootstrap import Application


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes_modules.LIST_MODULES: list_,
            routes_modules.GET_MODULE: get,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: Paging = call.query
    found, following = await platform.modules.list(call.caller, limit=query.limit, cursor=query.cursor)
    return reply(page([wire_modules.module(one) for one in found], following))


async def get(platform: Application, call: Call) -> Response:
    return reply(wire_modules.module(await platform.modules.get(call.caller, call.name)))
