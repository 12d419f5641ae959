"""HTTP: callbacks."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.edge import Call
from functions.gateway.replies import reply
from functions.routes import callbacks as routes
from quantum.contract.callbacks import CallBack
from shared.bootstrap import Application
from shared.domain.callbacks import Answer


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {routes.CALL_BACK: call_back})


async def call_back(platform: Application, call: Call) -> Response:
    body: CallBack = call.body
    error = body.error.model_dump() if body.error else None
    await platform.callbacks.receive(call.sealed, Answer(body.status, body.outputs, error))
    return reply({"status": body.status}, status=202)
