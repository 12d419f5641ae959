"""Signing in with Microsoft's library (MSAL): at Entra ID, or at a local host's own issuer, in the same way.

::

    SignedIn(issuer)            who has signed in before on this machine, from the token cache
    ├── DeviceCode(issuer, …)   else: a code to type on any device's browser
    └── Browser(issuer)         else: the browser of this machine
    ClientCredentials(…)        a service, with a secret of its own

They need the extra ``sign-in`` (``pip install quantum-platform[sign-in]``). MSAL keeps the tokens in a file
that only its user can read, renews them, and shares them among all programs that name the same file.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from quantum.client.addresses import is_loopback
from quantum.client.errors import SignInError, UnreachableError

CLIENT: Final = "quantum-cli"
SCOPE: Final = "api://quantum/.default"
DISCOVERY: Final = "/.well-known/openid-configuration"
HTTP_SECONDS: Final = 30.0
EARLY: Final = 60.0
"""Seconds before its end that a token is asked for anew."""
PATIENCE: Final = 300
"""Seconds that a person has in the browser."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs people in to a platform.

    Attributes:
        authority: ``https://login.microsoftonline.com/<tenant>``, or the address of another OpenID Connect
            issuer; of a local host, its own and ``/identity``.
        client_id: the registration of the program that asks.
        scope: of the platform.
    """

    authority: str
    client_id: str = CLIENT
    scope: str = SCOPE

    @classmethod
    def local(cls, url: str) -> "Issuer":
        """The issuer of the local host at ``url``."""
        return cls(f"{url.rstrip('/')}/identity")


def default_cache(issuer: Issuer | None = None) -> Path:
    """Where tokens are kept if nothing else is said: in the user's own folder, as the system has it.

    MSAL tells issuers apart by their hosts, so each local host here has a file of its own, by its port.
    """
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    parts = urlsplit(issuer.authority if issuer else "")
    port = f"-{parts.port}" if is_loopback(parts.hostname or "") else ""
    return base / "quantum" / f"tokens{port}.json"


class _Tokens:
    """A provider over one MSAL application. MSAL blocks, so it is called on a thread, one call at a time."""

    def __init__(self, issuer: Issuer, cache: Path | None) -> None:
        self._issuer = issuer
        self._cache = cache or default_cache(issuer)
        self._lock = threading.Lock()
        self._made: Any = None
        self._token, self._end = "", 0.0

    async def token(self, *, refused: str | None = None) -> str:
        if self._token and refused != self._token and time.monotonic() < self._end - EARLY:
            return self._token
        return await asyncio.to_thread(self._renew, refused)

    def _renew(self, refused: str | None) -> str:
        with self._lock:
            if self._token and refused != self._token and time.monotonic() < self._end - EARLY:
                return self._token  # another has just renewed it
            return self._take(lambda: self._ask(anew=refused is not None))

    def _take(self, ask: Callable[[], Mapping[str, Any]]) -> str:
        """Keep the token of MSAL's answer."""
        with self._errors():
            answer = ask()
        if not isinstance(answer.get("access_token"), str):
            why = answer.get("error_description") or answer.get("error") or "no reason given"
            raise SignInError(f"{self._issuer.authority} gives no token: {why}")
        self._end = time.monotonic() + float(answer.get("expires_in", 0))
        self._token = answer["access_token"]
        return self._token

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What goes wrong within, as errors of this client."""
        try:
            import requests  # with MSAL, a fifth of a second that programs with a token in hand can spare
            from msal.exceptions import MsalError  # type: ignore[import-untyped]
        except ImportError as error:
            raise SignInError("signing in needs MSAL: pip install 'quantum-platform[sign-in]'") from error
        try:
            yield
        except (requests.ConnectionError, requests.Timeout) as error:
            raise UnreachableError(
                f"{self._issuer.authority} does not answer, which signs in here"
            ) from error
        except (requests.RequestException, MsalError, ValueError) as error:
            # ValueError is also how MSAL says that an issuer's metadata cannot be had.
            raise SignInError(f"{self._issuer.authority} signs nobody in: {error}") from error

    def _ask(self, *, anew: bool) -> Mapping[str, Any]:
        """MSAL's answer; ``anew``: what it has in its cache was refused."""
        raise NotImplementedError

    def _kept(self) -> Any:
        """MSAL's cache, in its file."""
        from msal_extensions import FilePersistence, PersistedTokenCache  # type: ignore[import-untyped]

        self._cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return PersistedTokenCache(FilePersistence(str(self._cache)))

    def _application(self, kind: str, **parts: Any) -> Any:
        if self._made is None:
            import msal  # type: ignore[import-untyped]  # as above

            authority = self._issuer.authority.rstrip("/")
            named = "authority" if _is_entra(authority) else "oidc_authority"
            if named == "authority":  # MSAL puts that behind it by itself, and people copy it
                authority = authority.removesuffix("/v2.0")
            http = _Http(authority)
            self._made = getattr(msal, kind)(
                self._issuer.client_id,
                token_cache=self._kept(),
                http_client=http,
                **{named: http.shown(authority)},
                **parts,
            )
        return self._made


