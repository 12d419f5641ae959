"""The tokens port: who does this bearer token speak for?"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from shared.security.principals import PrincipalKind


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified token says: ``(issuer, subject)`` is the caller, everywhere and for ever.

    ``kind`` is whether a person or a service got the token for itself, None where the issuer does not tell;
    ``client`` is the application that got it, where the token says so.
    """

    issuer: str
    subject: str
    claims: Mapping[str, Any]
    kind: PrincipalKind | None = None
    client: str | None = None


class Tokens(Protocol):
    @property
    def issuers(self) -> Collection[str]:
        """Whose tokens are taken, as :attr:`Identity.issuer` has them."""
        ...

    async def verify(self, token: str) -> Identity:
        """Check issuer, audience, signature, times and type of a token.

        Raises:
            UnauthenticatedError: it is refused; the error's ``reason`` says why, for the log.
            UnavailableError: the issuer's keys cannot be had and none are kept.
        """
        ...

    async def ready(self) -> None:
        """See that every trusted issuer's keys are at hand, fetching what has grown old.

        Raises:
            UnavailableError: an issuer's keys cannot be had and none are kept; the message names the issuer.
        """
        ...
