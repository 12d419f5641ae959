"""The module ``http``: one request to somewhere outside, and what it answered."""

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel

from shared.domain.times import rfc3339
from shared.domain.waiting import Waiting
from shared.modules.authorization import NO_TOKENS, OutboundTokens
from shared.modules.bodies import BodyEncodingError, BodyTooLargeError, read_body
from shared.modules.http_parameters import HttpAuth, HttpRequestOutputs, HttpRequestParameters
from shared.modules.tracing import answered, outgoing
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen, Pending
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy

if TYPE_CHECKING:
    import httpx

MAX_RESPONSE: Final = 1024 * 1024
"""The largest response body that is read, in bytes before and after decompression."""
RETRYABLE: Final = frozenset({408, 425, 429})
"""Beside 5xx, the statuses after which another attempt may succeed."""
MAX_RETRY_AFTER: Final = 3600.0
"""The longest that a ``Retry-After`` is heeded, in seconds."""
ACCEPTED: Final = 202
POLL_EVERY: Final = 10.0
"""Seconds between two looks, where no ``Retry-After`` says otherwise."""
MAX_LOCATION: Final = 4096
CALLBACK_HEADER: Final = "x-quantum-callback"

REDACTED: Final = "(redacted)"
_SHOWN: Final = frozenset({"accept", "content-type", "idempotency-key", "user-agent"})
"""The headers whose values a dry run tells: any other may be a secret."""
HIDDEN: Final = b"(the platform's token)"
"""What outputs have in place of a token."""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    auth: HttpAuth | None

    @property
    def place(self) -> str:
        """How messages name it."""
        return f"{self.method} {_without_query(self.url)}"


