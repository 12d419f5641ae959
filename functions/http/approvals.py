"""HTTP: approvals."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import reply
from functions.routes import approvals as routes
from functions.wire import approvals as wire
from functions.wire.paths import execution_path
from quantum.contract.approvals import DecideApproval
from shared.bootstrap import Application
from shared.domain.approvals import Verdict


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {routes.APPROVE_STEP: approve, routes.REJECT_STEP: reject},
    )


async def approve(platform: Application, call: Call) -> Response:
    return await _decide(platform, call, "approved")


async def reject(platform: Application, call: Call) -> Response:
    return await _decide(platform, call, "rejected")


async def _decide(platform: Application, call: Call, verdict: Verdict) -> Response:
    body: DecideApproval = call.body
    decided = await platform.approvals.decide(call.caller, call.id, call.step, verdict, comment=body.comment)
    location = {"Location": execution_path(call.id)}
    return reply(wire.decided(call.id, decided), status=202, headers=location)
