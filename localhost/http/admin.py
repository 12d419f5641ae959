"""The Functions host's own endpoints: ``/admin/host/status``, ``/admin/functions``, and the page at ``/``."""

import asyncio
import html
import logging
import platform
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from localhost.app.functions import Function, LoadedApp
from localhost.app.rules import full_template, methods
from localhost.http.keys import Keys, holds_key
from localhost.http.replies import send_empty

type ManualRun = Callable[[str], Awaitable[None]]

HOST_VERSION = "4.1000.0"
"""What this host says it is: a version 4 host, with a minor number that Microsoft's never has."""

_log = logging.getLogger("localhost.admin")


class Admin:
    """The administration routes of one running app."""

    def __init__(self, app: LoadedApp, base_url: str, runs: Mapping[str, ManualRun]) -> None:
        """``runs``: how to run each non-HTTP function by hand, given the text of its input."""
        self._app = app
        self._base_url = base_url
        self._runs = runs
        self._started = time.monotonic()
        self._running: set[asyncio.Task[None]] = set()

    async def status(self, _: Request) -> Response:
        """``GET /admin/host/status``."""
        body = {
            "id": self._app.name.lower(),
            "state": "Running",
            "version": HOST_VERSION,
            "versionDetails": f"quantum localhost, Python {platform.python_version()}",
            "platformVersion": platform.release(),
            "instanceId": platform.node(),
            "computerName": platform.node(),
            "processUptime": round((time.monotonic() - self._started) * 1000),
            "functionAppContentEditingState": "NotAllowed",
        }
        return JSONResponse(body)

    async def functions(self, _: Request) -> Response:
        """``GET /admin/functions``."""
        return JSONResponse([self._describe(function) for function in self._app.functions])

    async def function(self, request: Request) -> Response:
        """``GET /admin/functions/{name}``."""
        found = self._find(request)
        return JSONResponse(self._describe(found)) if found else Response(status_code=HTTPStatus.NOT_FOUND)

    async def run(self, request: Request) -> Response:
        """``POST /admin/functions/{name}``: run a non-HTTP function now: 202; the log has the outcome."""
        found = self._find(request)
        if found is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        run = self._runs.get(found.name)
        if run is None:
            message = f"{found.name} ({found.trigger.type}) cannot be run by hand; use its own interface"
            return JSONResponse({"Message": message}, HTTPStatus.BAD_REQUEST)
        try:
            text = await _input(request)
        except ValueError as error:
            return JSONResponse({"Message": str(error)}, HTTPStatus.BAD_REQUEST)
        task = asyncio.create_task(_logged(found.name, run(text)), name=f"manual:{found.name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def page(self, _: Request) -> Response:
        """``GET /``: what runs here, for a person with a browser."""
        rows = "".join(
            f"<tr><td>{html.escape(f.name)}</td><td>{html.escape(f.trigger.type)}</td>"
            f"<td>{html.escape(self._url(f) or '')}</td></tr>"
            for f in self._app.functions
            if not f.is_built_in
        )
        return HTMLResponse(
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(self._app.name)}</title>"
            f"<h1>{html.escape(self._app.name)} is running</h1>"
            f"<table><tr><th>Function<th>Trigger<th>URL</tr>{rows}</table></html>"
        )

    def _find(self, request: Request) -> Function | None:
        name = request.path_params["name"].lower()
        return next((f for f in self._app.functions if f.name.lower() == name), None)

    def _url(self, function: Function) -> str | None:
        if function.trigger.type != "httpTrigger":
            return None
        return f"{self._base_url}/{full_template(function, self._app.settings.route_prefix)}"

    def _describe(self, function: Function) -> dict[str, Any]:
        return {
            "name": function.name,
            "href": f"{self._base_url}/admin/functions/{function.name}",
            "invoke_url_template": self._url(function),
            "methods": sorted(methods(function)),
            "language": "python",
            "script_href": function.script_file,
            "isDisabled": False,
            "config": {"bindings": [dict(binding.properties) for binding in function.bindings]},
        }


async def _input(request: Request) -> str:
    """The ``input`` of a manual run: text, as the Functions host takes it."""
    if not await request.body():
        return ""
    document = await request.json()
    value = document.get("input", "") if isinstance(document, dict) else None
    if value is not None and not isinstance(value, str):
        raise ValueError('the body must be {"input": "<text>"}')
    return value or ""


async def _logged(name: str, run: Awaitable[None]) -> None:
    try:
        await run
    except Exception:  # noqa: BLE001 - the caller has had its 202; the log gets the outcome
        _log.exception("%s failed", name)


def administrators_only(endpoint: ASGIApp, keys: Keys) -> ASGIApp:
    """``endpoint`` for holders of the master key; to look, for this machine's own programs without it, too.

    A web page that a browser on this machine shows is not such a program: its requests carry an ``Origin``
    or a foreign ``Host``. A step that a tenant has written is, where steps may call this machine: so nothing
    is done without the key. By hand, a function takes for the platform's own whatever it is given.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        looks = scope["method"] in {"GET", "HEAD"}
        if holds_key(scope, keys.accepted("admin")) or (looks and _is_local(scope)):
            await endpoint(scope, receive, send)
        else:
            await send_empty(send, HTTPStatus.UNAUTHORIZED)

    return guard


def _is_local(scope: Scope) -> bool:
    client = scope.get("client")
    headers = dict(scope["headers"])
    if client is None or b"origin" in headers or b"x-forwarded-for" in headers:
        return False
    name = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)[0].strip("[]")
    return _is_loopback(client[0]) and (name == "localhost" or _is_loopback(name))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
