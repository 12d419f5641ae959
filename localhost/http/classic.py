"""The classic HTTP types: an ASGI request as func.HttpRequest, and what a function returned as a response."""

from typing import Any
from urllib.parse import parse_qsl

import azure.functions as func
from azure.functions.http import HttpRequest
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

MAX_BODY = 100 * 1024 * 1024
"""Bytes; the Functions host's default for ``maxRequestBodySize``."""


async def read_request(scope: Scope, receive: Receive) -> HttpRequest | None:
    """The whole request as the worker hands it over; None if its body is larger than ``MAX_BODY``.

    Header names are lower case; repeated headers and query values are joined with commas, and empty query
    values are dropped: what the Functions host sends to the worker.

    Raises:
        ClientDisconnect: the client went away before the body was complete.
    """
    body = await _read_body(receive)
    if body is None:
        return None
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = scope["query_string"].decode("latin-1")
    params: dict[str, str] = {}
    for name, value in parse_qsl(query):
        params[name] = f"{params[name]},{value}" if name in params else value
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    authority = headers.get("host") or ":".join(map(str, scope.get("server") or ("localhost",)))
    return HttpRequest(
        method=scope["method"],
        url=f"{scope['scheme']}://{authority}{path}" + (f"?{query}" if query else ""),
        headers=headers,
        params=params,
        route_params=scope["path_params"],
        body_type="bytes",
        body=body,
    )


async def _read_body(receive: Receive) -> bytes | None:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        return body if len(body) <= MAX_BODY else None
    chunks, size = [], 0
    while message["type"] == "http.request":
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY:
            return None
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
    raise ClientDisconnect


def render(result: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body for what a function returned: func.HttpResponse, str, or nothing (204).

    Raises:
        TypeError: it is of another type, which the worker refuses, too.
    """
    if isinstance(result, func.HttpResponse):
        headers = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in result.headers.items()]
        headers = [pair for pair in headers if pair[0] != b"content-length"]
        if not any(name == b"content-type" for name, _ in headers):
            kind = result.mimetype
            kind += f"; charset={result.charset}" if kind.startswith("text/") else ""
            headers.append((b"content-type", kind.encode("latin-1")))
        return result.status_code, headers, result.get_body()
    if isinstance(result, str):
        return 200, [(b"content-type", b"text/plain; charset=utf-8")], result.encode()
    if result is None:
        return 204, [], b""
    raise TypeError(f"an HTTP function returned {type(result).__name__}; expected func.HttpResponse or str")
