"""HTTP: plans of intents."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import reply
from functions.routes import plans as routes
from functions.wire import plans as wire
from functions.wire.intents import deprecation
from quantum.contract.plans import PlanIntent
from shared.bootstrap import Application


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes.PLAN_INTENT: plan})


async def plan(platform: Application, call: Call) -> Response:
    body: PlanIntent = call.body
    preview = await platform.plans.preview(call.caller, call.id, body.parameters)
    return reply(wire.plan(preview), headers=deprecation(preview.intent.deprecation))
