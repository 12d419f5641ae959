"""Signature and audience of a token, checked with PyJWT.

Loaded with the first token: the cryptography under it would be a tenth of a cold start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt import exceptions as refusals

from shared.adapters.jwt.issuers import Issuer
from shared.domain.errors import UnauthenticatedError


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key ready to verify with; ``bound`` is the issuer that its entry names (Entra ID's own member)."""

    jwk: jwt.PyJWK
    bound: str | None

    def claims(self, token: str, issuer: Issuer, name: str) -> dict[str, Any]:
        """The claims of a token that ``issuer``, under that name, signed with this key.

        Raises:
            UnauthenticatedError: it did not, the token is for others, or a claim is missing.
        """
        try:
            return jwt.decode(
                token,
                key=self.jwk,
                algorithms=list(issuer.algorithms),
                audience=issuer.audiences,
                issuer=name,
                # The verifier checks the times, against our own clock.
                options={
                    "require": ["iss", "sub", "aud", "exp", "iat"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_sub": False,
                },
            )
        except refusals.InvalidSignatureError as error:
            raise UnauthenticatedError("the signature does not verify") from error
        except refusals.MissingRequiredClaimError as error:
            raise UnauthenticatedError(f"the token has no {error.claim}") from error
        except refusals.InvalidAudienceError as error:
            raise UnauthenticatedError("the token is for another audience") from error
        except refusals.PyJWTError as error:
            raise UnauthenticatedError(f"the token is refused: {type(error).__name__}") from error


def signing_key(entry: Mapping[str, Any], alg: str) -> SigningKey | None:
    """The key of that entry of a key set, ready for ``alg``; None if it cannot be used, or is too weak."""
    if entry.get("alg", alg) != alg:
        return None
    try:
        key = jwt.PyJWK(dict(entry), algorithm=alg)
    except refusals.PyJWTError:
        return None
    if key.Algorithm.check_key_length(key.key) is not None:  # it answers why the key is too weak
        return None
    bound = entry.get("issuer")
    return SigningKey(key, None if bound is None else str(bound))
