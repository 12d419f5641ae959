"""HTTP: the web console's files. No token is needed: they are the same for everybody."""

import azure.durable_functions as df
from azurefunctions.extensions.http.fastapi import Response

from functions.gateway import triggers
from functions.gateway.assets import console, policy
from functions.gateway.edge import Call
from functions.gateway.replies import published, reply
from functions.routes.console import CONSOLE_CONFIG, CONSOLE_FILE, CONSOLE_PAGE
from quantum.contract.console import ConsoleConfig
from shared.bootstrap import Application
from shared.domain.errors import NotFoundError

_KEPT = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


def blueprint(platform: Application) -> df.Blueprint:
    return triggers.blueprint(platform, {CONSOLE_PAGE: page, CONSOLE_CONFIG: config, CONSOLE_FILE: file})


async def page(platform: Application, call: Call) -> Response:
    made = console()
    response = published(
        made.page, "text/html", etag=made.version, if_none_match=call.header(b"if-none-match")
    )
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = policy(platform.settings.console_issuer)
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    del response.headers["Access-Control-Allow-Origin"]
    return response


async def config(platform: Application, call: Call) -> Response:  # noqa: ARG001
    settings = platform.settings
    told = ConsoleConfig(
        issuer=settings.console_issuer,
        client_id=settings.console_client_id,
        scopes=settings.console_scopes.split(),
    )
    return reply(told.model_dump())


async def file(platform: Application, call: Call) -> Response:  # noqa: ARG001
    made, places = console(), call.request.path_params
    found = made.files.get(str(places.get("file"))) if places["version"] == made.version else None
    if found is None:
        raise NotFoundError("The console has no such file; reload the page: it may have been updated")
    if "gzip" in (call.header(b"accept-encoding") or ""):
        return Response(found.packed, 200, {**_KEPT, "Content-Encoding": "gzip"}, found.media_type)
    return Response(found.content, 200, dict(_KEPT), found.media_type)
