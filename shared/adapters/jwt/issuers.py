"""Which issuers' tokens are taken, as data."""

from collections.abc import Sequence
from dataclasses import dataclass

ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""The algorithms an issuer may be configured with: whoever can verify cannot sign (RFC 8725, section 3.1)."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """One trusted issuer of tokens.

    Attributes:
        url: its name: the ``iss`` of its tokens, and the issuer stored with every identity it vouches for.
        audiences: values of ``aud`` that mean this platform; one of them must be in the token.
        jwks_url: where its public keys are (``https:``, ``http:`` on loopback, or ``file:``); without it they
            are found by OpenID Connect discovery under ``url``.
        algorithms: the ``alg`` values it signs with; asymmetric ones only.
        also: further exact values of ``iss`` under which the same issuer, with the same keys, is reached.
    """

    url: str
    audiences: tuple[str, ...]
    jwks_url: str | None = None
    algorithms: tuple[str, ...] = ("RS256",)
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.url or not self.audiences or not self.algorithms:
            raise ValueError("an issuer needs a url, an audience and an algorithm")
        if refused := set(self.algorithms) - ASYMMETRIC:
            raise ValueError(f"issuer {self.url}: not an asymmetric algorithm: {', '.join(sorted(refused))}")

    @property
    def names(self) -> tuple[str, ...]:
        return (self.url, *self.also)


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
