"""The module ``http``: one request to somewhere outside, and what it answered."""

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.modules.authorization import NO_TOKENS, OutboundTokens
from shared.modules.tracing import answered, outgoing
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy

if TYPE_CHECKING:
    import httpx

MAX_RESPONSE: Final = 1024 * 1024
"""The largest response body that is read, in bytes after decompression."""
RETRYABLE: Final = frozenset({408, 425, 429})
"""Beside 5xx, the statuses after which another attempt may succeed."""
MAX_RETRY_AFTER: Final = 3600.0
"""The longest that a ``Retry-After`` is heeded, in seconds."""
OWN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade"})
"""What the request itself decides."""

REDACTED: Final = "(redacted)"
_SHOWN: Final = frozenset({"accept", "content-type", "idempotency-key", "user-agent"})
"""The headers whose values a dry run tells: any other may be a secret."""
HIDDEN: Final = b"(the platform's token)"
"""What outputs have in place of a token."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_STATUS: Final = re.compile(r"[1-5](?:xx|\d\d)")


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("a URL starts with http:// or https:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("credentials do not belong in the URL: give an Authorization header")
    _ = parts.port  # raises ValueError when it is not a port
    return text


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"{name!r} is not a header that can be sent")
        if name.lower() in OWN_HEADERS:
            raise ValueError(f"the header {name!r} is made by the request itself; leave it out")
    return headers


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _as_text(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _expectation(pattern: str) -> str:
    if not _STATUS.fullmatch(pattern):
        raise ValueError("an expected status is a number such as 204 or a range such as '2xx'")
    return pattern


type _Expected = Annotated[
    str, BeforeValidator(_as_text, json_schema_input_type=int | str), AfterValidator(_expectation)
]
_Expectation = int | str | list[int | str]
"""An expected status or several, as they may be written."""


class HttpAuth(BaseModel):
    """A token of the platform's own identity to send along."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    scope: str = Field(
        max_length=512, pattern=r"^\S+$", description="Whom it is for.", examples=["api://x/.default"]
    )


