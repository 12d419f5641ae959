"""HTTP: what steps and executions have come to."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import resource
from functions.routes import outputs as routes
from quantum.contract.outputs import OutputsQuery
from shared.bootstrap import Application
from shared.services.executions.outputs import Whole


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.GET_OUTPUTS: of_execution,
            routes.GET_STEP_OUTPUTS: of_step,
        },
    )


async def of_execution(platform: Application, call: Call) -> Response:
    return _shown(call, await platform.outputs.of_execution(call.caller, call.id))


async def of_step(platform: Application, call: Call) -> Response:
    query: OutputsQuery = call.query
    return _shown(call, await platform.outputs.of_step(call.caller, call.id, call.step, query.item))


def _shown(call: Call, whole: Whole) -> Response:
    return resource(whole.text, etag=whole.sha256, if_none_match=call.header(b"if-none-match"))
