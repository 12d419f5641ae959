"""Issuers' public keys: where they come from, and when they are fetched again."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from shared.adapters.jwt.issuers import SYMMETRIC, Issuer
from shared.domain.causes import SLOW, UNREACHABLE, UNUSABLE
from shared.domain.errors import UnavailableError

if TYPE_CHECKING:
    import httpx

    from shared.adapters.jwt.signatures import SigningKey

MAX_AGE = 300.0
"""Seconds after which a good key set is fetched again: how long a withdrawn key may still be trusted."""
MIN_INTERVAL = 10.0
"""Seconds between fetches that unknown key ids may cause: anybody can send a random ``kid``."""
FETCH_SECONDS = 10.0
"""The longest that discovery and keys together may take, however slowly they drip in."""
MAX_JWKS_BYTES = 262_144
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PUBLIC, SHARED = frozenset({"RSA", "EC", "OKP"}), frozenset({"oct"})
"""The types of keys (RFC 7518, section 6.1) that issuers publish, or share with the platform."""


class KeySource(Protocol):
    async def fetch(self, issuer: Issuer) -> Mapping[str, Any]:
        """The issuer's JSON Web Key Set (RFC 7517, section 5) as it is now.

        Raises:
            UnavailableError: it cannot be had, or is not a key set.
        """
        ...


class JwksSource:
    """Key sets from where the issuer's settings say: a file of this machine, HTTP, or the settings."""

    def __init__(self, *, client: Callable[[], "httpx.AsyncClient"] | None = None) -> None:
        """``client`` makes the HTTP client of one fetch; the default follows no redirects and waits 5 s."""
        self._client = client or _default_client

    async def fetch(self, issuer: Issuer) -> Mapping[str, Any]:
        if issuer.secrets:
            return {"keys": [_shared(kid, secret) for kid, secret in issuer.secrets]}
        if issuer.jwks_url is not None and issuer.jwks_url.startswith("file:"):
            return _read(issuer.jwks_url)
        return await self._fetch_by_http(issuer)

    async def _fetch_by_http(self, issuer: Issuer) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(FETCH_SECONDS), self._client() as client:
                url = issuer.jwks_url
                if url is None:
                    # OpenID Connect Discovery 1.0, section 4.3: it must name the issuer it was asked for.
                    found = await _get(client, issuer.discovery_url)
                    if found.get("issuer") != issuer.url:
                        raise UnavailableError(f"the discovery document of {issuer.url} names another issuer")
                    url = str(found.get("jwks_uri"))
                return await _get(client, url)
        except TimeoutError as error:
            raise UnavailableError(f"{issuer.url} takes too long to say its keys", cause=SLOW) from error


