"""HTTP: approvals."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import reply
from functions.routes import approvals as routes
from functions.wire import approvals as wire
from functions.wire.pages import page
from functions.wire.paths import execution_path
from quantum.contract.approvals import ApprovalQuery, DecideApproval
from shared.bootstrap import Application
from shared.domain.approvals import ApprovalFilter, Verdict


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.LIST_APPROVALS: list_,
            routes.APPROVE_STEP: approve,
            routes.REJECT_STEP: reject,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: ApprovalQuery = call.query
    matching = ApprovalFilter(status=query.status, intent=query.intent, mine=query.mine)
    found, following = await platform.inbox.list(
        call.caller, matching, limit=query.limit, cursor=query.cursor
    )
    return reply(page([wire.asked(one) for one in found], following))


async def approve(platform: Application, call: Call) -> Response:
    return await _decide(platform, call, "approved")


async def reject(platform: Application, call: Call) -> Response:
    return await _decide(platform, call, "rejected")


async def _decide(platform: Application, call: Call, verdict: Verdict) -> Response:
    body: DecideApproval = call.body
    decided = await platform.approvals.decide(call.caller, call.id, call.step, verdict, comment=body.comment)
    location = {"Location": execution_path(call.id)}
    return reply(wire.decided(call.id, decided), status=202, headers=location)
