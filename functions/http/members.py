"""HTTP: members, and who asks."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import routes_members, triggers, wire
from functions.edge import Call
from functions.replies import reply
from shared.bootstrap import Application


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes_members.GET_ME: me})


async def me(platform: Application, call: Call) -> Response:
    who = call.acquaintance
    operations = await platform.policies.permitted(who.caller) if who.caller else []
    return reply(wire.me(who, operations))
