"""Bearer tokens: JSON Web Tokens checked against the keys of the issuers that are trusted.

The rules are those of RFC 7519 (claims), RFC 8725 (best current practice) and RFC 9068 (access tokens).
Signature and audience are PyJWT's work; which key, which algorithm and what the times must be is said here.
"""

import asyncio
import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from shared.adapters.jwt.entra import entra_identity, may_sign, stranger
from shared.adapters.jwt.issuers import Issuer, by_name
from shared.adapters.jwt.keys import KeyRing, KeySource
from shared.domain.errors import UnauthenticatedError, UnavailableError
from shared.ports.clock import Clock
from shared.ports.tokens import Identity

CACHE_SIZE = 4096
TYPES = frozenset({"jwt", "at+jwt"})
MAX_SUBJECT = 255
"""Most characters of ``sub`` (OpenID Connect Core 1.0, section 2)."""
MAX_TIME = 253_402_300_799
"""The last second of the year 9999, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class _Verified:
    identity: Identity
    expires: float
    ring: KeyRing
    generation: int


class JwtTokens:
    """Verifies tokens of the configured issuers; remembers what it has verified until it expires."""

    def __init__(
        self,
        issuers: Sequence[Issuer],
        *,
        keys: KeySource,
        clock: Clock,
        leeway: float = 60,
        max_bytes: int = 16_384,
    ) -> None:
        """``leeway`` (seconds) is how far an issuer's clock may be off; ``max_bytes`` bounds a token."""
        rings = {issuer: KeyRing(issuer, keys) for issuer in issuers}
        self._rings = {name: rings[issuer] for name, issuer in by_name(issuers).items()}
        self._issuers = tuple(rings)
        self._clock = clock
        self._leeway = leeway
        self._max_bytes = max_bytes
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    @property
    def issuers(self) -> frozenset[str]:
        return frozenset(name for issuer in self._issuers for name in issuer.identities)

    async def verify(self, token: str) -> Identity:
        if len(token) > self._max_bytes:
            raise UnauthenticatedError("the token is too long")
        now = self._clock.now().timestamp()
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        known = self._verified.get(digest)
        if known is not None:
            if not known.ring.fresh(now):
                await known.ring.refresh(now)
            if now < known.expires and known.generation == known.ring.generation:
                self._verified.move_to_end(digest)
                return known.identity
            self._verified.pop(digest, None)
        verified = await self._check(token, now)
        self._verified[digest] = verified
        if len(self._verified) > CACHE_SIZE:
            self._verified.popitem(last=False)
        return verified.identity

    async def ready(self) -> None:
        now = self._clock.now().timestamp()
        await asyncio.gather(*(_ready(ring, now) for ring in set(self._rings.values())))

    async def _check(self, token: str, now: float) -> _Verified:
        header, claims = _read(token)
        kid, alg = _checked_header(header)
        name = claims.get("iss")
        ring = self._rings.get(name) if isinstance(name, str) else None
        if ring is None or not isinstance(name, str):
            raise UnauthenticatedError(stranger(name, self._issuers))
        if alg not in ring.issuer.algorithms:
            raise UnauthenticatedError("the algorithm is not one this issuer signs with")
        key = await ring.find(kid, alg, now)
        if key is None:
            raise UnauthenticatedError("the issuer has no key of this id for this algorithm")
        if key.bound is not None and not may_sign(key.bound, name, ring.issuer.entra):
            raise UnauthenticatedError("the key is bound to another issuer")
        verified = key.claims(token, ring.issuer, name)
        _refuse_other_kinds(verified)
        expires = self._checked_times(verified, now)
        return _Verified(_identity(ring.issuer, verified), expires, ring, ring.generation)

    def _checked_times(self, claims: Mapping[str, Any], now: float) -> float:
        issued, expires = _time(claims, "iat"), _time(claims, "exp")
        starts = _time(claims, "nbf") if "nbf" in claims else issued
        if expires <= max(issued, starts):
            raise UnauthenticatedError("the token expires before it begins")
        if now >= expires + self._leeway:
            raise UnauthenticatedError("the token has expired")
        if starts > now + self._leeway:
            raise UnauthenticatedError("the token is not valid yet")
        if issued > now + self._leeway:
            raise UnauthenticatedError("the token was issued in the future")
        return expires


