"""HTTP: members, and who asks."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import routes_members, triggers, wire
from functions.edge import Call
from functions.replies import entity_tag, if_match, no_content, reply, resource
from quantum.contract.members import MemberQuery, PutMember
from shared.bootstrap import Application
from shared.domain.members import NewMember


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(
        platform,
        {
            routes_members.GET_ME: me,
            routes_members.LIST_MEMBERS: list_,
            routes_members.GET_MEMBER: get,
            routes_members.PUT_MEMBER: put,
            routes_members.DELETE_MEMBER: delete,
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
    return reply(wire.page([wire.member(one) for one in found], following))


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
