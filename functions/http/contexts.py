"""HTTP: archives to build container images from."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions import routes_contexts, triggers, wire
from functions.edge import Call
from functions.replies import reply
from shared.bootstrap import Application


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes_contexts.UPLOAD_CONTEXT: upload})


async def upload(platform: Application, call: Call) -> Response:
    sent = call.upload
    kept = await platform.build_contexts.keep(call.caller, sent.path, digest=sent.digest, size=sent.size)
    return reply(wire.build_context(kept), status=201)