class HttpRequestParameters(BaseModel):
    """One request. A ``body`` that is not a text is sent as JSON."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        default="GET", description="The method."
    )
    url: Annotated[str, AfterValidator(_url)] = Field(
        max_length=8192, description="Where to.", examples=["https://example.com/health"]
    )
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(
        default={}, description="Headers to send."
    )
    body: Any = Field(default=None, description="What to send: a text as it is, anything else as JSON.")
    expect_status: Annotated[
        list[_Expected], BeforeValidator(_as_list, json_schema_input_type=_Expectation)
    ] = Field(
        default=["2xx"],
        min_length=1,
        description="The statuses that are well: `204`, `2xx`, or a list of such.",
    )
    auth: HttpAuth | None = Field(
        default=None, description="A token of the platform's own identity to send along."
    )

    @model_validator(mode="after")
    def _authorized_once(self) -> Self:
        if self.auth is not None and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("give either 'auth' or the header 'Authorization'")
        return self

    @property
    def exact_status(self) -> str | None:
        """The one status that it expects, if there is but one."""
        (status, *more) = self.expect_status
        return status if status.isdecimal() and not more else None

    def expects(self, status: int) -> bool:
        return bool({str(status), f"{status // 100}xx"} & set(self.expect_status))


class HttpRequestOutputs(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: Any
    """JSON where the response is JSON, otherwise text."""


class HttpRequest(Action):
    """Send an HTTP request and expect a status.

    Every attempt of a step carries the same ``Idempotency-Key`` unless its method changes nothing.
    """

    name = "http-request"
    module = "http"
    side_effect = "idempotent"
    urls = frozenset({"url"})
    Parameters: ClassVar[type[BaseModel]] = HttpRequestParameters
    Outputs: ClassVar[type[BaseModel]] = HttpRequestOutputs

    def __init__(
        self,
        egress: EgressPolicy,
        outbound: OutboundTokens = NO_TOKENS,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._egress = egress
        self._outbound = outbound
        self._telemetry = telemetry
        self._client: httpx.AsyncClient | None = None
        self._making = threading.Lock()

    def warm_up(self) -> None:
        self._made_client()

    async def run(self, parameters: HttpRequestParameters, context: ActionContext) -> Completed:
        # Made on a thread: on the event loop every execution and stream would stand still meanwhile.
        client = self._client
        if client is None:
            client = await asyncio.to_thread(self._made_client)
        import httpx  # loaded with the client

        from shared.modules.egress import EgressRefusedError

        place = _place(parameters)
        try:
            request = client.build_request(
                parameters.method,
                parameters.url,
                headers=_sent_headers(parameters, context.idempotency_key),
                content=_content(parameters.body),
            )
            token = await self._authorize(request, parameters.auth, context)
            with outgoing(self._telemetry, parameters.method, parameters.url, request.headers) as call:
                response = await client.send(request, stream=True)
                answered(call, response.status_code)
                try:
                    body = await _read(response, place)
                finally:
                    await response.aclose()
        except EgressRefusedError as error:
            raise ActionError("EGRESS_REFUSED", f"{place}: {error}", retryable=False) from error
        except httpx.TooManyRedirects as error:
            raise ActionError("HTTP_REDIRECTS", f"{place} redirects too often", retryable=False) from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ActionError("HTTP_URL", f"{place}: {error}", retryable=False) from error
        except httpx.HTTPError as error:
            message = f"{place} got no answer: {str(error) or type(error).__name__}"
            raise ActionError("HTTP_CONNECTION", message, retryable=True) from error
        _check_status(parameters, response, place)
        return Completed(_outputs(response, body, token))

    async def dry_run(self, parameters: HttpRequestParameters, context: ActionContext) -> Foreseen:
        """Nothing is sent; where nobody may send to, it fails as it would."""
        if (why := self._egress.refusal_of_url(parameters.url)) is not None:
            raise ActionError("EGRESS_REFUSED", f"{_place(parameters)}: {why}", retryable=False)
        headers = _sent_headers(parameters, context.idempotency_key)
        content = _content(parameters.body)
        would = {
            "method": parameters.method,
            "url": _without_query(parameters.url) + ("?…" if "?" in parameters.url else ""),
            "headers": {name: value if name in _SHOWN else REDACTED for name, value in headers.items()},
            "body_bytes": 0 if content is None else len(content),
            "expect_status": parameters.expect_status,
            **({"auth": parameters.auth.model_dump()} if parameters.auth else {}),
        }
        return Foreseen(would, {"status": int(status)} if (status := parameters.exact_status) else {})

    async def _authorize(
        self, request: "httpx.Request", auth: HttpAuth | None, context: ActionContext
    ) -> str | None:
        """Put the platform's token on the request, if one is wanted; the token.

        Where a redirect leads to another origin, httpx takes the header off again.
        """
        if auth is None:
            return None
        # As the request has it: what it is compared with and where it goes cannot be two things.
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        tenant_id = context.scope.tenant_id
        token = await self._outbound.token(scope=auth.scope, tenant_id=tenant_id, origin=origin)
        request.headers["authorization"] = f"Bearer {token}"
        return token

    def _made_client(self) -> "httpx.AsyncClient":
        # httpx and the certificates take 0.15 s to load, which the start of a process does not wait for.
        from shared.modules.egress import guarded_client

        with self._making:
            if self._client is None:
                self._client = guarded_client(self._egress)
            return self._client

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _place(parameters: HttpRequestParameters) -> str:
    """How messages name the request."""
    return f"{parameters.method} {_without_query(parameters.url)}"


def _sent_headers(parameters: HttpRequestParameters, idempotency_key: str) -> dict[str, str]:
    headers = {name.lower(): value for name, value in parameters.headers.items()}
    if parameters.body is not None and not isinstance(parameters.body, str):
        headers.setdefault("content-type", "application/json")
    elif parameters.body is not None:
        headers.setdefault("content-type", "text/plain; charset=utf-8")
    if parameters.method not in {"GET", "HEAD", "OPTIONS"}:
        headers.setdefault("idempotency-key", idempotency_key)
    headers.setdefault("user-agent", "quantum-platform")
    return headers


def _content(body: Any) -> bytes | None:
    if body is None:
        return None
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


async def _read(response: "httpx.Response", place: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_RESPONSE:
            message = f"{place} answered with more than {MAX_RESPONSE} bytes"
            raise ActionError("HTTP_TOO_LARGE", message, retryable=False)
    return bytes(body)


def _check_status(parameters: HttpRequestParameters, response: "httpx.Response", place: str) -> None:
    status = response.status_code
    if parameters.expects(status):
        return
    raise ActionError(
        "HTTP_STATUS",
        f"{place} answered {status}, not {' or '.join(parameters.expect_status)}",
        retryable=status in RETRYABLE or status >= 500,
        retry_after=_retry_after(response.headers.get("retry-after", "")),
    )


def _retry_after(value: str) -> float:
    """Seconds of a ``Retry-After``; one given as a date (RFC 9110, 10.2.3) is left to our own backoff."""
    return min(float(value), MAX_RETRY_AFTER) if value.isdecimal() else 0


def _outputs(response: "httpx.Response", body: bytes, token: str | None) -> Mapping[str, Any]:
    outputs = {
        "status": response.status_code,
        "headers": dict(response.headers),
        "body": _decoded(response, body),
    }
    return outputs if token is None else _without_token(outputs, token)


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


def _without_query(url: str) -> str:
    """The URL as messages show it: what is behind the ``?`` may be a secret."""
    return url.partition("?")[0].partition("#")[0]
