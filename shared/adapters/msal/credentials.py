"""The platform's own tokens, got with Microsoft's sign-in library.

MSAL is loaded when the first token is asked for, and its calls, which block, run on threads. Tokens are kept
here rather than in MSAL's caches: one bounded place for all ways to get one.
"""

import asyncio
import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from shared.ports.clock import Clock
from shared.ports.credentials import CredentialsError

HTTP_SECONDS: Final = 10.0
"""The longest that one answer of an issuer is waited for."""
EARLY: Final = 300.0
"""How long before its end, in seconds, a token is replaced."""
LAST: Final = 60.0
"""A token is given out for so many seconds before its end at most: it has a way to go."""
PAUSE: Final = 30.0
"""How long a good token is used, in seconds, after getting the next one has failed."""
KEPT: Final = 1024
RETRYABLE: Final = frozenset({"temporarily_unavailable", "server_error"})
"""Errors of a token endpoint after which asking again may help (RFC 6749, sections 4.1.2.1 and 5.2)."""
EXCHANGES: Final = {
    "login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
    "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
}
"""What a managed identity's token is for when it stands for a registration; elsewhere the public cloud's
(Microsoft's document "Configure an application to trust a managed identity")."""

_log = logging.getLogger(__name__)


class Http(Protocol):
    """What MSAL sends with, as it calls it."""

    def get(self, url: str, **parts: Any) -> Any: ...

    def post(self, url: str, **parts: Any) -> Any: ...

    def close(self) -> None: ...


class PatientHttp:
    """Requests with a time limit, that go where they are addressed and nowhere else.

    Each has a connection of its own: tokens are asked for once in an hour.
    """

    def get(self, url: str, **parts: Any) -> Any:
        import requests  # with MSAL, a fifth of a second of cold start that most processes never need

        return requests.get(url, timeout=HTTP_SECONDS, allow_redirects=False, **parts)

    def post(self, url: str, **parts: Any) -> Any:
        import requests  # as above

        return requests.post(url, timeout=HTTP_SECONDS, allow_redirects=False, **parts)

    def close(self) -> None:
        """Nothing is kept open."""


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """Azure's managed identity: the user-assigned one of ``client_id``, or the system's."""

    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """A registration at Entra ID or another issuer, with its secret or the managed identity it trusts."""

    client_id: str
    authority: str
    is_entra: bool
    secret: str = field(default="", repr=False)
    federated: str | None = None


