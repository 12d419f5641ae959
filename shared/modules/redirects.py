"""Redirects: followed by hand, so that nothing of their bodies is read and no secret goes along."""

from typing import Final

import httpx

from shared import logs

MAX_REDIRECTS: Final = 5

_KEPT: Final = frozenset(
    {
        *("host", "connection", "accept", "accept-encoding", "accept-language", "user-agent"),
        *("content-type", "content-length", "transfer-encoding", "idempotency-key"),
        *("traceparent", "tracestate", "range"),
    }
)
"""What another origin is sent too: any other header may be a secret."""


class SecretElsewhereError(Exception):
    """A redirect would take a secret that is in the body to another origin."""


async def follow(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """What is answered to ``request`` where redirects have led it; its body is still to be read.

    Every hop is a connection, and so under the client's egress rule.

    Raises:
        httpx.TooManyRedirects: it is sent on and on.
        httpx.HTTPError, EgressRefusedError: what a hop fails with.
        SecretElsewhereError: the body has what is hidden here (:class:`shared.logs.hiding`).
    """
    confidential = _has_hidden(request)
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.send(request, stream=True, follow_redirects=False)
        if response.next_request is None:
            return response
        await response.aclose()  # unread: it may be without end
        before, request = request, _next(request, response.next_request)
        if confidential and "content-length" in request.headers and not _is_same(before.url, request.url):
            raise SecretElsewhereError
    raise httpx.TooManyRedirects("redirected too often", request=request)


def _next(before: httpx.Request, request: httpx.Request) -> httpx.Request:
    """The request to where ``before`` was sent on, without what was meant for its origin alone."""
    if not _is_same(before.url, request.url):
        for name in set(request.headers) - _KEPT:
            del request.headers[name]
    return request


def _has_hidden(request: httpx.Request) -> bool:
    try:
        body = request.content.decode("utf-8", "replace")
    except httpx.RequestNotRead:
        return False  # a stream, and none of a step's parameters
    return logs.hidden(body) != body


def _is_same(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether both are of one origin, or the second is the same host by https."""
    if one.host != other.host:
        return False
    to_https = (one.scheme, other.scheme) == ("http", "https") and one.port is None and other.port is None
    return to_https or (one.scheme, _port(one)) == (other.scheme, _port(other))


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
