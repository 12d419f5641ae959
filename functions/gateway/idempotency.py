"""The ``Idempotency-Key`` header: what is a key, which requests are the same, and which answers are kept."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from azurefunctions.extensions.http.fastapi import Request, Response

from shared.bootstrap import Application
from shared.domain.canonical import content_hash
from shared.domain.errors import BadRequestError, FieldError
from shared.domain.pointers import pointer
from shared.services.callers import Caller
from shared.services.idempotency import Answer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = re.compile(r"[!-~]{1,255}")

_NAME = HEADER.lower().encode()
_PASSING = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
"""What may be otherwise in a moment, with nothing of the request changed; so may every answer from 500 on."""


def key_of(request: Request) -> str | None:
    """The request's key; None: it has none.

    Raises:
        BadRequestError: it is no key, or there are several.
    """
    given: list[str] = [value.decode("latin-1") for name, value in request.scope["headers"] if name == _NAME]
    if not given:
        return None
    if len(given) > 1 or not KEY.fullmatch(given[0]):
        message = "give one key of 1 to 255 visible ASCII characters, a new one for each new request"
        raise BadRequestError(
            f"The header {HEADER} cannot be used",
            errors=[FieldError(pointer("headers", HEADER), "VALUE", message)],
        )
    return given[0]


def fingerprint(request: Request, content: Any) -> str:
    """What makes it this request and no other; ``content`` is its body's value, however that is spelled."""
    said = {
        "method": request.method,
        "path": request.scope["path"],
        "query": request.scope["query_string"].decode("latin-1"),
        "if_match": request.headers.get("if-match"),
        "content": content,
    }
    return content_hash(said)


async def once(
    platform: Application,
    caller: Caller,
    key: str,
    request: str,
    work: Callable[[Caller], Awaitable[Response]],
) -> Response:
    """The response of ``work``, or of the first time that the request with this ``key`` was done.

    Raises:
        KeyReusedError: the key came with another request before.
        StillRunningError: it is being done.
    """

    async def answer(caller: Caller) -> Answer:
        response = await work(caller)
        status = response.status_code
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        final = status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _PASSING
        return Answer(status, headers, bytes(response.body).decode(), final=final)

    given = await platform.idempotency.once(caller, key, request, answer)
    replayed = {REPLAYED: "true"} if given.replayed else {}
    return Response(given.body, given.status, {**given.headers, **replayed})
