"""HTTP: schedules."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import entity_tag, if_match, no_content, reply
from functions.routes import schedules as routes
from functions.wire import schedules as wire
from functions.wire.pages import page
from quantum.contract.pages import Paging
from quantum.contract.schedules import PreviewSchedule, PutSchedule
from shared.bootstrap import Application
from shared.domain.schedules import NewSchedule
from shared.domain.times import rfc3339


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.LIST_SCHEDULES: list_,
            routes.GET_SCHEDULE: get,
            routes.PUT_SCHEDULE: put,
            routes.DELETE_SCHEDULE: delete,
            routes.PREVIEW_SCHEDULE: preview,
        },
    )


async def list_(platform: Application, call: Call) -> Response:
    query: Paging = call.query
    found, following = await platform.schedules.list(call.caller, limit=query.limit, cursor=query.cursor)
    return reply(page([wire.schedule(one) for one in found], following))


async def get(platform: Application, call: Call) -> Response:
    found = await platform.schedules.get(call.caller, call.name)
    return reply(wire.schedule(found), headers={"ETag": entity_tag(found.etag)})


async def put(platform: Application, call: Call) -> Response:
    body: PutSchedule = call.body
    wanted = NewSchedule(**body.model_dump() | _bounds(body))
    stored = await platform.schedules.put(call.caller, call.name, wanted, if_match=if_match(call.headers))
    return reply(wire.schedule(stored), headers={"ETag": entity_tag(stored.etag)})


async def delete(platform: Application, call: Call) -> Response:
    await platform.schedules.delete(call.caller, call.name)
    return no_content()


async def preview(platform: Application, call: Call) -> Response:
    body: PreviewSchedule = call.body
    wanted = NewSchedule(intent="", **body.model_dump() | _bounds(body))
    return reply({"next_fire_times": platform.schedules.preview(wanted)})


def _bounds(body: PutSchedule | PreviewSchedule) -> dict[str, str | None]:
    given = (("start", body.start), ("end", body.end))
    return {name: rfc3339(time) if time else None for name, time in given}