async def _ready(ring: KeyRing, now: float) -> None:
    # A probe that has no patience must not break off the fetch that it began: requests wait for it, too.
    fetching = asyncio.ensure_future(ring.refresh(now))
    fetching.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        await asyncio.shield(fetching)
    except UnavailableError as error:
        message = f"the keys of the issuer {ring.issuer.url} cannot be had: {error.message}"
        raise UnavailableError(message, retry_after=error.retry_after, cause=error.cause) from error


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = token.split(".")
    if len(parts) != 3:
        raise UnauthenticatedError("the token does not have three parts")
    header, claims, _ = (_decoded(part) for part in parts)
    return _json(header, "header"), _json(claims, "payload")


def _decoded(part: str) -> bytes:
    # The spare bits of the last character are not covered by the signature check: only the one canonical
    # spelling of a token is taken, so that a token can be compared, counted and denied by its text.
    try:
        raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
        canonical = urlsafe_b64encode(raw).rstrip(b"=") == part.encode("ascii")
    except ValueError as error:
        raise UnauthenticatedError("the token is not base64url") from error
    if not raw or not canonical:
        raise UnauthenticatedError("the token is not base64url")
    return raw


def _json(raw: bytes, place: str) -> dict[str, Any]:
    try:
        value = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UnauthenticatedError(f"the token's {place} is not JSON with unique names") from error
    if not isinstance(value, dict):
        raise UnauthenticatedError(f"the token's {place} is not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _checked_header(header: Mapping[str, Any]) -> tuple[str, str]:
    """The key id and algorithm. ``jku``, ``x5u``, ``jwk`` and ``x5c`` are never looked at."""
    kid, alg, typ = header.get("kid"), header.get("alg"), header.get("typ")
    if not isinstance(alg, str):
        raise UnauthenticatedError("the token names no algorithm")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in TYPES:
        raise UnauthenticatedError("the token is not an access token by its type")
    if "crit" in header:
        raise UnauthenticatedError("the token asks for extensions that are not understood")
    if not isinstance(kid, str) or not kid:
        raise UnauthenticatedError("the token names no key")
    return kid, alg


def _refuse_other_kinds(claims: Mapping[str, Any]) -> None:
    """ID and refresh tokens of issuers whose header does not tell them from access tokens.

    ``at_hash`` and ``c_hash`` are an ID token's (OpenID Connect Core 1.0, section 3.3.2.11); ``token_use`` is
    how Amazon Cognito tells its tokens apart, ``typ`` among the claims how Keycloak does.
    """
    if "at_hash" in claims or "c_hash" in claims:
        raise UnauthenticatedError("the token is an ID token by its claims")
    if claims.get("token_use", "access") != "access" or claims.get("typ", "Bearer") != "Bearer":
        raise UnauthenticatedError("the token is not an access token by its claims")


def _identity(issuer: Issuer, claims: dict[str, Any]) -> Identity:
    subject, seen = _subject(claims), MappingProxyType(claims)
    if issuer.entra is not None:
        return entra_identity(issuer.entra, seen)
    client = claims.get("azp", claims.get("client_id"))
    return Identity(
        issuer.url,
        subject,
        seen,
        kind="service" if claims.get("idtyp") == "app" else None,
        client=client if isinstance(client, str) else None,
    )


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise UnauthenticatedError("the token's sub is not a name")
    return subject


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    # RFC 7519, section 2: NumericDate is a JSON number of seconds (the parser also lets NaN through).
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TIME:
        raise UnauthenticatedError(f"the token's {name} is not a time")
    return value
