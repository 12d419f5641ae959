"""HTTP: executions."""

from functools import partial

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import inputs, streams, triggers
from functions.gateway.edge import Call
from functions.gateway.replies import reply
from functions.routes import executions as routes
from functions.wire import executions as wire
from functions.wire.intents import deprecation
from functions.wire.pages import page
from functions.wire.paths import execution_path
from quantum.contract.executions import ExecuteIntent, ExecutionQuery, RetryExecution, SteerExecution
from quantum.contract.pages import Paging
from shared.bootstrap import Application
from shared.domain.retrying import Retrial
from shared.domain.steering import Verb


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.EXECUTE_INTENT: execute,
            routes.LIST_EXECUTIONS: list_,
            routes.GET_EXECUTION: get,
            routes.CANCEL_EXECUTION: partial(steer, "cancel"),
            routes.PAUSE_EXECUTION: partial(steer, "pause"),
            routes.RESUME_EXECUTION: partial(steer, "resume"),
            routes.TERMINATE_EXECUTION: partial(steer, "terminate"),
            routes.RETRY_EXECUTION: retry,
            routes.WATCH_EXECUTION: watch,
        },
    )


async def execute(platform: Application, call: Call) -> Response:
    body: ExecuteIntent = call.body
    execution = await platform.executions.execute(
        call.caller, call.id, body.parameters, reviewed=body.plan_hash, dry_run=body.dry_run
    )
    headers = {"Location": execution_path(execution.execution_id)}
    headers |= deprecation(execution.deprecation)
    return reply(wire.accepted(execution), status=202, headers=headers)


async def list_(platform: Application, call: Call) -> Response:
    query: ExecutionQuery = call.query
    found, following = await platform.executions.list(
        call.caller, inputs.execution_filter(query), limit=query.limit, cursor=query.cursor
    )
    return reply(page([wire.execution_head(execution) for execution in found], following))


async def get(platform: Application, call: Call) -> Response:
    return reply(wire.execution(await platform.executions.get(call.caller, call.id)))


async def steer(verb: Verb, platform: Application, call: Call) -> Response:
    body: SteerExecution = call.body
    execution = await platform.steering.steer(call.caller, call.id, verb, reason=body.reason)
    location = {"Location": execution_path(execution.execution_id)}
    return reply(wire.accepted(execution), status=202, headers=location)


async def retry(platform: Application, call: Call) -> Response:
    body: RetryExecution = call.body
    wanted = Retrial(body.from_ or (), body.repeat_irreversible, body.reason)
    execution = await platform.retrying.retry(call.caller, call.id, wanted)
    headers = {"Location": execution_path(execution.execution_id)}
    headers |= deprecation(execution.deprecation)
    return reply(wire.accepted(execution), status=202, headers=headers)


async def watch(platform: Application, call: Call) -> Response:
    """A stream or a page of events, as ``Accept`` says; a stream resumes behind ``Last-Event-ID``."""
    query: Paging = call.query
    if streams.wanted(call.header(b"accept")):
        after = call.header(b"last-event-id") or query.cursor
        return streams.respond(await platform.streams.tail(call.caller, call.id, after=after))
    found, following = await platform.streams.page(
        call.caller, call.id, after=query.cursor, limit=query.limit
    )
    return reply(page([wire.event(event) for event in found], following))
