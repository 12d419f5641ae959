"""Requests to one registry: signed, bounded, and failing in words that a person can act on."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

from shared.modules.containers.registry.answers import done_with, failure
from shared.modules.containers.registry.authentication import Authentication, Challenge, RegistryCredentials
from shared.modules.containers.registry.patience import Pace, Patience
from shared.modules.tracing import answered, outgoing
from shared.ports.actions import ActionError
from shared.ports.registries import Login
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy

if TYPE_CHECKING:
    import httpx

IDLE_SECONDS: Final = 60.0
"""How long a registry may neither send nor take a byte."""
CONNECT_SECONDS: Final = 10.0

PACE: Final = Pace()

type Content = bytes | Callable[[], AsyncIterator[bytes]] | None
"""A body; what is made anew by a call can be sent again."""


class Connections:
    """The HTTP client of all registries under one egress rule, made when the first is called."""

    def __init__(self, egress: EgressPolicy, telemetry: Telemetry = NO_TELEMETRY) -> None:
        self.egress = egress
        self.telemetry = telemetry
        self._client: httpx.AsyncClient | None = None
        self._making = threading.Lock()

    async def client(self) -> "httpx.AsyncClient":
        if self._client is None:
            # On the event loop every execution and stream would stand still meanwhile.
            await asyncio.to_thread(self.warm_up)
        assert self._client is not None
        return self._client

    def warm_up(self) -> None:
        # httpx and the certificates take 0.15 s to load, which the start of a process does not wait for.
        from shared.modules.egress import guarded_client

        with self._making:
            if self._client is None:
                self._client = guarded_client(self.egress)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


class Sender:
    """Sends requests to the registry at ``origin`` (``https://ghcr.io``), which messages call ``name``."""

    def __init__(
        self,
        connections: Connections,
        origin: str,
        name: str,
        credentials: RegistryCredentials = None,
        pace: Pace = PACE,
    ) -> None:
        self.origin = origin
        self.pace = pace
        self.name = name
        self._connections = connections
        self._authentication = Authentication(origin, credentials, self._unsigned)

    async def send(
        self,
        method: str,
        where: str,
        *,
        scope: str,
        doing: str,
        content: Content = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> "httpx.Response":
        """What is answered, whatever it is; its body is still to be read, and closed.

        ``where`` is a path, or a URL that the registry has named: what is of another origin is not signed.
        Redirects are followed where nothing is sent along.

        Raises:
            ActionError: there is no answer, or nobody lets us in.
        """
        doing = f"{doing} {self.name}"
        url = urljoin(self.origin, where)
        own = _origin(url) == _origin(self.origin)
        for attempt in (1, 2):
            signed = dict(headers or {})
            if own and (authorization := self._authentication.header(scope)) is not None:
                signed["authorization"] = authorization
            response = await self._unsigned(
                method, url, doing=doing, content=content, headers=signed, params=params
            )
            if response.status_code != 401 or not own or attempt == 2:
                break
            if not await self._signed_in(response, scope, doing):
                break
        return response

    async def lent(self, doing: str) -> Login | None:
        """What others sign in with: see :meth:`Authentication.lent`.

        Raises:
            ActionError: it cannot be had.
        """
        return await self._authentication.lent(f"{doing} {self.name}")

    async def expect(
        self,
        statuses: frozenset[int],
        method: str,
        where: str,
        *,
        doing: str,
        patience: Patience | None = None,
        **parts: Any,
    ) -> "httpx.Response":
        """As :meth:`send`, and any other status than these is a failure; what may pass is tried again.

        Only for what may be done twice. ``patience`` is that of whoever tries more than this again.

        Raises:
            ActionError: as above, or the registry answered something else.
        """
        patience = patience or Patience(self.pace)
        while True:
            try:
                return await self._expected(statuses, method, where, doing=doing, **parts)
            except ActionError as error:
                await patience.wait(error)

    async def _expected(
        self, statuses: frozenset[int], method: str, where: str, *, doing: str, **parts: Any
    ) -> "httpx.Response":
        response = await self.send(method, where, doing=doing, **parts)
        if response.status_code in statuses:
            return response
        try:
            raise await failure(response, f"{doing} {self.name}")
        finally:
            await done_with(response)

    async def _signed_in(self, refused: "httpx.Response", scope: str, doing: str) -> bool:
        """Whether there is now something to be let in with that there was not before."""
        challenge = Challenge.of(refused.headers.get("www-authenticate", ""))
        try:
            signed_in = await self._authentication.answer(challenge, scope, doing)
        except BaseException:
            await done_with(refused)
            raise
        if signed_in:
            await done_with(refused)
        return signed_in

    async def _unsigned(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        content: Content = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> "httpx.Response":
        egress = self._connections.egress
        if (why := egress.refusal_of_url(url)) is not None:
            raise ActionError("EGRESS_REFUSED", f"{doing}: {why}", retryable=False)
        client = await self._connections.client()
        from httpx import Timeout  # loaded with the client

        from shared.modules.redirects import follow

        body = content if isinstance(content, bytes) or content is None else content()
        with (
            told_as_action_error(doing),
            outgoing(self._connections.telemetry, method, url, sent := dict(headers or {})) as call,
        ):
            request = client.build_request(
                method,
                _with(url, params),
                content=body,
                headers={"user-agent": "quantum-platform", "accept-encoding": "identity", **sent},
                data=data,
                timeout=Timeout(IDLE_SECONDS, connect=CONNECT_SECONDS),
            )
            if method in {"GET", "HEAD"}:
                response = await follow(client, request)
            else:
                response = await client.send(request, stream=True, follow_redirects=False)
            answered(call, response.status_code)
            return response


@contextmanager
def told_as_action_error(doing: str) -> Iterator[None]:
    """What goes wrong between here and there in this block, as failures of a step.

    Raises:
        ActionError: it did.
    """
    import httpx  # loaded with the client

    from shared.modules.egress import EgressRefusedError

    try:
        yield
    except EgressRefusedError as error:
        raise ActionError("EGRESS_REFUSED", f"{doing}: {error}", retryable=False) from error
    except (httpx.TooManyRedirects, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ActionError("REGISTRY_REFUSED", f"{doing}: {error}", retryable=False) from error
    except httpx.HTTPError as error:
        raise ActionError(
            "REGISTRY_UNREACHABLE", f"{doing}: {str(error) or type(error).__name__}", retryable=True
        ) from error


def _with(url: str, params: Mapping[str, Any] | None) -> str:
    """``url`` with ``params`` behind those that it has."""
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}{urlencode(params, doseq=True, safe=':/')}" if params else url


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