class SignedIn(_Tokens):
    """Who has signed in before: the account in the cache, whose tokens are renewed as long as they can be."""

    def __init__(self, issuer: Issuer, *, cache: Path | None = None, user: str | None = None) -> None:
        """``user`` is the account's name, if several have signed in; None: the last."""
        super().__init__(issuer, cache)
        self._user = user

    def sign_in(self) -> str:
        """Ask the person, whoever has signed in before; the token. It blocks, and Ctrl-C ends it.

        Raises:
            SignInError: that came to nothing.
        """
        return self._take(lambda: self._sign_in(self._app()))

    def accounts(self) -> list[str]:
        """Who has signed in at this issuer."""
        with self._errors():
            return [str(account["username"]) for account in self._app().get_accounts()]

    def sign_out(self) -> int:
        """Forget who has signed in at this issuer, with all tokens; how many that were.

        An issuer that does not answer need not be asked: what is kept of its host is forgotten.
        """
        self._token = ""
        try:
            with self._errors():
                app = self._app()
                accounts = app.get_accounts()
                for account in accounts:
                    app.remove_account(account)
                return len(accounts)
        except UnreachableError:
            return self._forget()

    def _forget(self) -> int:
        cache = self._kept()
        of_host = {"environment": urlsplit(self._issuer.authority).hostname}
        kinds = cache.CredentialType
        accounts = list(cache.search(kinds.ACCOUNT, query=of_host))
        for kind, remove in (
            (kinds.ACCESS_TOKEN, cache.remove_at),
            (kinds.REFRESH_TOKEN, cache.remove_rt),
            (kinds.ID_TOKEN, cache.remove_idt),
            (kinds.ACCOUNT, cache.remove_account),
        ):
            for kept in list(cache.search(kind, query=of_host)):
                remove(kept)
        return len(accounts)

    def _app(self) -> Any:
        return self._application("PublicClientApplication")

    def _ask(self, *, anew: bool) -> Mapping[str, Any]:
        app = self._app()
        for account in reversed(app.get_accounts(username=self._user)):
            answer: Mapping[str, Any] | None = app.acquire_token_silent(
                [self._issuer.scope], account, force_refresh=anew
            )
            if answer and "access_token" in answer:
                return answer
        return self._sign_in(app)

    def _sign_in(self, app: Any) -> Mapping[str, Any]:  # noqa: ARG002  # those below use it
        raise SignInError(f"nobody is signed in at {self._issuer.authority}, or not any more: sign in again")


class DeviceCode(SignedIn):
    """A code that is typed into the browser of any device."""

    def __init__(
        self,
        issuer: Issuer,
        *,
        show: Callable[[str, str], None],
        cache: Path | None = None,
        user: str | None = None,
    ) -> None:
        """``show`` tells the person an address to open and the code to type there."""
        super().__init__(issuer, cache=cache, user=user)
        self._show = show

    def _sign_in(self, app: Any) -> Mapping[str, Any]:
        flow = app.initiate_device_flow(scopes=[self._issuer.scope])
        if "user_code" not in flow:
            return dict(flow)
        self._show(flow["verification_uri"], flow["user_code"])
        return dict(app.acquire_token_by_device_flow(flow))


