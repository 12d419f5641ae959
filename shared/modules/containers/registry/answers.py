"""What a registry answers, as failures that a person can act on.

Every code of the distribution specification ("Error Codes") comes with an HTTP status; the status decides,
and what the registry says beside it is told along.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from shared.domain.urls import url_problem
from shared.modules.bodies import BodyEncodingError, BodyTooLargeError, read_body
from shared.ports.actions import ActionError

if TYPE_CHECKING:
    import httpx

MAX_ERROR: Final = 16 * 1024
"""Bytes of an error's body that are read."""
MAX_TOLD: Final = 300
"""Characters of it that are told."""
LITTLE: Final = 64 * 1024
"""Bytes of an answer that are read though nobody wants them."""
MAX_RETRY_AFTER: Final = 3600.0

_QUOTA: Final = frozenset({413, 507})
_RETRYABLE: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_FINAL: Final = {
    401: ("REGISTRY_UNAUTHENTICATED", "; it wants a user name and password that it knows"),
    403: ("REGISTRY_DENIED", "; who is signed in there may not do this"),
    404: ("REGISTRY_NOT_FOUND", ""),
}


async def failure(response: "httpx.Response", doing: str) -> ActionError:
    """Why a registry did not do it; ``doing`` is how messages name what was asked, and of whom."""
    said = await _said(response)
    status = response.status_code
    told = f"{doing}: the registry answered {status}" + (f" ({said})" if said else "")
    if status in _QUOTA or (status in {400, 403} and "quota" in said.lower()):
        return ActionError("REGISTRY_QUOTA", f"{told}; there is no room for it", retryable=False)
    if status in _RETRYABLE:
        code = "REGISTRY_BUSY" if status == 429 else "REGISTRY_UNAVAILABLE"
        return ActionError(code, told, retryable=True, retry_after=_retry_after(response))
    code, advice = _FINAL.get(status, ("REGISTRY_REFUSED", ""))
    return ActionError(code, told + advice, retryable=False)


def led_to(response: "httpx.Response", location: str, doing: str) -> str:
    """The URL that a registry sends on to, which may be a path of its own.

    Raises:
        ActionError: it is none that is asked.
    """
    import httpx  # loaded with the client

    try:
        where = str(response.url.join(location))
    except httpx.InvalidURL:
        where = location
    if problem := url_problem(where, instead="they are not sent"):
        message = f"{doing}: the registry leads to {location[:MAX_TOLD]!r}: {problem}"
        raise ActionError("REGISTRY_REFUSED", message, retryable=False)
    return where


async def done_with(response: "httpx.Response") -> None:
    """Give the connection back; it is used again if what is left of the answer is little."""
    import httpx  # loaded with the client

    task, left = asyncio.current_task(), LITTLE
    try:
        if not response.is_stream_consumed and not (task and task.cancelling()):
            async for piece in response.aiter_raw():
                left -= len(piece)
                if left < 0:
                    break
    except httpx.HTTPError:
        pass  # then it is not used again
    finally:
        await response.aclose()


async def _said(response: "httpx.Response") -> str:
    """What the registry says of it, short and on one line."""
    try:
        body = await read_body(response, limit=MAX_ERROR)
    except (BodyTooLargeError, BodyEncodingError):
        return ""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    parts = _parts(document)
    text = ": ".join(part for part in parts if isinstance(part, str) and part)
    return "".join(one if one.isprintable() else " " for one in text)[:MAX_TOLD]


def _parts(document: Any) -> Sequence[Any]:
    """Code and message, in the form of registries or in that of who gives tokens (RFC 6749, 5.2)."""
    match document:
        case {"errors": [dict() as first, *_]}:
            return first.get("code"), first.get("message")
        case {"error": str(code)}:
            return code, document.get("error_description")
    return ()


def _retry_after(response: "httpx.Response") -> float:
    value = response.headers.get("retry-after", "")
    return min(float(value), MAX_RETRY_AFTER) if value.isdecimal() else 0
