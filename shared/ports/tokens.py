"""The tokens port: who does this bearer token speak for?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified token says: ``(issuer, subject)`` is the caller, everywhere and for ever."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]


class Tokens(Protocol):
    async def verify(self, token: str) -> Identity:
        """Check issuer, audience, signature, times and type of a token.

        Raises:
            UnauthenticatedError: it is refused; the error's ``reason`` says why, for the log.
            UnavailableError: the issuer's keys cannot be had and none are kept.
        """
        ...
