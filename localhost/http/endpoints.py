"""One ASGI endpoint per HTTP function, built at start so that a request does no introspection."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from localhost.app.functions import Function
from localhost.http.classic import read_request, render
from localhost.http.replies import send_empty, send_reply
from localhost.triggers.calls import Call, make_context, make_out

type Exchange = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger("localhost.http")


class Streams:
    """The responses that are streaming now, so that a shutdown can end them properly."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = asyncio.Event()

    async def serve(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a streaming response; a shutdown ends it with its last chunk, not with a broken connection."""
        if self._closing.is_set():
            await send_empty(send, 503)
            return
        task = asyncio.current_task()
        assert task is not None  # ASGI servers run requests in tasks
        self._tasks.add(task)
        try:
            await response(scope, receive, send)
        except asyncio.CancelledError:
            if not self._closing.is_set():
                raise
            task.uncancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._tasks.discard(task)

    def close(self) -> None:
        """End every stream that is open."""
        self._closing.set()
        for task in self._tasks:
            task.cancel()


def streaming_endpoint(function: Function, call: Call, streams: Streams) -> ASGIApp:
    """The endpoint of a function that uses the FastAPI types (Request in; a response, dict or str out)."""
    parameter = function.trigger.name
    wants_context = function.wants_context

    async def exchange(scope: Scope, receive: Receive, send: Send) -> None:
        arguments: dict[str, Any] = {parameter: Request(scope, receive, send)}
        if wants_context:
            arguments["context"] = _context(function, scope)
        result = await call(**arguments)
        if isinstance(result, StreamingResponse):
            await streams.serve(result, scope, receive, send)
        elif isinstance(result, Response):
            await result(scope, receive, send)
        else:
            await _encoded(result)(scope, receive, send)

    return _safely(function, exchange)


def classic_endpoint(function: Function, call: Call) -> ASGIApp:
    """The endpoint of a function that uses func.HttpRequest and func.HttpResponse."""
    parameter = function.trigger.name
    wants_context = function.wants_context
    out = next((binding.name for binding in function.outputs if binding.name != "$return"), None)

    async def exchange(scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive)
        if request is None:
            await send_empty(send, 413)
            return
        arguments: dict[str, Any] = {parameter: request}
        if wants_context:
            arguments["context"] = _context(function, scope)
        if out is not None:
            arguments[out] = make_out()
        result = await call(**arguments)
        if out is not None and result is None:
            result = arguments[out].get()
        status, headers, body = render(result)
        await send_reply(send, status, headers, body)

    return _safely(function, exchange)


def _safely(function: Function, exchange: Exchange) -> ASGIApp:
    """``exchange``, with the log getting the traceback of a failure and the client only a 500."""

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def tracked(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await exchange(scope, receive, tracked)
        except HTTPException as error:  # the worker's FastAPI app answers these itself
            response = JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)
            if not started:
                await response(scope, receive, send)
        except ClientDisconnect:
            _log.debug("%s: the client went away", function.name)
        except Exception:  # noqa: BLE001 - whatever the function raises is its failure, not the host's
            _log.exception("%s failed", function.name)
            if not started:  # else it is too late: the server cuts the connection of an incomplete response
                await send_empty(send, 500)

    return endpoint


def _encoded(result: Any) -> Response:
    """A plain value as the worker's FastAPI app sends it: JSON; None is an error there, too."""
    from fastapi.encoders import jsonable_encoder  # only apps that have imported FastAPI come here

    if result is None:
        raise TypeError("the function returned None, and an HTTP function must return a response")
    return JSONResponse(jsonable_encoder(result))


def _context(function: Function, scope: Scope) -> Any:
    headers = dict(scope["headers"])
    parent, state = (headers.get(name, b"").decode("latin-1") for name in (b"traceparent", b"tracestate"))
    return make_context(function, parent, state)