class KeyRing:
    """The keys of one issuer by their ids. The last good set is kept while fetching fails."""

    def __init__(self, issuer: Issuer, source: KeySource) -> None:
        self.issuer = issuer
        self.generation = 0
        """Goes up whenever the set of keys has changed."""
        self._source = source
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._prepared: dict[tuple[str, str], SigningKey] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._cause = SLOW
        """Why the last fetch came to nothing; it has not ended if there was none."""
        self._lock = asyncio.Lock()

    def fresh(self, now: float) -> bool:
        """Whether the keys are young enough to be used without looking (``now`` in Unix seconds)."""
        return _within(self._fetched, now, MAX_AGE) or (
            self._fetched is not None and _within(self._tried, now, MIN_INTERVAL)
        )

    async def find(self, kid: str, alg: str, now: float) -> "SigningKey | None":
        """The key of that id, ready for ``alg``; None if the issuer has no such key for it.

        Raises:
            UnavailableError: there are no keys yet and they cannot be fetched.
        """
        if not self.fresh(now) or kid not in self._keys:
            await self._refresh(kid, now)
        return self._prepare(kid, alg)

    async def refresh(self, now: float) -> None:
        """Fetch again if the keys have grown old; keep the ones there are if that fails.

        Raises:
            UnavailableError: it fails and there are none.
        """
        if not self.fresh(now):
            await self._refresh(None, now)

    async def _refresh(self, kid: str | None, now: float) -> None:
        async with self._lock:  # one fetch serves all who wait for it
            wanted = kid is None or kid in self._keys
            if (wanted and self.fresh(now)) or _within(self._tried, now, MIN_INTERVAL):
                if self._fetched is None:
                    raise UnavailableError(
                        "the issuer's keys cannot be fetched",
                        retry_after=int(MIN_INTERVAL),
                        cause=self._cause,
                    )
                return
            self._tried = now
            try:
                kinds = SHARED if self.issuer.secrets else PUBLIC
                self._replace(_signing_keys(await self._source.fetch(self.issuer), kinds))
            except UnavailableError as error:
                self._cause = error.cause
                if self._fetched is None:
                    raise
            else:
                self._fetched = now

    def _replace(self, keys: dict[str, Mapping[str, Any]]) -> None:
        if keys != self._keys:
            self._keys = keys
            self._prepared.clear()
            self.generation += 1

    def _prepare(self, kid: str, alg: str) -> "SigningKey | None":
        if (kid, alg) in self._prepared:
            return self._prepared[kid, alg]
        if kid not in self._keys:
            return None
        from shared.adapters.jwt.signatures import signing_key  # a tenth of a cold start, for the first token

        key = signing_key(self._keys[kid], alg)
        if key is not None:
            self._prepared[kid, alg] = key
        return key


def _within(then: float | None, now: float, seconds: float) -> bool:
    # A clock set back makes the difference negative: then it counts as long ago.
    return then is not None and 0 <= now - then < seconds


def _signing_keys(jwks: Mapping[str, Any], kinds: frozenset[str]) -> dict[str, Mapping[str, Any]]:
    entries = jwks.get("keys")
    if not isinstance(entries, list):
        raise UnavailableError("the issuer's key set has no keys")
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        if isinstance(entry, dict) and _usable(entry, kinds):
            found.setdefault(entry["kid"], entry)
    if not found:
        raise UnavailableError("the issuer's key set has no signing key with an id")
    return found


def _usable(entry: Mapping[str, Any], kinds: frozenset[str]) -> bool:
    return (
        isinstance(entry.get("kid"), str) and entry.get("kty") in kinds and entry.get("use", "sig") == "sig"
    )


def _shared(kid: str, secret: bytes) -> Mapping[str, Any]:
    """A secret as a key (RFC 7518, section 6.4)."""
    text = urlsafe_b64encode(secret).rstrip(b"=").decode()
    return {"kty": "oct", "kid": kid, "alg": SYMMETRIC, "use": "sig", "k": text}


def _read(url: str) -> Mapping[str, Any]:
    # A file of one page, read once in minutes: a thread would cost more than the read.
    try:
        return _parse(Path(url2pathname(urlsplit(url).path)).read_bytes(), url)
    except OSError as error:
        raise UnavailableError("the issuer's key file cannot be read", cause=UNUSABLE) from error


def _default_client() -> "httpx.AsyncClient":
    import httpx  # only where keys come by HTTP: a third of a second of cold start

    return httpx.AsyncClient(timeout=5.0, follow_redirects=False, trust_env=True)


async def _get(client: "httpx.AsyncClient", url: str) -> Mapping[str, Any]:
    from httpx import HTTPError, InvalidURL  # loaded with the client

    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise UnavailableError("an issuer's keys are fetched over https only")
    body = bytearray()
    try:
        async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
            if response.status_code != 200:
                raise UnavailableError(f"the issuer answered {response.status_code} for its keys")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_JWKS_BYTES:
                    raise UnavailableError("the issuer's answer is too large")
    except (HTTPError, InvalidURL) as error:
        raise UnavailableError("the issuer cannot be reached for its keys", cause=UNREACHABLE) from error
    return _parse(bytes(body), url)


def _parse(body: bytes, url: str) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnavailableError(f"what {url} holds is not JSON") from error
    if not isinstance(value, dict):
        raise UnavailableError(f"what {url} holds is not a JSON object")
    return value
