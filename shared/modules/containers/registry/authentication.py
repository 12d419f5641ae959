"""Signing in to a registry: Basic, or tokens from where the registry says (Docker's token authentication).

A registry that answers 401 names a realm, which gives a token for a scope such as
``repository:acme/app:pull,push`` to whoever has a password, or to anybody
(distribution.github.io/distribution/spec/auth/token). An Azure Container Registry has a second way in: a
token of Entra ID is exchanged for a refresh token of the registry, and that for tokens like the others
(github.com/Azure/acr, docs/AAD-OAuth.md).
"""

import base64
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson

from shared.domain.urls import url_problem
from shared.modules.bodies import BodyEncodingError, BodyTooLargeError, read_body
from shared.modules.containers.registry.answers import done_with, failure
from shared.ports.actions import ActionError
from shared.ports.registries import Login
from shared.security.origins import is_loopback

if TYPE_CHECKING:
    import httpx

MAX_ANSWER: Final = 64 * 1024
SHORTEST: Final = 60.0
"""Seconds for which a token is good at least, says its specification."""
EARLY: Final = 15.0
"""How many seconds before its end a token is replaced."""
ACR_LIFETIME: Final = 900.0
"""How long a token of an Azure Container Registry is used, in seconds: it does not say how long it is good,
which is an hour or more."""

ACR_USER: Final = "00000000-0000-0000-0000-000000000000"
"""The name that a refresh token of an Azure Container Registry goes with, as a password."""

_PARAMETER: Final = re.compile(r'(\w+)=(?:"([^"\\]*)"|([^\s,"]+))')

type Send = Callable[..., Awaitable["httpx.Response"]]
"""Sends a request as it is: method, URL, and ``headers``, ``params`` and ``data``; the answer is unread."""


@dataclass(frozen=True, slots=True)
class AzureIdentity:
    """An identity of Entra ID that an Azure Container Registry knows; ``token`` gives its access token."""

    token: Callable[[], Awaitable[str]] = field(repr=False)


type RegistryCredentials = Login | AzureIdentity | None
"""How to sign in; None: as anybody."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for (RFC 9110, 11.6.1)."""

    scheme: str
    parameters: Mapping[str, str]

    @classmethod
    def of(cls, header: str) -> "Challenge":
        scheme, _, rest = header.strip().partition(" ")
        found = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest[:4096])}
        return cls(scheme.lower(), found)