class Browser(SignedIn):
    """The browser of this machine, which comes back to a port on it."""

    def __init__(
        self,
        issuer: Issuer,
        *,
        show: Callable[[str], None] | None = None,
        cache: Path | None = None,
        user: str | None = None,
    ) -> None:
        """``show`` tells the person the address to open if no browser could be started."""
        super().__init__(issuer, cache=cache, user=user)
        self._show = show

    def _sign_in(self, app: Any) -> Mapping[str, Any]:
        scopes = [self._issuer.scope]
        return dict(app.acquire_token_interactive(scopes, timeout=PATIENCE, auth_uri_callback=self._show))


class ClientCredentials(_Tokens):
    """A service that acts for itself."""

    def __init__(self, issuer: Issuer, secret: str, *, cache: Path | None = None) -> None:
        """``issuer.client_id`` is the service's registration."""
        super().__init__(issuer, cache)
        self._secret = secret

    def _ask(self, *, anew: bool) -> Mapping[str, Any]:
        app = self._application("ConfidentialClientApplication", client_credential=self._secret)
        if anew:
            app.remove_tokens_for_client()
        return dict(app.acquire_token_for_client([self._issuer.scope]))


def _is_entra(authority: str) -> bool:
    """Whether it is Entra ID's, of any of Microsoft's clouds, or a tenant of it for customers."""
    from msal.authority import WELL_KNOWN_AUTHORITY_HOSTS  # type: ignore[import-untyped]  # as above

    host = urlsplit(authority).hostname or ""
    return host in WELL_KNOWN_AUTHORITY_HOSTS or host.endswith(".ciamlogin.com")


class _Http:
    """What MSAL sends with: patient, without redirects, each request on a connection of its own.

    MSAL takes no authority but one of https. A local host has none, so on this machine, where nobody is on
    the way, MSAL is shown its addresses as if it had, and they are asked for as they are.
    """

    def __init__(self, authority: str) -> None:
        parts = urlsplit(authority)
        plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
        self._plain = f"http://{parts.netloc}/" if plain else ""
        self._shown = f"https://{parts.netloc}/"

    def shown(self, url: str) -> str:
        return self._shown + url.removeprefix(self._plain) if self._plain else url

    def get(self, url: str, **parts: Any) -> Any:
        answer = self._send("GET", url, **parts)
        return _Text(answer, self) if self._plain and url.endswith(DISCOVERY) else answer

    def post(self, url: str, **parts: Any) -> Any:
        return self._send("POST", url, **parts)

    def close(self) -> None:
        """Nothing is kept open."""

    def secured(self, text: str) -> str:
        """Metadata as MSAL takes it: it looks at the issuer, and at where tokens are had."""
        for name in ("issuer", "token_endpoint"):
            for space in ("", " "):
                text = text.replace(f'"{name}":{space}"{self._plain}', f'"{name}":{space}"{self._shown}')
        return text

    def _send(self, method: str, url: str, **parts: Any) -> Any:
        import requests  # as above

        if self._plain and url.startswith(self._shown):
            url = self._plain + url.removeprefix(self._shown)
        parts = {"timeout": HTTP_SECONDS, "allow_redirects": False} | parts
        if authorities := os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE"):
            parts["verify"] = authorities  # by the second name httpx has them, too: one setting is enough
        return requests.request(method, url, **parts)  # noqa: S113  # it is in there


class _Text:
    """An answer with another text."""

    def __init__(self, answer: Any, http: _Http) -> None:
        self._answer = answer
        self.status_code: int = answer.status_code
        self.headers = answer.headers
        self.text = http.secured(answer.text)

    def raise_for_status(self) -> None:
        self._answer.raise_for_status()
