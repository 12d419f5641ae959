"""How requests are sent: signed, for a tenant, again where that helps, and refused with a named error."""

import asyncio
import logging
import ssl
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import SystemRandom
from typing import Any

import httpx
from pydantic import ValidationError

from quantum.client.errors import ApiError, UnauthenticatedError, UnreachableError, refused
from quantum.client.retries import LASTING, PASSING, Retries
from quantum.client.tokens import TokenProvider
from quantum.contract.problems import Problem

KEY = "Idempotency-Key"
_log = logging.getLogger(__name__)
READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Transport:
    """One platform over HTTP, as one user."""

    def __init__(
        self, http: httpx.AsyncClient, *, token: TokenProvider | None, tenant: str | None, retries: Retries
    ) -> None:
        self.tenant = tenant
        self.retries = retries
        self.dice = SystemRandom()
        self._http = http
        self._token = token

    async def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The successful answer. What changes something carries one key, however often it is sent.

        Raises:
            ApiError: the platform refused.
            UnreachableError: no answer came.
            SignInError: there is no token to send.
        """
        sent = httpx.Headers(headers)
        if method not in READS:
            sent.setdefault(KEY, str(uuid.uuid4()))
        request = self._request(method, path, json=json, content=content, params=params, headers=sent)
        async with self._answered(request, whole=True) as response:
            return response

    @asynccontextmanager
    async def open(
        self,
        path: str,
        *,
        accept: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        silence: float | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """A successful answer whose body is still to be read.

        Args:
            path: what to get.
            accept: the media type of the body.
            params: of the query.
            headers: beside those that every request has.
            silence: seconds without a byte after which the connection counts as broken.

        Raises:
            As :meth:`send`; and httpx.TransportError: the connection broke while the body was read.
        """
        sent = {**(headers or {}), "Accept": accept}
        request = self._request("GET", path, params=params, headers=sent)
        if silence is not None:
            request.extensions = {"timeout": request.extensions["timeout"] | {"read": silence}}
        async with self._answered(request, whole=False) as response:
            yield response

    async def close(self) -> None:
        await self._http.aclose()

    def _request(self, method: str, path: str, **parts: Any) -> httpx.Request:
        if not path.startswith("/") or path.startswith("//"):
            raise ValueError(f"{path!r} is no path of this platform: it begins with /api/v1/")
        if parts.get("json") is None:
            parts.pop("json", None)
        return self._http.build_request(method, path, **parts)

    @asynccontextmanager
    async def _answered(self, request: httpx.Request, *, whole: bool) -> AsyncIterator[httpx.Response]:
        """The first success, after as many attempts as it takes and may take."""
        signed_again = False
        attempt = 1
        while True:
            token = await self._sign(request)
            try:
                response = await self._attempt(request, whole=whole)
            except httpx.TransportError as error:
                failure = UnreachableError(_unreachable(request, error))
                if isinstance(error, httpx.UnsupportedProtocol) or _untrusted(error):
                    raise failure from error
                await self._rest(attempt, failure, error)
                attempt += 1
                continue
            if response.is_success:
                try:
                    yield response
                finally:
                    await response.aclose()
                return
            refusal = _refusal(response)
            if isinstance(refusal, UnauthenticatedError) and not signed_again and token is not None:
                signed_again = True
                if await self._sign(request, refused=token) != token:
                    continue
            if not _passes(refusal):
                raise refusal
            await self._rest(attempt, refusal, None, asked=refusal.retry_after)
            attempt += 1

    async def _attempt(self, request: httpx.Request, *, whole: bool) -> httpx.Response:
        """One answer, with its body if that is wanted ``whole`` or is a refusal's."""
        response = await self._http.send(request, stream=True)
        if whole or not response.is_success:
            try:
                await response.aread()
            finally:
                await response.aclose()
        return response

    async def _sign(self, request: httpx.Request, *, refused: str | None = None) -> str | None:
        """Put on the request who asks, and for which tenant; the token that it has now."""
        if self.tenant is not None:
            request.headers["X-Tenant-ID"] = self.tenant
        if self._token is None:
            return None
        token = await self._token.token(refused=refused)
        request.headers["Authorization"] = f"Bearer {token}"
        return token

    async def _rest(
        self, attempt: int, failure: Exception, cause: Exception | None, *, asked: float | None = None
    ) -> None:
        """Wait before the next attempt.

        Raises:
            Exception: there is none; it is ``failure``.
        """
        pause = self.retries.pause(attempt, self.dice, asked=asked)
        if pause is None:
            raise failure from cause
        _log.info("attempt %d: %s; again in %.1f s", attempt, failure, pause)
        await asyncio.sleep(pause)


def _passes(refusal: ApiError) -> bool:
    """Whether the same request may be served in a while.

    409 with ``Retry-After`` is an earlier attempt of this very request that is still being done.
    """
    if refusal.code in LASTING:
        return False
    return refusal.status in PASSING or (refusal.status == 409 and refusal.retry_after is not None)


def _refusal(response: httpx.Response) -> ApiError:
    try:
        asked: float | None = max(float(response.headers.get("Retry-After", "")), 0)
    except ValueError:
        asked = None
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:  # something between the platform and us
        problem = Problem(
            type="about:blank",
            title=response.reason_phrase,
            status=response.status_code,
            detail=f"{response.request.method} {response.request.url} was answered {response.status_code} "
            f"{response.reason_phrase}, and not by the platform",
            instance=response.request.url.path,
            code=f"HTTP_{response.status_code}",
            request_id=response.headers.get("X-Request-ID", ""),
            timestamp="",
        )
    return refused(problem, retry_after=asked, body=response.content)


def _untrusted(error: BaseException | None) -> bool:
    """Whether the other side does not show who it is, which no waiting mends."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None


def _unreachable(request: httpx.Request, error: httpx.TransportError) -> str:
    origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
    return f"{origin} does not answer: {str(error) or type(error).__name__}"