@dataclass(frozen=True, slots=True)
class _Answer:
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

    async def run(self, parameters: HttpRequestParameters, context: ActionContext) -> Completed | Pending:
        headers, body, until = _sent_headers(parameters, context.idempotency_key), parameters.body, None
        if parameters.callback is not None:
            opened = await context.callbacks.open(
                context.scope, context.place, seconds=parameters.callback.seconds
            )
            headers[CALLBACK_HEADER], until = opened.address, opened.until
            body = _with_address(body, parameters.callback.field, opened.address)
        request = _Request(parameters.method, parameters.url, headers, _content(body), parameters.auth)
        answer = await self._exchange(request, context)
        if parameters.poll and answer.status == ACCEPTED:
            return self._pending_poll(answer, request.place)
        _check_status(parameters, answer, request.place)
        if until is not None:
            return _pending_callback(until, {"status": answer.status}, context)
        return Completed(_outputs(answer))

    async def poll(
        self, token: Any, parameters: HttpRequestParameters, context: ActionContext
    ) -> Completed | Pending:
        if "poll" in token:
            return await self._ask_again(token["poll"], parameters, context)
        callback = await context.callbacks.look(context.scope, context.place)
        if callback.answer is None:
            if callback.status == "open":
                return _pending_callback(callback.until, token, context)
            late = f"nobody called back until {rfc3339(callback.until)}"
            raise ActionError("TIMEOUT", late, retryable=True)
        if callback.answer.error is not None:
            error = callback.answer.error
            raise ActionError(error["code"], error["message"], retryable=True)
        return Completed(
            {"status": token["status"], "headers": {}, "body": None, "callback": callback.answer.outputs}
        )

    async def _ask_again(
        self, url: str, parameters: HttpRequestParameters, context: ActionContext
    ) -> Completed | Pending:
        """Ask where a 202 has sent us. What is meant for one origin is sent to no other."""
        same = _origin(url) == _origin(parameters.url)
        kept = {name: value for name, value in parameters.headers.items() if same and not _of_body(name)}
        headers = {name.lower(): value for name, value in kept.items()} | _OWN_HEADERS
        request = _Request("GET", url, headers, None, parameters.auth if same else None)
        try:
            answer = await self._exchange(request, context)
            if answer.status == ACCEPTED:
                return self._pending_poll(answer, request.place, url)
            _check_status(parameters, answer, request.place)
        except ActionError as error:
            if not error.retryable:
                raise
            return _pending(url, error.retry_after)  # for as long as the attempt has time
        return Completed(_outputs(answer))

    def _pending_poll(self, answer: _Answer, place: str, url: str | None = None) -> Pending:
        """Where to ask again: where the answer says, or else where it came from."""
        where = _location(answer, place) or url
        if where is None:
            raise ActionError("HTTP_POLL", f"{place} answered 202 without a Location", retryable=False)
        if len(where) > MAX_LOCATION:
            message = f"{place} answered with a Location that is too long"
            raise ActionError("HTTP_POLL", message, retryable=False)
        self._refuse(where, f"the Location that {place} answered")
        return _pending(where, answer.retry_after)

    def _refuse(self, url: str, place: str) -> None:
        """Fail for good where the URL itself says that it leads to where nobody may send to."""
        if (why := self._egress.refusal_of_url(url)) is not None:
            raise ActionError("EGRESS_REFUSED", f"{place}: {why}", retryable=False)

    async def _exchange(self, asked: "_Request", context: ActionContext) -> "_Answer":
        """Send a request, and read what is answered.

        Raises:
            ActionError: there is no answer, or none that can be read.
        """
        self._refuse(asked.url, asked.place)
        # Made on a thread: on the event loop every execution and stream would stand still meanwhile.
        client = self._client
        if client is None:
            client = await asyncio.to_thread(self._made_client)
        import httpx  # loaded with the client

        from shared.modules.egress import EgressRefusedError
        from shared.modules.redirects import follow

        place = asked.place
        try:
            request = client.build_request(
                asked.method, asked.url, headers=asked.headers, content=asked.content
            )
            token = await self._authorize(request, asked.auth, context)
            with outgoing(self._telemetry, asked.method, asked.url, request.headers) as call:
                response = await follow(client, request)
                answered(call, response.status_code)
                try:
                    return _Answer(response, await _read(response, place), token)
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

    async def dry_run(self, parameters: HttpRequestParameters, context: ActionContext) -> Foreseen:
        """Nothing is sent; where nobody may send to, it fails as it would."""
        self._refuse(parameters.url, _place(parameters))
        headers = _sent_headers(parameters, context.idempotency_key)
        content = _content(parameters.body)
        would = {
            "method": parameters.method,
            "url": _without_query(parameters.url) + ("?…" if "?" in parameters.url else ""),
            "headers": {name: value if name in _SHOWN else REDACTED for name, value in headers.items()},
            "body_bytes": 0 if content is None else len(content),
            "expect_status": parameters.expect_status,
            **({"auth": parameters.auth.model_dump()} if parameters.auth else {}),
            **({"callback": parameters.callback.model_dump()} if parameters.callback else {}),
            **({"poll": True} if parameters.poll else {}),
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


_OWN_HEADERS: Final = {"user-agent": "quantum-platform"}


def _sent_headers(parameters: HttpRequestParameters, idempotency_key: str) -> dict[str, str]:
    headers = {name.lower(): value for name, value in parameters.headers.items()}
    if parameters.body is not None and not isinstance(parameters.body, str):
        headers.setdefault("content-type", "application/json")
    elif parameters.body is not None:
        headers.setdefault("content-type", "text/plain; charset=utf-8")
    if parameters.method not in {"GET", "HEAD", "OPTIONS"}:
        headers.setdefault("idempotency-key", idempotency_key)
    return _OWN_HEADERS | headers


def _content(body: Any) -> bytes | None:
    if body is None:
        return None
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


async def _read(response: "httpx.Response", place: str) -> bytes:
    try:
        return await read_body(response, limit=MAX_RESPONSE)
    except BodyTooLargeError as error:
        message = f"{place} answered with more than {MAX_RESPONSE} bytes"
        raise ActionError("HTTP_TOO_LARGE", message, retryable=False) from error
    except BodyEncodingError as error:
        raise ActionError(
            "HTTP_ENCODING", f"the body that {place} answered {error}", retryable=False
        ) from error


def _check_status(parameters: HttpRequestParameters, answer: _Answer, place: str) -> None:
    status = answer.status
    if parameters.expects(status):
        return
    raise ActionError(
        "HTTP_STATUS",
        f"{place} answered {status}, not {' or '.join(parameters.expect_status)}",
        retryable=status in RETRYABLE or status >= 500,
        retry_after=answer.retry_after,
    )


def _pending_callback(until: datetime, token: Any, context: ActionContext) -> Pending:
    left = max(0.0, (until - context.clock.now()).total_seconds())
    return Pending(left, token, Waiting("callback", until), own_time=True)


def _location(answer: _Answer, place: str) -> str | None:
    """Where the answer says to ask, if it does."""
    location = answer.response.headers.get("location")
    if location is None:
        return None
    import httpx  # loaded with the client

    try:
        return str(answer.response.url.join(location))
    except httpx.InvalidURL as error:
        message = f"{place} answered with a Location that is no URL"
        raise ActionError("HTTP_POLL", message, retryable=False) from error


def _pending(url: str, retry_after: float) -> Pending:
    return Pending(retry_after or POLL_EVERY, {"poll": url})


def _with_address(body: Any, field: str | None, address: str) -> Any:
    if field is None:
        return body
    if body is not None and not isinstance(body, dict):
        message = "'callback.field' is a field of 'body', which is no object"
        raise ActionError("PARAMETERS", message, retryable=False)
    return {**(body or {}), field: address}


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _of_body(name: str) -> bool:
    """Whether the header says something of the request's body, which a look has not."""
    return name.lower().startswith("content-") or name.lower() == "idempotency-key"


def _retry_after(value: str) -> float:
    """Seconds of a ``Retry-After``; one given as a date (RFC 9110, 10.2.3) is left to our own backoff."""
    return min(float(value), MAX_RETRY_AFTER) if value.isdecimal() else 0


def _outputs(answer: _Answer) -> Mapping[str, Any]:
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


def _without_query(url: str) -> str:
    """The URL as messages show it: what is behind the ``?`` may be a secret."""
    return url.partition("?")[0].partition("#")[0]
