"""The one HTTP edge: every request comes in here and every response leaves here.

In this order: request id, authentication, rate limit, permission, query, body, key, one handler, errors, log
line. What comes first decides: an anonymous caller learns nothing about the body it sent.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from azurefunctions.extensions.http.fastapi import Request, Response

from functions.gateway import addresses, bodies, headers, idempotency, inputs, problems, rates, uploads
from functions.routes.route import Route
from shared import logs
from shared.bootstrap import Application
from shared.domain.causes import SLOW
from shared.domain.errors import BadRequestError, NotFoundError, UnauthenticatedError, UnavailableError
from shared.domain.metrics import REQUESTS_THROTTLED
from shared.domain.rates import Standing
from shared.ports.telemetry import TRACE_FIELDS, Span
from shared.security.authorization import Resource
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from shared.services.steps.callbacks import Called
from shared.services.tenancy.authentication import Acquaintance

AUTHENTICATION_SECONDS, WORK_SECONDS = 10.0, 15.0
"""How long it may take to find out who calls, and then to do what is asked. The adapters give up before, as a
rule; this bounds what asks several times, of stores that are all slow."""

_LATE = "The platform could not do this in time; look whether it was done before trying again"
_log = logging.getLogger(__name__)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(slots=True)
class Call:
    """A request as a handler sees it: who, what, and the contract's models of query and body."""

    request: Request
    headers: Mapping[bytes, bytes]
    """As ASGI has them: names in lower case. A dictionary, because the request's own is searched in full."""
    request_id: str
    query: Any = None
    content: Any = None
    """The value of the body, as it was sent; ``body`` is what the contract makes of it."""
    body: Any = None
    sent: uploads.Upload | None = None
    authenticated: Caller | None = None
    right: Called | None = None
    known: Acquaintance | None = None
    standing: Standing | None = None
    """To the rate limits, of a caller that is known."""

    @property
    def caller(self) -> Caller:
        """Who asks; only routes that need a token have one."""
        assert self.authenticated is not None
        return self.authenticated

    @property
    def acquaintance(self) -> Acquaintance:
        """Who asks, wherever it is a member; only personal routes have that."""
        assert self.known is not None
        return self.known

    @property
    def upload(self) -> uploads.Upload:
        """The body, in a file; only routes that are sent one have that."""
        assert self.sent is not None
        return self.sent

    @property
    def sealed(self) -> Called:
        """What the end of the path gives a right to; only sealed routes have that."""
        assert self.right is not None
        return self.right

    def header(self, name: bytes) -> str | None:
        """The header of that (lower-case) name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def name(self) -> str:
        """The ``{name}`` of the path."""
        return str(self.request.path_params["name"])

    @property
    def version(self) -> int:
        """The ``{version}`` of the path.

        Raises:
            NotFoundError: it is no number of a version.
        """
        text = str(self.request.path_params["version"])
        if not re.fullmatch("[1-9][0-9]{0,8}", text):
            raise NotFoundError(f"There is no version {text!r}: versions are counted from 1")
        return int(text)

    @property
    def id(self) -> str:
        """The ``{id}`` of the path."""
        return str(self.request.path_params["id"])

    @property
    def user(self) -> str:
        """The ``{user}`` of the path."""
        return str(self.request.path_params["user"])

    @property
    def step(self) -> str:
        """The ``{step}`` of the path."""
        return str(self.request.path_params["step"])


type Handler = Callable[[Application, Call], Awaitable[Response]]
"""Parse what is left, call one service method, render."""


async def handle(platform: Application, request: Request, route: Route, handler: Handler) -> Response:
    """Serve one request of ``route``; every error becomes its problem response."""
    started = time.perf_counter()
    given: dict[bytes, bytes] = dict(request.scope["headers"])
    call = Call(request, given, _request_id(given.get(b"x-request-id", b"")))
    with logs.about(request_id=call.request_id), _observed(platform, call, route) as span:
        try:
            await _prepare(platform, call, route)
            response = await _served(platform, call, route, handler)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a problem and the log the rest
            response = _failed(error, call, route)
        finally:
            if call.sent is not None:
                await call.sent.discard()
        _finish(platform, call, route, response, span, (time.perf_counter() - started) * 1000)
    return response


def _observed(platform: Application, call: Call, route: Route) -> AbstractContextManager[Span]:
    """The span of the request, in the caller's trace if it names one."""
    given = {name: value for name in TRACE_FIELDS if (value := call.header(name.encode())) is not None}
    return platform.adapters.telemetry.span(
        f"{route.method} {route.template}",
        kind="server",
        parent=given,
        attributes={
            "http.request.method": route.method,
            "http.route": route.template,
            "url.path": _path(call, route),
            "url.scheme": call.request.scope.get("scheme", "http"),
            "request_id": call.request_id,
        },
    )


def _finish(
    platform: Application, call: Call, route: Route, response: Response, span: Span, milliseconds: float
) -> None:
    """Give the response what every response has, and tell how the request went."""
    origin = call.headers.get(b"origin")
    headers.finish(response, platform.settings, request_id=call.request_id, origin=origin)
    if call.standing is not None:
        response.raw_headers.extend(rates.headers(call.standing))
    status = response.status_code
    span.set({"http.response.status_code": status})
    if status >= 500:
        span.fail(str(status))
    if call.authenticated is not None:
        span.set({"tenant_id": call.caller.scope.tenant_id})
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        tenant_id = call.caller.scope.tenant_id if call.authenticated else ""
        platform.adapters.telemetry.record(REQUESTS_THROTTLED, 1, {"tenant_id": tenant_id})
    if _log.isEnabledFor(logging.INFO):
        _log.info(
            "%s %s %s %d %.1f ms", call.request.method, route.path, route.name, status, milliseconds,
            extra={"route": route.name, "status": status, "ms": round(milliseconds, 3)},
        )  # fmt: skip


