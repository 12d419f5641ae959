"""An issuer in the hands of a test: it signs whatever it is told to, well or badly."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from shared.adapters.jwt.issuers import Issuer
from shared.adapters.jwt.verifier import JwtTokens
from shared.domain.errors import UnavailableError

ISSUER = "https://issuer.example/tenant/v2.0"
AUDIENCE = "api://quantum"


class FrozenClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def unix(self) -> int:
        return int(self._now.timestamp())


def private_key(alg: str, name: str = "first") -> Any:
    """One key per algorithm and name for the whole run: making them is what costs."""
    return _make_key(alg, name)


@cache
def _make_key(alg: str, name: str) -> Any:
    if alg.startswith("ES"):
        return ec.generate_private_key(ec.SECP256R1() if alg == "ES256" else ec.SECP384R1())
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 1024 if name == "weak" else 2048)


def jwk(alg: str, kid: str, name: str = "first", **members: Any) -> dict[str, Any]:
    algorithm = jwt.get_algorithm_by_name(alg)
    public = algorithm.to_jwk(private_key(alg, name).public_key(), as_dict=True)
    return {**public, "kid": kid, "use": "sig", **members}


@dataclass
class Keys:
    """A key source that counts, and fails on demand."""

    entries: list[dict[str, Any]]
    fetches: int = 0
    down: bool = False

    async def fetch(self, issuer: Issuer) -> Mapping[str, Any]:
        self.fetches += 1
        if self.down:
            raise UnavailableError("the issuer is down")
        return {"keys": list(self.entries)}


@dataclass
class Forge:
    """An issuer, its keys, and a verifier that trusts it."""

    alg: str = "RS256"
    name: str = ISSUER
    clock: FrozenClock = field(default_factory=FrozenClock)

    def __post_init__(self) -> None:
        self.keys = Keys([jwk(self.alg, "first")])
        self.issuer = Issuer(self.name, (AUDIENCE, "other-name-of-it"), algorithms=(self.alg,))
        self.tokens = JwtTokens([self.issuer], keys=self.keys, clock=self.clock)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims with changes; a change to None takes the claim out."""
        now = self.clock.unix()
        good = {
            "iss": self.name,
            "sub": "ada",
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "roles": ["x"],
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, header: Mapping[str, Any] | None = None, *, key: Any = None, **changes: Any) -> str:
        headers = {"kid": "first", "typ": "at+jwt"} | dict(header or {})
        secret = private_key(self.alg) if key is None else key
        return jwt.encode(self.claims(**changes), secret, self.alg, headers=headers)


def segment(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw_token(header: Any, payload: Any, sign: Callable[[bytes], bytes]) -> str:
    """A token put together by hand, of parts that no library would sign."""
    signed = f"{segment(header)}.{segment(payload)}"
    return f"{signed}.{segment(sign(signed.encode()))}"


def sign_rs256(message: bytes) -> bytes:
    return jwt.get_algorithm_by_name("RS256").sign(message, private_key("RS256"))
