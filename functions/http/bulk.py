"""HTTP: the same done to many executions."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import inputs, triggers
from functions.gateway.edge import Call
from functions.gateway.replies import reply
from functions.routes import executions as routes
from functions.wire.pages import page
from quantum.contract.bulk import BulkOperation
from shared.bootstrap import Application
from shared.domain.bulk import BulkWish


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes.BULK_EXECUTIONS: steer})


async def steer(platform: Application, call: Call) -> Response:
    body: BulkOperation = call.body
    matching = inputs.execution_filter(body.filter)
    wish = BulkWish(body.operation, matching, body.reason, body.limit, body.cursor, body.from_ or ())
    wish.require_meant(all=body.all)
    result = await platform.bulk.steer(call.caller, wish)
    return reply(page([one.to_json() for one in result.done], result.next_cursor))
