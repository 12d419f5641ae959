"""The local issuer's signing keys: made once in the data folder, replaced by rotation.

``keys.json`` (mode 0600) has the private keys, newest first; the first one signs. ``jwks.json`` is the same
keys' public halves, in the form the platform's verifier reads (RFC 7517). RSA with SHA-256, as Entra ID
signs: it is also what is quickest to verify (40 us; ES256 and EdDSA take 120 us).
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localhost.identity.files import create, identity_folder, replace

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MAX_LIFETIME = 90 * 24 * 3600
"""Longest life of a token, in seconds; a key that signs no more is published for that long."""


class KeyStore:
    """Signs, and publishes the keys that verify."""

    def __init__(self, data: Path, *, now: Callable[[], float] = time.time) -> None:
        """Open the keys of that data folder; the first to come makes them."""
        self._folder = identity_folder(data)
        self._now = now
        self._path = self._folder / "keys.json"
        self.jwks_path = self._folder / "jwks.json"
        self._entries: list[dict[str, Any]] = []
        self._key: RSAPrivateKey | None = None
        if not self._path.exists():
            create(self._path, json.dumps([_new_entry(now())]))
        self._load()
        self._publish()

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """The claims as a signed token with ``typ`` in its header."""
        if self._stamp != _stamp(self._path):  # another process has rotated the keys
            self._load()
        from localhost.identity.rsa import private_key, signed  # loaded by who signs

        if self._key is None:  # checking a key takes 40 ms: only who signs pays for it
            self._key = private_key(self._entries[0]["pem"])
        return signed(claims, self._key, kid=self._entries[0]["kid"], typ=typ)

    def jwks(self) -> dict[str, Any]:
        """The key set that is published."""
        published: dict[str, Any] = json.loads(self.jwks_path.read_text())
        return published

    def rotate(self, *, withdraw: bool = False) -> str:
        """Sign with a new key from now on; the id of it.

        The old keys go on verifying until the last token they signed has expired; with ``withdraw`` (a key
        was lost) they are gone at once, and every token with them. A verifier notices within five minutes.
        """
        entries = [] if withdraw else json.loads(self._path.read_text())
        now = self._now()
        for entry in entries:
            entry.setdefault("retired_at", now)
        kept = [entry for entry in entries if now - entry["retired_at"] < MAX_LIFETIME]
        entries = [_new_entry(now), *kept]
        # Published before it signs: no verifier can meet a token whose key is nowhere to be found.
        replace(self.jwks_path, _published(entries), mode=0o644)
        replace(self._path, json.dumps(entries))
        self._load()
        return str(entries[0]["kid"])

    def _load(self) -> None:
        self._stamp = _stamp(self._path)
        self._entries = json.loads(self._path.read_text())
        self._key = None

    def _publish(self) -> None:
        text = _published(self._entries)
        if not self.jwks_path.exists() or self.jwks_path.read_text() != text:
            replace(self.jwks_path, text, mode=0o644)


def _new_entry(now: float) -> dict[str, Any]:
    from localhost.identity.rsa import new_key  # loaded by who makes a key

    pem, jwk = new_key()
    return {"kid": jwk["kid"], "made_at": now, "public": jwk, "pem": pem}


def _published(entries: list[dict[str, Any]]) -> str:
    return json.dumps({"keys": [entry["public"] for entry in entries]}, indent=1)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns
