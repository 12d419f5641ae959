"""Which issuers' tokens are taken, as data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""The algorithms an issuer may be configured with: whoever can verify cannot sign (RFC 8725, section 3.1)."""
SYMMETRIC: Final = "HS256"
"""The one algorithm of an issuer that shares a secret with the platform, and of no other."""
SECRET_BYTES: Final = 32
"""The shortest secret that is taken: as long as the digest (RFC 7518, section 3.2)."""
TENANT = "{tenantid}"
"""What stands for the tenant in the issuer of Entra ID's multi-tenant metadata and keys."""


@dataclass(frozen=True, slots=True)
class EntraTokens:
    """What is particular to the tokens that Entra ID issues for one registration in one version.

    Attributes:
        version: the ``ver`` of the tokens; the API's manifest decides it (requestedAccessTokenVersion).
        template: their ``iss``, with ``{tenantid}`` in the tenant's place.
        identities: the issuer under which identities are known, whatever the version: the v2 one.
        tenants: ids of the tenants whose tokens are taken.
    """

    version: Literal["1.0", "2.0"]
    template: str
    identities: str
    tenants: tuple[str, ...]

    def name(self, tenant: str) -> str:
        return self.template.replace(TENANT, tenant)

    def identity_issuer(self, tenant: str) -> str:
        return self.identities.replace(TENANT, tenant)


@dataclass(frozen=True, slots=True)
class Issuer:
    """One trusted issuer of tokens.

    Attributes:
        url: its name: the ``iss`` of its tokens, and the issuer stored with every identity it vouches for.
            Of several tenants' Entra ID it has ``{tenantid}`` in it, as its metadata have.
        audiences: values of ``aud`` that mean this platform; one of them must be in the token.
        jwks_url: where its public keys are (``https:``, ``http:`` on loopback, or ``file:``); without it they
            are found by OpenID Connect discovery.
        algorithms: the ``alg`` values it signs with: asymmetric ones, or HS256 alone with ``secrets``.
        also: further exact values of ``iss`` under which the same issuer, with the same keys, is reached.
        metadata_url: its discovery document, where that is not at the usual place under ``url``.
        entra: set for Entra ID, whose tokens follow rules of their own.
        secrets: what it shares with the platform, each under its ``kid``. It has no public keys then.
    """

    url: str
    audiences: tuple[str, ...]
    jwks_url: str | None = None
    algorithms: tuple[str, ...] = ("RS256",)
    also: tuple[str, ...] = ()
    metadata_url: str | None = None
    entra: EntraTokens | None = None
    secrets: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.url or not self.audiences or not self.algorithms:
            raise ValueError("an issuer needs a url, an audience and an algorithm")
        if self.secrets:
            self._check_secrets()
        elif refused := set(self.algorithms) - ASYMMETRIC:
            raise ValueError(f"issuer {self.url}: not an asymmetric algorithm: {', '.join(sorted(refused))}")

    def _check_secrets(self) -> None:
        """Whoever shares a secret has nothing else: a public key could be passed off as the secret."""
        if self.algorithms != (SYMMETRIC,):
            raise ValueError(f"issuer {self.url}: with a secret, its one algorithm is {SYMMETRIC}")
        if self.jwks_url or self.metadata_url or self.entra:
            raise ValueError(f"issuer {self.url}: with a secret, it has no public keys")
        if any(not kid or len(secret) < SECRET_BYTES for kid, secret in self.secrets):
            raise ValueError(f"issuer {self.url}: a secret has {SECRET_BYTES} bytes or more, and a key id")

    @property
    def names(self) -> tuple[str, ...]:
        """Every exact value of ``iss`` in its tokens."""
        if self.entra is not None:
            return tuple(self.entra.name(tenant) for tenant in self.entra.tenants)
        return (self.url, *self.also)

    @property
    def identities(self) -> tuple[str, ...]:
        """What issuer the identities that it vouches for are stored with."""
        if self.entra is not None:
            return tuple(self.entra.identity_issuer(tenant) for tenant in self.entra.tenants)
        return (self.url,)

    @property
    def discovery_url(self) -> str:
        """Where its metadata are (OpenID Connect Discovery 1.0, section 4)."""
        return self.metadata_url or self.url.rstrip("/") + "/.well-known/openid-configuration"


def by_name(issuers: Sequence[Issuer]) -> dict[str, Issuer]:
    """Each issuer under every value of ``iss`` it uses.

    Raises:
        ValueError: two issuers claim the same value.
    """
    found: dict[str, Issuer] = {}
    for issuer in issuers:
        for name in issuer.names:
            if found.setdefault(name, issuer) is not issuer:
                raise ValueError(f"two issuers are called {name}")
    return found
