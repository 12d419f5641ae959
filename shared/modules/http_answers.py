"""What is answered to an ``http-request``: read within bounds, and told as outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from shared.domain.urls import url_problem
from shared.modules.bodies import BodyEncodingError, BodyTooLargeError, read_body
from shared.ports.actions import ActionError

if TYPE_CHECKING:
    import httpx

MAX_RESPONSE: Final = 1024 * 1024
"""The largest response body that is read, in bytes before and after decompression."""
MAX_RETRY_AFTER: Final = 3600.0
"""The longest that a ``Retry-After`` is heeded, in seconds."""
MAX_LOCATION: Final = 4096
HIDDEN: Final = b"(the platform's token)"
"""What outputs have in place of a token."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``token`` is the platform's own that was sent, if one was."""

    response: "httpx.Response"
    body: bytes
    token: str | None

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def retry_after(self) -> float:
        return _retry_after(self.response.headers.get("retry-after", ""))

    def location(self, place: str) -> str | None:
        """Where it says to ask again, if it does.

        Raises:
            ActionError: that is no URL to ask.
        """
        location = self.response.headers.get("location")
        if location is None:
            return None
        import httpx  # loaded with the client

        try:
            where = str(self.response.url.join(location))
        except httpx.InvalidURL:
            where = ""
        if len(where) > MAX_LOCATION:
            message = f"{place} answered with a Location that is too long"
            raise ActionError("HTTP_POLL", message, retryable=False)
        if problem := url_problem(where, instead="they are not sent"):
            message = f"{place} answered with a Location that is not asked: {problem}"
            raise ActionError("HTTP_POLL", message, retryable=False)
        return where


def outputs_of(answer: Answer) -> Mapping[str, Any]:
    """What the step keeps of it."""
    outputs = {
        "status": answer.status,
        "headers": dict(answer.response.headers),
        "body": _decoded(answer.response, answer.body),
    }
    return outputs if answer.token is None else _without_token(outputs, answer.token)


def _without_token(outputs: Mapping[str, Any], token: str) -> Mapping[str, Any]:
    """The outputs without the token that was sent: some services answer with what they were asked.

    Written as JSON, a token has but one spelling, whatever the answer's charset and escapes were.
    """
    try:
        text = orjson.dumps(outputs)
    except orjson.JSONEncodeError as error:
        message = f"the answer cannot be kept as JSON: {error}"
        raise ActionError("OUTPUTS", message, retryable=False) from error
    cleaned: Mapping[str, Any] = orjson.loads(text.replace(token.encode(), HIDDEN))
    return cleaned


def _decoded(response: "httpx.Response", body: bytes) -> Any:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # it says JSON and is not: better seen as it is than failed
    try:
        return body.decode(response.charset_encoding or "utf-8", errors="replace")
    except LookupError:  # a charset that Python does not know
        return body.decode(errors="replace")


async def read(response: "httpx.Response", place: str) -> bytes:
    """The body; ``place`` is how messages name what was asked.

    Raises:
        ActionError: it is too large, or cannot be decompressed.
    """
    try:
        return await read_body(response, limit=MAX_RESPONSE)
    except BodyTooLargeError as error:
        message = f"{place} answered with more than {MAX_RESPONSE} bytes"
        raise ActionError("HTTP_TOO_LARGE", message, retryable=False) from error
    except BodyEncodingError as error:
        raise ActionError(
            "HTTP_ENCODING", f"the body that {place} answered {error}", retryable=False
        ) from error


def _retry_after(value: str) -> float:
    """Seconds of a ``Retry-After``; one given as a date (RFC 9110, 10.2.3) is left to our own backoff."""
    return min(float(value), MAX_RETRY_AFTER) if value.isdecimal() else 0
