"""HTTP to where the egress rule allows, and nowhere else.

The rule is applied where the connection is made: a name is resolved once, every address that it has is
checked, and the connection goes to one of exactly these, so that a name which changes its mind in between
(DNS rebinding) gains nothing. Redirects make connections too, and are checked by the same way
(:mod:`shared.modules.redirects`); what is answered is read within bounds (:mod:`shared.modules.bodies`).
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ssl import SSLContext
from typing import Any, Final

import httpcore
import httpx

from shared.modules.bodies import ACCEPTED
from shared.security.egress import EgressPolicy

CONNECT_SECONDS: Final = 10.0
MAX_CONNECTIONS: Final = 200
KEPT_SECONDS: Final = 4.0
"""How long a connection is kept that nothing goes over: many servers end theirs after five seconds."""
REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""What may be sent again when a connection ends without an answer (RFC 9110, 9.2.2)."""
MAX_ADDRESSES: Final = 4
"""How many addresses of a name are tried, one after the other: a name may have thousands."""

type Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host, for a port."""

_ERRORS: Final[dict[type[Exception], type[httpx.TransportError]]] = {
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
}


class EgressRefusedError(Exception):
    """The egress rule forbids this connection; the message says which host and why."""


def guarded_client(
    policy: EgressPolicy,
    *,
    backend: httpcore.AsyncNetworkBackend | None = None,
    certificates: SSLContext | None = None,
) -> httpx.AsyncClient:
    """A client under ``policy``: no proxies, no cookies kept, no time limit but on connecting.

    It belongs to no tenant, so nothing of one call may be seen by the next. How long a call may take is for
    those who call to say. ``backend`` opens its connections, by default a :class:`GuardedBackend`;
    ``certificates`` says whom TLS trusts, by default the public authorities.
    """
    # Its debug log has the headers of answers, and with them cookies and whatever a service repeats.
    logging.getLogger("httpcore").setLevel(logging.INFO)
    forgetful = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(
        transport=GuardedTransport(backend or GuardedBackend(policy), certificates),
        headers={"accept-encoding": ACCEPTED},
        timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
        follow_redirects=False,
        cookies=forgetful,
        trust_env=False,
    )


@cache
def _certificates() -> SSLContext:
    """Whom TLS trusts; made once, for it takes a tenth of a second."""
    return httpx.create_ssl_context(trust_env=False)


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx over a connection pool whose connections are opened by ``backend``, and by nothing else."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend, certificates: SSLContext | None = None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=certificates or _certificates(),
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        way = _Way()
        try:
            return await self._answered(request, way)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            # A server may end a kept connection just when it is used again. What was read only once is gone.
            again = request.method in REPEATABLE and isinstance(request.stream, httpx.ByteStream)
            if way.is_new or not again:
                raise
        return await self._answered(request, way)

    async def _answered(self, request: httpx.Request, way: "_Way") -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        url = request.url
        if url.scheme not in {"http", "https"}:  # a redirect may say anything
            raise httpx.UnsupportedProtocol(f"'{url.scheme}://' is not supported", request=request)
        try:
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions={**request.extensions, "trace": way.trace},
                )
            )
        except tuple(_ERRORS) as error:
            raise _ERRORS[type(error)](str(error), request=request) from error
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response, request),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Way:
    """How a request goes: by a connection that is new, or by one that was kept."""

    def __init__(self) -> None:
        self.is_new = False

    async def trace(self, event: str, _about: Mapping[str, Any]) -> None:
        """What httpcore tells of a request ("Extensions", trace)."""
        if event == "connection.connect_tcp.started":
            self.is_new = True


class _Body(httpx.AsyncByteStream):
    """A response's body; closing it gives the connection back."""

    def __init__(self, response: httpcore.Response, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_stream():
                yield chunk
        except tuple(_ERRORS) as error:
            raise _ERRORS[type(error)](str(error), request=self._request) from error

    async def aclose(self) -> None:
        await self._response.aclose()


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that the policy has allowed, and to no others."""

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        resolve: Resolve | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._policy = policy
        self._resolve = resolve or system_resolver
        self._network = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await allowed_addresses(self._policy, host, port, self._resolve)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time") from error
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses[:MAX_ADDRESSES]:
            try:
                return _Connection(
                    await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class _Connection(httpcore.AsyncNetworkStream):
    """One that ends if whoever calls gives up while TLS begins: httpcore ends it after errors only."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  as above
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  as above
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  as above
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except asyncio.CancelledError:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


async def system_resolver(host: str, port: int) -> list[str]:
    """The addresses that the system knows for ``host``, the preferred first.

    Raises:
        httpcore.ConnectError: there is no such name, or it cannot be looked up.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} cannot be resolved") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def allowed_addresses(
    policy: EgressPolicy, host: str, port: int, resolve: Resolve = system_resolver
) -> list[str]:
    """The addresses of ``host``, all of which are allowed; one that spells itself is not looked up.

    Raises:
        EgressRefusedError: one of them is not.
        httpcore.ConnectError: it has none.
    """
    if refusal := policy.refusal_of_host(host, port):
        raise EgressRefusedError(refusal)
    addresses = await resolve(host, port)
    for address in addresses:
        if refusal := policy.refusal(host, port, ipaddress.ip_address(address)):
            raise EgressRefusedError(refusal)
    return addresses
