"""Entra ID in the hands of a test: its metadata, its keys and its tokens, served in this process."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt

from shared.adapters.jwt.configured import token_issuers
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from tests.security.forge import FrozenClock, jwk, private_key

HOME = "11111111-aaaa-4000-8000-000000000001"
PARTNER = "22222222-bbbb-4000-8000-000000000002"
OTHER = "33333333-cccc-4000-8000-000000000003"
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of personal accounts."""
CLIENT_ID = "44444444-dddd-4000-8000-000000000004"
APP_ID_URI = "api://quantum.example"
CALLER = "55555555-eeee-4000-8000-000000000005"
ADA = "66666666-ffff-4000-8000-000000000006"
ROBOT = "77777777-ffff-4000-8000-000000000007"
GRAPH = "00000003-0000-0000-c000-000000000000"
LOGIN, STS = "https://login.microsoftonline.com", "https://sts.windows.net"


def issuer_name(version: str, tenant: str) -> str:
    return f"{LOGIN}/{tenant}/v2.0" if version == "v2" else f"{STS}/{tenant}/"


@dataclass
class Entra:
    """One version of tokens, of one tenant or of several; what it serves can be changed."""

    version: str = "v2"
    metadata: str = HOME
    """Whose metadata the platform reads: a tenant's id, ``organizations`` or ``common``."""
    named: str | None = None
    """The tenant that these metadata name, if not the right one."""
    clock: FrozenClock = field(default_factory=FrozenClock)
    asked: list[str] = field(default_factory=list[str])
    keys: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def __post_init__(self) -> None:
        bound = {} if self.version == "v1" else {"issuer": issuer_name("v2", self._served_tenant)}
        self.keys += [jwk("RS256", "first", **bound)]
        if self.metadata == "common" and self.version == "v2":
            mine = issuer_name("v2", CONSUMERS)
            self.keys.append(jwk("RS256", "personal", "second", issuer=mine))

    @property
    def _served_tenant(self) -> str:
        return self.metadata if self.metadata == HOME else "{tenantid}"

    def tokens(self, setting: str) -> JwtTokens:
        return JwtTokens(token_issuers(setting), keys=self.source(), clock=self.clock)

    def source(self) -> JwksSource:
        """Where its keys come from."""
        return JwksSource(client=lambda: httpx.AsyncClient(transport=httpx.MockTransport(self._answer)))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        self.asked.append(url)
        path = "/v2.0" if self.version == "v2" else ""
        keys = f"{LOGIN}/{self.metadata}/discovery{path}/keys"
        if url == f"{LOGIN}/{self.metadata}{path}/.well-known/openid-configuration":
            issuer = issuer_name(self.version, self.named or self._served_tenant)
            return httpx.Response(200, json={"issuer": issuer, "jwks_uri": keys})
        return httpx.Response(200, json={"keys": self.keys}) if url == keys else httpx.Response(404)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """A user's (delegated) token's claims with changes; a change to None takes the claim out."""
        now, tenant = self.clock.unix(), changes.get("tid") or HOME
        good = {
            "iss": issuer_name(self.version, tenant),
            "aud": CLIENT_ID if self.version == "v2" else APP_ID_URI,
            "iat": now,
            "nbf": now,
            "exp": now + 4000,
            "sub": "a-name-for-this-application-alone",
            "tid": tenant,
            "oid": ADA,
            "scp": "access_as_user",
            "ver": "2.0" if self.version == "v2" else "1.0",
            "azp" if self.version == "v2" else "appid": CALLER,
            "preferred_username" if self.version == "v2" else "upn": "ada@home.example",
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def app_claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of an application's own token, without the optional ``idtyp``."""
        own = {"scp": None, "preferred_username": None, "upn": None, "roles": ["Intents.Run"]}
        return self.claims(**{**own, "oid": ROBOT, "sub": ROBOT, **changes})

    def sign(self, claims: dict[str, Any], *, key: str = "first", kid: str = "first", **header: Any) -> str:
        return jwt.encode(claims, private_key("RS256", key), "RS256", {"kid": kid, "typ": "JWT", **header})

    def token(self, **changes: Any) -> str:
        return self.sign(self.claims(**changes))
