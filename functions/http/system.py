"""HTTP: health, the contract, and what no other route knows. No token is needed here."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Request, Response

from functions.gateway import headers, problems, triggers
from functions.gateway.edge import Call, handle
from functions.gateway.replies import reply
from functions.openapi.docs import page
from functions.openapi.document import document_bytes
from functions.routes import system as routes
from functions.routes.table import methods_of
from functions.wire import system as wire
from quantum.contract.release import RELEASE
from shared.bootstrap import Application
from shared.domain.errors import MethodNotAllowedError, NotFoundError

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def blueprint(platform: Application) -> df.Blueprint:
    made = triggers.blueprint(
        platform,
        {
            routes.HEALTH: health,
            routes.READY: ready,
            routes.OPENAPI: contract,
            routes.DOCS: docs,
        },
    )

    async def unknown_route(request: Request) -> Response:
        return await handle(platform, request, routes.UNKNOWN, unknown)

    triggers.add(made, unknown_route, name=routes.UNKNOWN.name, path=routes.UNKNOWN.template, methods=METHODS)
    return made


async def health(platform: Application, call: Call) -> Response:  # noqa: ARG001 - it asks nothing of either
    return reply({"status": "ok", "checks": {}, "impairments": [], "release": RELEASE})


async def ready(platform: Application, call: Call) -> Response:  # noqa: ARG001
    causes = await platform.health.check()
    body = wire.health(causes)
    if body["status"] == "unavailable":
        return reply(body, status=503, headers={"Retry-After": "1"})
    return reply(body)


async def contract(platform: Application, call: Call) -> Response:  # noqa: ARG001
    public = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
    return Response(document_bytes(), 200, public, "application/json")


async def docs(platform: Application, call: Call) -> Response:  # noqa: ARG001
    made = page()
    return Response(made.html, 200, {"Content-Security-Policy": made.policy}, "text/html")


async def unknown(platform: Application, call: Call) -> Response:
    """404, or 405 with the methods that the path does know; and the answers to browsers' preflights."""
    path: str = call.request.scope["path"]
    methods = methods_of(path)
    if not methods:
        raise NotFoundError("There is no such route; the contract is at /api/v1/docs")
    asked = call.request.method == "OPTIONS" and b"access-control-request-method" in call.headers
    if asked and headers.allows(platform.settings, call.headers.get(b"origin")):
        return headers.preflight(methods)
    response = problems.respond(MethodNotAllowedError(), path=path, request_id=call.request_id)
    response.headers["Allow"] = ", ".join(methods)
    return response
