"""RSA keys of the local issuer: made, read, and signed with.

Loaded by whoever does that: the cryptography is a tenth of a cold start, and a host can start without.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from localhost.identity.algorithm import ALGORITHM


def new_key() -> tuple[str, dict[str, Any]]:
    """A key as PEM (PKCS #8), and its public half as a JSON Web Key (RFC 7517, section 4)."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode(), _jwk(key.public_key())


def private_key(pem: str) -> RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the issuer's key file holds a key that is not RSA")
    return key


def signed(claims: Mapping[str, Any], key: RSAPrivateKey, *, kid: str, typ: str) -> str:
    """The claims as a JSON Web Token."""
    return jwt.encode(dict(claims), key, ALGORITHM, headers={"kid": kid, "typ": typ})


def _jwk(key: RSAPublicKey) -> dict[str, Any]:
    public = RSAAlgorithm.to_jwk(key, as_dict=True)
    # RFC 7638: the thumbprint is over the required members in this order, and a good key id.
    members = json.dumps({name: public[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
    kid = urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()
    return {"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": kid, "n": public["n"], "e": public["e"]}