async def _prepare(platform: Application, call: Call, route: Route) -> None:
    """Authenticate, authorize and parse what the route asks for."""
    if route.sealed:
        await _within(_unseal(platform, call), AUTHENTICATION_SECONDS)
    elif route.operation is not None:
        await _within(_identify(platform, call, route, route.operation), AUTHENTICATION_SECONDS)
    elif route.personal:
        await _within(_recognize(platform, call), AUTHENTICATION_SECONDS)
    else:
        if call.request.method != "OPTIONS":  # browsers ask that by themselves
            platform.strangers.count("anonymous", _source(platform, call))
        return
    call.query = inputs.query(route, call.request.scope["query_string"])
    if route.body is not None:
        call.content = await _sent(call, route, min(route.max_body, platform.settings.max_body_bytes))
        call.body = inputs.body(route, call.content)
    elif route.uploads:
        uploads.check_media(route, call.header(b"content-type"))
        call.sent = await uploads.receive(call.request, limit=platform.settings.max_context_bytes)
        call.content = call.sent.digest


async def _unseal(platform: Application, call: Call) -> None:
    try:
        call.right = platform.callbacks.called(str(call.request.path_params["token"]))
    except NotFoundError:
        platform.strangers.failed(_source(platform, call))
        raise
    platform.strangers.count("sealed", _source(platform, call))
    logs.add(tenant_id=call.right.scope.tenant_id, execution_id=call.right.place.execution_id)
    await platform.callbacks.require_awaited(call.right)


async def _identify(platform: Application, call: Call, route: Route, operation: str) -> None:
    credentials = *_, address = _credentials(platform, call)
    member = await platform.authentication.authenticate(*credentials)
    logs.add(tenant_id=member.scope.tenant_id)
    call.authenticated = caller = replace(member, request_id=call.request_id, address=address)
    await _count(platform, call, member.scope, member.principal.user)
    if not route.while_suspended:
        await platform.tenants.require_served(member.scope)
    asked = Resource(route.resource_id(call.request.path_params))
    call.authenticated = await platform.policies.require(caller, operation, asked)


async def _recognize(platform: Application, call: Call) -> None:
    credentials = *_, address = _credentials(platform, call)
    call.known = await platform.authentication.recognize(*credentials)
    if (member := call.known.caller) is not None:
        logs.add(tenant_id=member.scope.tenant_id)
        call.authenticated = replace(member, request_id=call.request_id, address=address)
        await _count(platform, call, member.scope, member.principal.user)
        await platform.tenants.require_served(member.scope)
    else:
        first = call.known.memberships[0]
        await _count(platform, call, TenantScope(first.tenant_id), first.user)


async def _count(platform: Application, call: Call, scope: TenantScope, user: str) -> None:
    call.standing = await platform.rates.take(scope, user)
    rates.allowed(call.standing)


def _source(platform: Application, call: Call) -> str | None:
    return addresses.source(call.request, platform.settings.trusted_proxies)


def _credentials(platform: Application, call: Call) -> tuple[str | None, str | None, str | None]:
    """The headers that say who asks, and where from. Of two, a proxy might have looked at the other one."""
    address = _source(platform, call)
    for told in (b"authorization", b"x-tenant-id"):
        if sum(name == told for name, _ in call.request.scope["headers"]) > 1:
            platform.strangers.failed(address)
            raise UnauthenticatedError(f"the request has the header {told.decode()} more than once")
    return call.header(b"authorization"), call.header(b"x-tenant-id"), address


def _path(call: Call, route: Route) -> str:
    """The path as it may be told: of a sealed route, whoever knows the end of it has its right."""
    return route.template if route.sealed else str(call.request.scope["path"])


async def _served(platform: Application, call: Call, route: Route, handler: Handler) -> Response:
    """What the handler answers, or has answered when the request was sent before, by its key."""
    key = idempotency.key_of(call.request) if route.mutates and b"idempotency-key" in call.headers else None
    if key is None:
        return await _within(handler(platform, call), WORK_SECONDS)

    async def work(caller: Caller) -> Response:
        call.authenticated = caller
        try:
            return await _within(handler(platform, call), WORK_SECONDS)
        except Exception as error:  # noqa: BLE001 - as in handle
            return _failed(error, call, route)

    request = idempotency.fingerprint(call.request, call.content)
    return await idempotency.once(platform, call.caller, key, request, work)


async def _within[T](work: Awaitable[T], seconds: float) -> T:
    """What ``work`` comes to in that time, whatever it waits for."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise UnavailableError(_LATE, cause=SLOW) from error


async def _sent(call: Call, route: Route, limit: int) -> Any:
    raw = await bodies.read(call.request, limit=limit)
    if raw and bodies.is_yaml(call.header(b"content-type")):
        # On a thread: a megabyte of YAML takes a second, in which other requests go on.
        return await asyncio.to_thread(bodies.parse_yaml, raw, limit=limit)
    if raw:
        return bodies.parse(raw)
    if not route.body_optional:
        raise BadRequestError("This request needs a body, in JSON or YAML")
    return {}


def _request_id(given: bytes) -> str:
    return given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def _failed(error: Exception, call: Call, route: Route) -> Response:
    if problems.is_ours(error):
        _log.error("%s failed unexpectedly", route.name, exc_info=error, extra={"route": route.name})
    elif isinstance(error, UnauthenticatedError):
        _log.info("refused: %s", error.reason)
    return problems.respond(error, path=_path(call, route), request_id=call.request_id)
