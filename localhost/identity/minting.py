"""The access tokens of the local issuer."""

import secrets
from typing import Any

from localhost.identity.issuer import AUDIENCE
from localhost.identity.keystore import KeyStore


def service_subject(client_id: str) -> str:
    """The subject of a service's tokens: no user can have that name."""
    return f"client:{client_id}"


def mint(keys: KeyStore, *, issuer: str, subject: str, now: float, lifetime: int, **claims: Any) -> str:
    """An access token for the platform (the claims of RFC 9068, section 2.2); ``now`` in Unix seconds."""
    issued = int(now)
    required = {
        "iss": issuer,
        "sub": subject,
        "aud": AUDIENCE,
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime,
        "jti": secrets.token_urlsafe(12),
    }
    return keys.sign(required | claims, typ="at+jwt")
