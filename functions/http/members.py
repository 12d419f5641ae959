"""HTTP: members, and who asks."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import entity_tag, if_match, no_content, reply, resource
from functions.routes import members as routes
from functions.wire import members as wire
from functions.wire.pages import page
from quantum.contract.members import MemberQuery, PutMember
from shared.bootstrap import Application
from shared.domain.members import NewMember


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes.GET_ME: me,
            routes.LIST_MEMBERS: list_,
            routes.GET_MEMBER: get,
            routes.PUT_MEMBER: put,
            routes.DELETE_MEMBER: delete,
        },
    )


async def me(platform: Application, call: Call) -> Response:
    who = call.acquaintance
    operations = await platform.policies.permitted(who.caller) if who.caller else []
    return reply(wire.me(who, operations))


async def list_(platform: Application, call: Call) -> Response:
    query: MemberQuery = call.query
    found, following = await platform.members.list(
        call.caller, role=query.role, limit=query.limit, cursor=query.cursor
    )
    return reply(page([wire.member(one) for one in found], following))


async def get(platform: Application, call: Call) -> Response:
    found = await platform.members.get(call.caller, call.user)
    return resource(wire.member(found), etag=found.etag, if_none_match=call.header(b"if-none-match"))


async def put(platform: Application, call: Call) -> Response:
    body: PutMember = call.body
    wanted = NewMember(**body.model_dump())
    stored = await platform.members.put(call.caller, call.user, wanted, if_match=if_match(call.headers))
    return reply(wire.member(stored), headers={"ETag": entity_tag(stored.etag)})


async def delete(platform: Application, call: Call) -> Response:
    await platform.members.delete(call.caller, call.user, if_match=if_match(call.headers))
    return no_content()
