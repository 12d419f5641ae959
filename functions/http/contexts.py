"""HTTP: archives to build container images from."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import reply
from functions.routes import contexts as routes
from functions.wire import contexts as wire
from shared.bootstrap import Application


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes.UPLOAD_CONTEXT: upload})


async def upload(platform: Application, call: Call) -> Response:
    sent = call.upload
    kept = await platform.build_contexts.keep(call.caller, sent.path, digest=sent.digest, size=sent.size)
    return reply(wire.build_context(kept), status=201)
