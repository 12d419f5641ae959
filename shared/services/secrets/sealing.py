"""Sealing: a text that is stored, and that only this installation can read."""

import base64
import binascii
import hmac
import secrets
from typing import Final

from shared.domain.errors import UnavailableError

_NONCE_BYTES: Final = 12


class Addresses:
    """Texts that anybody may carry, that only this installation makes, and that say nothing to others.

    The same text always has the same address: AES-SIV (RFC 5297) under a key that is derived from the
    installation's own, for one ``purpose``.
    """

    def __init__(self, key: bytes, *, purpose: str) -> None:
        self._key = hmac.digest(key, purpose.encode(), "sha512")

    def address(self, text: str) -> str:
        """In characters that a URL may have anywhere."""
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # 20 ms that a start can do without

        return base64.urlsafe_b64encode(AESSIV(self._key).encrypt(text.encode(), None)).decode().rstrip("=")

    def text(self, address: str) -> str | None:
        """What has this address; None: nothing of ours. The comparison takes the same time, however near."""
        from cryptography.exceptions import InvalidTag  # as above
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        try:
            raw = base64.b64decode(address + "=" * (-len(address) % 4), altchars=b"-_", validate=True)
            text = AESSIV(self._key).decrypt(raw, None).decode()
        except (InvalidTag, binascii.Error, ValueError):
            return None
        # Base64 has several spellings of some bytes: only our own is an address.
        return text if self.address(text) == address else None


class Fingerprints:
    """Whether two texts are the same, without a text being found by trying, as it is by a mere hash."""

    def __init__(self, key: bytes, *, purpose: str) -> None:
        self._key = hmac.digest(key, purpose.encode(), "sha256")

    def of(self, text: str) -> str:
        return hmac.digest(self._key, text.encode(), "sha256").hex()


class Sealer:
    """AES-256-GCM under a key that is derived from the installation's own, for one ``purpose``.

    A sealed text opens in its own place only: ``place`` names where it is stored.
    """

    def __init__(self, key: bytes, *, purpose: str) -> None:
        self._key = hmac.digest(key, purpose.encode(), "sha256")

    def seal(self, text: str, *, place: str) -> str:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 20 ms that a start can do without

        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.b64encode(
            nonce + AESGCM(self._key).encrypt(nonce, text.encode(), place.encode())
        ).decode()

    def open(self, sealed: str, *, place: str) -> str:
        """The text.

        Raises:
            UnavailableError: it was sealed with another key or for another place, or it was altered.
        """
        from cryptography.exceptions import InvalidTag  # as above
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            raw = base64.b64decode(sealed, validate=True)
            text = AESGCM(self._key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode())
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise UnavailableError("a sealed value does not open with this installation's key") from error
        return text.decode()
