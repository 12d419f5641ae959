"""Signatures of webhooks, as the Standard Webhooks specification has them (version 1, symmetric).

Source: Standard Webhooks specification 1.0, "Signature scheme": the content that is signed is the message's
id, the timestamp and the body, joined with full stops; a secret is ``whsec_`` and base64 of 24 to 64 bytes;
a signature is ``v1,`` and base64 of the HMAC-SHA256.
"""

import base64
import binascii
import hmac
from typing import Final

PREFIX: Final = "whsec_"
GENERATED_BYTES: Final = 32
_SHORTEST, _LONGEST = 24, 64


def spelled_secret(key: bytes) -> str:
    """The secret as people pass it on."""
    return PREFIX + base64.b64encode(key).decode()


def secret_key(secret: str) -> bytes:
    """The key that ``secret`` spells.

    Raises:
        ValueError: it is not of the documented form.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is 'whsec_' and base64") from error
    if not secret.startswith(PREFIX) or not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"a secret is 'whsec_' and base64 of {_SHORTEST} to {_LONGEST} bytes")
    return key


def signed_headers(secret: str, *, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers that let the receiver verify ``body``; ``timestamp`` is seconds since 1970."""
    content = f"{id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(secret_key(secret), content, "sha256")).decode()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
