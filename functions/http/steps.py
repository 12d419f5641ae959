"""HTTP: single steps."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import reply
from functions.routes import steps as routes
from functions.wire import steps as wire
from quantum.contract.steps import StepQuery
from shared.bootstrap import Application


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes.GET_STEP: get})


async def get(platform: Application, call: Call) -> Response:
    query: StepQuery = call.query
    return reply(wire.step(await platform.step_details.get(call.caller, call.id, call.step, query.item)))
