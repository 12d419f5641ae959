"""The module ``http``: one request to somewhere outside, and what it answered."""

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from shared.domain.failures import either, final
from shared.domain.times import rfc3339
from shared.domain.waiting import Waiting
from shared.modules.authorization import NO_TOKENS, OutboundTokens
from shared.modules.failures import FETCHING, SIGNING_IN
from shared.modules.http_answers import Answer, outputs_of, read
from shared.modules.http_auth import REDACTED, HttpAuth
from shared.modules.http_parameters import HttpRequestOutputs, HttpRequestParameters
from shared.modules.tracing import answered, outgoing
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen, Pending
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy

if TYPE_CHECKING:
    import httpx

RETRYABLE: Final = frozenset({408, 425, 429})
"""Beside 5xx, the statuses after which another attempt may succeed."""
ACCEPTED: Final = 202
POLL_EVERY: Final = 10.0
"""Seconds between two looks, where no ``Retry-After`` says otherwise."""
CALLBACK_HEADER: Final = "x-quantum-callback"

_SHOWN: Final = frozenset({"accept", "content-type", "idempotency-key", "user-agent"})
"""The headers whose values a dry run tells: any other may be a secret."""


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


class HttpRequest(Action):
    """Send an HTTP request and expect a status.

    Every attempt of a step carries the same ``Idempotency-Key`` unless its method changes nothing.
    """

    name = "http-request"
    module = "http"
    side_effect = "idempotent"
    urls = frozenset({"url"})
    takes_secrets = frozenset({"url", "headers", "body", "auth"})
    failures = (
        *FETCHING,
        *SIGNING_IN,
        either("HTTP_STATUS", "it answered another status than is expected; 5xx, 408, 425 and 429 may pass"),
        final("HTTP_REDIRECTS", "it sends on too often"),
        final("HTTP_POLL", "where it is to be asked again cannot be told from its answer"),
        final("HTTP_ENCODING", "its answer cannot be read"),
        final("HTTP_TOO_LARGE", "its answer is larger than is kept"),
        final("SECRET_ELSEWHERE", "it sends on to another origin, where no secret goes"),
    )
    examples = (
        {"id": "look", "action": "http-request", "url": "https://example.com/health", "expect_status": 200},
        {
            "id": "announce",
            "action": "http-request",
            "method": "POST",
            "url": "https://chat.example.com/hooks/releases",
            "auth": {"bearer": "${{ secrets.CHAT_TOKEN }}"},
            "body": {"text": "Release ${{ parameters.release }} is out"},
        },
    )
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
        return Completed(outputs_of(answer))

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
        return Completed(outputs_of(answer))

    def _pending_poll(self, answer: Answer, place: str, url: str | None = None) -> Pending:
        """Where to ask again: where the answer says, or else where it came from."""
        where = answer.location(place) or url
        if where is None:
            raise ActionError("HTTP_POLL", f"{place} answered 202 without a Location", retryable=False)
        self._refuse(where, f"the Location that {place} answered")
        return _pending(where, answer.retry_after)

    def _refuse(self, url: str, place: str) -> None:
        """Fail for good where the URL itself says that it leads to where nobody may send to."""
        if (why := self._egress.refusal_of_url(url)) is not None:
            raise ActionError("EGRESS_REFUSED", f"{place}: {why}", retryable=False)

    async def _exchange(self, asked: "_Request", context: ActionContext) -> "Answer":
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
        from shared.modules.redirects import SecretElsewhereError, follow

        place = asked.place
        try:
            request = client.build_request(
                asked.method, asked.url, headers=asked.headers, content=asked.content
            )
            token = await self._authorize(request, asked, context)
            with outgoing(self._telemetry, asked.method, asked.url, request.headers) as call:
                response = await follow(client, request)
                answered(call, response.status_code)
                try:
                    return Answer(response, await read(response, place), token)
                finally:
                    await response.aclose()
        except EgressRefusedError as error:
            raise ActionError("EGRESS_REFUSED", f"{place}: {error}", retryable=False) from error
        except SecretElsewhereError as error:
            message = f"{place} redirects to another origin, where no secret goes: call that one itself"
            raise ActionError("SECRET_ELSEWHERE", message, retryable=False) from error
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
            **({"auth": parameters.auth.shown()} if parameters.auth else {}),
            **({"callback": parameters.callback.model_dump()} if parameters.callback else {}),
            **({"poll": True} if parameters.poll else {}),
        }
        return Foreseen(would, {"status": int(status)} if (status := parameters.exact_status) else {})

    async def _authorize(
        self, request: "httpx.Request", asked: "_Request", context: ActionContext
    ) -> str | None:
        """Put on the request what authorizes it; the platform's token, if it is that.

        Where a redirect leads to another origin, it is taken off again. A tenant's own secrets are kept out
        of what is answered as all of them are.
        """
        auth = asked.auth
        if auth is None:
            return None
        if auth.scope is None:
            request.headers.update(auth.headers(asked.content, context.clock.now()))
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


def _check_status(parameters: HttpRequestParameters, answer: Answer, place: str) -> None:
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


def _without_query(url: str) -> str:
    """The URL as messages show it: what is behind the ``?`` may be a secret."""
    return url.partition("?")[0].partition("#")[0]