class Authentication:
    """Signs the requests to one registry; tokens are kept while they are good."""

    def __init__(
        self,
        origin: str,
        credentials: RegistryCredentials,
        send: Send,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``origin`` is the registry's (``https://ghcr.io``); ``send`` sends without signing."""
        self._origin = origin
        self._credentials = credentials
        self._send = send
        self._now = now
        self._scheme = ""
        self._tokens: dict[str, tuple[str, float]] = {}

    def header(self, scope: str) -> str | None:
        """What to send along for ``scope``, as far as that is known without asking."""
        if self._scheme == "basic":
            return self._basic()
        token, until = self._tokens.get(scope, ("", 0.0))
        return f"Bearer {token}" if token and self._now() < until else None

    async def answer(self, challenge: Challenge, scope: str, doing: str) -> bool:
        """Get what ``challenge`` asks for; False: there is nothing to answer it with.

        Raises:
            ActionError: who gives tokens refuses, or does not answer.
        """
        if challenge.scheme == "basic":
            known, self._scheme = self._scheme, "basic"
            return known != "basic" and self._basic() is not None
        if challenge.scheme != "bearer":
            return False
        if isinstance(self._credentials, AzureIdentity):
            self._tokens[scope] = await self._azure_token(self._credentials, challenge, scope, doing)
        else:
            self._tokens[scope] = await self._token(self._credentials, challenge, scope, doing)
        return True

    async def lent(self, doing: str) -> Login | None:
        """What others sign in with as the identity of Entra ID, for some hours; None: there is none.

        Source: docs/AAD-OAuth.md, "Calling POST /oauth2/exchange": a refresh token is a password.

        Raises:
            ActionError: the identity may not be used, or the registry does not know it.
        """
        if not isinstance(self._credentials, AzureIdentity):
            return None
        service = urlsplit(self._origin).netloc
        return Login(ACR_USER, await self._refresh_token(self._credentials, service, doing))

    def _basic(self) -> str | None:
        if not isinstance(self._credentials, Login):
            return None
        pair = f"{self._credentials.username}:{self._credentials.password}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    async def _token(
        self, login: Login | None, challenge: Challenge, scope: str, doing: str
    ) -> tuple[str, float]:
        realm = challenge.parameters.get("realm", "")
        self._check_realm(realm, doing)
        basic = self._basic() if login else None
        answer = await self._asked(
            "GET",
            realm,
            doing,
            params=_without_empty(service=challenge.parameters.get("service", ""), scope=scope.split()),
            headers={"authorization": basic} if basic else {},
        )
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str):
            raise ActionError("REGISTRY_TOKEN", f"{doing}: {realm} gave no token", retryable=False)
        life = answer.get("expires_in")
        life = float(life) if isinstance(life, int | float) else SHORTEST
        return token, self._now() + max(life, SHORTEST) - EARLY

    async def _azure_token(
        self, identity: AzureIdentity, challenge: Challenge, scope: str, doing: str
    ) -> tuple[str, float]:
        """Never asked of the realm that the challenge names: the identity is shown to its registry alone."""
        service = challenge.parameters.get("service") or urlsplit(self._origin).netloc
        refresh_token = await self._refresh_token(identity, service, doing)
        answer = await self._asked(
            "POST",
            f"{self._origin}/oauth2/token",
            doing,
            data=_without_empty(
                grant_type="refresh_token",
                service=service,
                scope=scope.split(),
                refresh_token=refresh_token,
            ),
        )
        token = answer.get("access_token")
        if not isinstance(token, str):
            raise ActionError("REGISTRY_TOKEN", f"{doing}: the registry gave no token", retryable=False)
        return token, self._now() + ACR_LIFETIME

    async def _refresh_token(self, identity: AzureIdentity, service: str, doing: str) -> str:
        exchanged = await self._asked(
            "POST",
            f"{self._origin}/oauth2/exchange",
            doing,
            data={"grant_type": "access_token", "service": service, "access_token": await identity.token()},
        )
        return str(exchanged.get("refresh_token", ""))

    def _check_realm(self, realm: str, doing: str) -> None:
        """A password goes over TLS, or to a registry of this machine's own."""
        if problem := url_problem(realm, instead="they are not sent"):
            message = f"{doing}: the registry wants a token from {realm[:200]!r}: {problem}"
            raise ActionError("REGISTRY_TOKEN", message, retryable=False)
        parts = urlsplit(realm)
        own = is_loopback(urlsplit(self._origin).hostname) and is_loopback(parts.hostname)
        if parts.scheme != "https" and not (parts.scheme == "http" and own):
            message = f"{doing}: the registry wants a token from {realm[:200]!r}, which is not https"
            raise ActionError("REGISTRY_TOKEN", message, retryable=False)

    async def _asked(self, method: str, url: str, doing: str, **parts: Any) -> Mapping[str, Any]:
        response = await self._send(method, url, doing=doing, **parts)
        try:
            if response.status_code != 200:
                raise await failure(response, f"{doing}: signing in at {urlsplit(url).netloc}")
            answer = orjson.loads(await read_body(response, limit=MAX_ANSWER))
        except (orjson.JSONDecodeError, BodyTooLargeError, BodyEncodingError):
            answer = None
        finally:
            await done_with(response)
        if not isinstance(answer, dict):
            message = f"{doing}: signing in at {urlsplit(url).netloc} was not answered with a token"
            raise ActionError("REGISTRY_TOKEN", message, retryable=False)
        return answer


def _without_empty(**values: str | list[str]) -> dict[str, str | list[str]]:
    return {name: value for name, value in values.items() if value}