@dataclass(slots=True)
class _Entry:
    """The token of one key, and the lock under which it is replaced."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: str = ""
    renew: float = 0
    end: float = 0


class MsalCredentials:
    """The credentials port over MSAL."""

    def __init__(
        self,
        identity: ManagedIdentity | ClientIdentity,
        *,
        clock: Clock,
        http: Callable[[], Http] | None = None,
    ) -> None:
        """``http`` makes what MSAL sends with; the default follows no redirects and waits 10 s."""
        self._identity = identity
        self._clock = clock
        self._http = http or PatientHttp
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._made: Any = None
        self._making = threading.Lock()

    async def token(self, *, scope: str, on_behalf_of: str | None = None) -> str:
        if on_behalf_of is not None and isinstance(self._identity, ManagedIdentity):
            raise CredentialsError("a managed identity acts for no user", retryable=False)
        user = "" if on_behalf_of is None else hashlib.sha256(on_behalf_of.encode()).hexdigest()
        entry = self._entries.setdefault((scope, user), _Entry())
        self._entries.move_to_end((scope, user))
        if len(self._entries) > KEPT:
            self._entries.popitem(last=False)
        if self._now() < entry.renew:
            return entry.token
        async with entry.lock:  # one request serves all who wait for it
            if self._now() >= entry.renew:
                await self._renew(entry, scope, on_behalf_of)
            return entry.token

    async def _renew(self, entry: _Entry, scope: str, on_behalf_of: str | None) -> None:
        now = self._now()
        try:
            answer = await asyncio.to_thread(self._ask, scope, on_behalf_of)
        except CredentialsError:
            if now >= entry.end - LAST:
                raise
            entry.renew = min(now + PAUSE, entry.end - LAST)
            return
        life = float(answer.get("expires_in", 0))
        fresh = max(life - EARLY, life / 2)
        if "refresh_on" in answer:  # the issuer's wish, which MSAL has put as a time of the system's clock
            fresh = min(float(answer["refresh_on"]) - time.time(), life)
        entry.token, entry.end, entry.renew = answer["access_token"], now + life, now + fresh

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _ask(self, scope: str, on_behalf_of: str | None) -> Mapping[str, Any]:
        """MSAL's answer, which has a token."""
        import requests  # as above
        from msal.exceptions import MsalError  # type: ignore[import-untyped]

        try:
            answer: Mapping[str, Any] = self._answer(scope, on_behalf_of)
        except (requests.RequestException, MsalError, ValueError) as error:
            # ValueError is also how MSAL says that an issuer's metadata cannot be had.
            _log.warning("no token for %s: %s", scope, error)
            message = f"no token for {scope} can be had now: its issuer does not answer as it should"
            raise CredentialsError(message, retryable=True) from error
        if isinstance(answer.get("access_token"), str):
            return answer
        reason = str(answer.get("error", "no reason given"))
        _log.warning("no token for %s: %s: %s", scope, reason, answer.get("error_description"))
        # What a managed identity's endpoint says does not tell a passing fault from a lasting one.
        retryable = isinstance(self._identity, ManagedIdentity) or reason in RETRYABLE
        raise CredentialsError(f"the issuer gives no token for {scope}: {reason}", retryable=retryable)

    def _answer(self, scope: str, on_behalf_of: str | None) -> Any:
        with self._making:
            if self._made is None:
                self._made = self._client()
        if isinstance(self._identity, ManagedIdentity):
            return self._made.acquire_token_for_client(resource=scope.removesuffix("/.default"))
        if on_behalf_of is None:
            return self._made.acquire_token_for_client([scope])
        return self._made.acquire_token_on_behalf_of(on_behalf_of, [scope])

    def _client(self) -> Any:
        import msal  # type: ignore[import-untyped]  # as above

        if isinstance(self._identity, ManagedIdentity):
            return _managed(self._identity.client_id, self._http())
        identity = self._identity
        authority = {"authority" if identity.is_entra else "oidc_authority": identity.authority}
        credential: Any = identity.secret
        if identity.federated is not None:
            trusted = _managed(identity.federated, self._http())
            host = urlsplit(identity.authority).hostname or ""
            audience = EXCHANGES.get(host, "api://AzureADTokenExchange")
            credential = {"client_assertion": lambda: _assertion(trusted, audience)}
        return msal.ConfidentialClientApplication(
            identity.client_id,
            client_credential=credential,
            http_client=self._http(),
            token_cache=_forgetful(),
            exclude_scopes=["offline_access"],
            instance_discovery=False,
            **authority,
        )


def _managed(client_id: str | None, http: Http) -> Any:
    import msal  # as above

    if client_id is None:
        identity = msal.SystemAssignedManagedIdentity()
    else:
        identity = msal.UserAssignedManagedIdentity(client_id=client_id)
    return msal.ManagedIdentityClient(identity, http_client=http, token_cache=_forgetful())


def _assertion(managed: Any, audience: str) -> str:
    answer = managed.acquire_token_for_client(resource=audience)
    if "access_token" not in answer:
        raise ValueError(f"the managed identity gives no token to sign in with: {answer.get('error')}")
    return str(answer["access_token"])


def _forgetful() -> Any:
    """A token cache that keeps nothing: MSAL's own grows with every user, and logs what it is given."""
    from msal import TokenCache  # as above

    class Forgetful(TokenCache):  # type: ignore[misc]  # MSAL has no types
        def add(self, event: Any, now: Any = None) -> None:
            """Keep nothing."""

    return Forgetful()
