"""HTTP: the same done to many executions."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import inputs, routes_executions, triggers, wire
from functions.edge import Call
from functions.replies import reply
from quantum.contract.bulk import BulkOperation
from shared.bootstrap import Application
from shared.domain.bulk import BulkWish


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes_executions.BULK_EXECUTIONS: steer})


async def steer(platform: Application, call: Call) -> Response:
    body: BulkOperation = call.body
    wish = BulkWish(
        body.operation, inputs.execution_filter(body.filter), body.reason, body.limit, body.cursor
    )
    wish.require_meant(all=body.all)
    result = await platform.bulk.steer(call.caller, wish)
    return reply(wire.page([one.to_json() for one in result.done], result.next_cursor))
