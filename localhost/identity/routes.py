"""The local issuer over HTTP, under ``/identity``."""

import asyncio
import sqlite3
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from localhost.identity.issuer import PREFIX, require_local
from localhost.identity.pages import form_post_page, message_page, sign_in_page
from localhost.identity.provider import Provider
from localhost.identity.requests import Destination, OAuthError, authorization_request, destination

MAX_FORM_BYTES = 65_536
WRONG = "The user or the sign-in code is wrong."

type Handler = Callable[[Request], Awaitable[Response]]


def identity_routes(
    data: Path, base_url: str, *, allow_remote: bool = False, now: Callable[[], float] = time.time
) -> list[BaseRoute]:
    """The issuer's routes for the host that is reached at ``base_url``.

    Raises:
        NotLocalError: the host is not on loopback, and ``allow_remote`` (the operator's word) is not given.
    """
    if not allow_remote:
        require_local(base_url)
    issuer = _Endpoints(Provider(data, base_url, now=now))
    return [
        Route(PREFIX + "/.well-known/openid-configuration", issuer.discovery, methods=["GET"]),
        Route(PREFIX + "/jwks", issuer.jwks, methods=["GET"]),
        Route(PREFIX + "/authorize", _shown(issuer.authorize), methods=["GET", "POST"]),
        Route(PREFIX + "/token", _told(issuer.token), methods=["POST"]),
        Route(PREFIX + "/device_authorization", _told(issuer.device_authorization), methods=["POST"]),
        Route(PREFIX + "/device", _shown(issuer.device), methods=["GET", "POST"]),
    ]


class _Endpoints:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._one_at_a_time = asyncio.Lock()

    async def discovery(self, _: Request) -> Response:
        return JSONResponse(self._provider.discovery())

    async def jwks(self, _: Request) -> Response:
        return JSONResponse(await self._run(self._provider.jwks))

    async def token(self, request: Request) -> Response:
        form = _with_basic(await _form(request), request.headers.get("authorization"))
        return _answer(await self._run(lambda: self._provider.token(form)))

    async def device_authorization(self, request: Request) -> Response:
        form = await _form(request)
        return _answer(await self._run(lambda: self._provider.start_device(form)))

    async def authorize(self, request: Request) -> Response:
        posted = await _form(request) if request.method == "POST" else None
        parameters = (
            _single(parse_qsl(request.url.query, keep_blank_values=True)) if posted is None else posted
        )
        place = destination(parameters)
        try:
            wanted = authorization_request(place, parameters)
        except OAuthError as error:
            return _sent(place, error.to_json())
        asked = {name: value for name, value in parameters.items() if name not in {"user", "code"}}
        if posted is None:
            return sign_in_page(PREFIX + "/authorize", asked, goes_to=place.redirect_uri)
        user = posted.get("user", "")
        if not await self._run(lambda: self._provider.sign_in(user, posted.get("code", ""))):
            return sign_in_page(PREFIX + "/authorize", asked, problem=WRONG, goes_to=place.redirect_uri)
        # RFC 9207: the answer names its issuer, so that it cannot be passed off as another's.
        code = await self._run(lambda: self._provider.authorize(wanted, user))
        return _sent(place, {"code": code, "iss": self._provider.url})

    async def device(self, request: Request) -> Response:
        action = PREFIX + "/device"
        if request.method == "GET":
            return sign_in_page(action, {}, user_code=request.query_params.get("user_code", ""))
        form = await _form(request)
        user, user_code = form.get("user", ""), form.get("user_code", "")
        if not await self._run(lambda: self._provider.sign_in(user, form.get("code", ""))):
            return sign_in_page(action, {}, user_code=user_code, problem=WRONG)
        if not await self._run(lambda: self._provider.approve_device(user_code, user)):
            return sign_in_page(action, {}, user_code=user_code, problem="No device waits with that code.")
        return message_page("Signed in", "The device is signed in. You can close this page.")

    async def _run[T](self, work: Callable[[], T]) -> T:
        # Files and a signature of a millisecond: not on the event loop, where executions are served.
        async with self._one_at_a_time:
            return await asyncio.to_thread(work)


def _told(handler: Handler) -> Handler:
    """Errors for programs: RFC 6749, section 5.2."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except OAuthError as error:
            return _answer(error.to_json(), status=error.status)
        except sqlite3.Error:
            return _answer({"error": "temporarily_unavailable"}, status=503)

    return handle


def _shown(handler: Handler) -> Handler:
    """Errors for people."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except OAuthError as error:
            return message_page("This sign-in cannot go on", error.description, status=400)
        except sqlite3.Error:
            return message_page("Not now", "The data folder cannot be used; try again.", status=503)

    return handle


def _answer(body: Mapping[str, object], *, status: int = 200) -> Response:
    headers = {"cache-control": "no-store"}
    if status == 401:
        headers["www-authenticate"] = 'Basic realm="quantum"'
    return JSONResponse(body, status_code=status, headers=headers)


def _sent(place: Destination, values: Mapping[str, str]) -> Response:
    """The answer of an authorization request, on its way to the program."""
    if place.state is not None:
        values = {**values, "state": place.state}
    if place.response_mode == "form_post":
        return form_post_page(place.redirect_uri, values)
    joint = "&" if urlsplit(place.redirect_uri).query else "?"
    address = f"{place.redirect_uri}{joint}{urlencode(values)}"
    return RedirectResponse(address, status_code=303, headers={"cache-control": "no-store"})


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "the body must be application/x-www-form-urlencoded")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise OAuthError("invalid_request", "the body is too large", status=413)
    try:
        return _single(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=64))
    except ValueError as error:
        raise OAuthError("invalid_request", "the body is not a form") from error


def _single(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    values = dict(pairs)
    if len(values) != len(pairs):  # RFC 6749, section 3.1
        raise OAuthError("invalid_request", "a parameter stands twice")
    return values


def _with_basic(form: dict[str, str], authorization: str | None) -> dict[str, str]:
    """The form with the client's name and secret from the header (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return form
    try:
        name, _, secret = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError as error:
        raise OAuthError("invalid_client", "the Authorization header is not Basic", status=401) from error
    return {**form, "client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}
