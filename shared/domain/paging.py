"""Opaque cursors: a position in a list, sealed so that it holds only for that list, filter and tenant.

A position may be a number that a store counts for all tenants, which would tell how much the others do. So it
is veiled, too: a cursor says nothing but whether it is the same as another.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.canonical import canonical_json
from shared.domain.errors import BadCursorError

_SEAL_BYTES = 16


@dataclass(frozen=True, slots=True)
class Cursors:
    """Makes and opens cursors with one key, which all processes of an installation share.

    A list is named by what decides its items and their order: the tenant, the list, the filter.
    """

    key: bytes

    def seal(self, position: str, *, of: Sequence[Any]) -> str:
        """A cursor for ``position`` in the list that ``of`` (JSON values) names."""
        raw = position.encode()
        seal = self._seal(raw, of)
        return _spelled(seal + veiled(raw, key=self.key, seal=seal))

    def open(self, cursor: str, *, of: Sequence[Any]) -> str:
        """The position in it.

        Raises:
            BadCursorError: it was altered, or made for another list, filter or tenant.
        """
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            seal = sealed[:_SEAL_BYTES]
            raw = veiled(sealed[_SEAL_BYTES:], key=self.key, seal=seal)
            # The spare bits of the last character are not under the seal: only one spelling is taken.
            if hmac.compare_digest(seal, self._seal(raw, of)) and _spelled(sealed) == cursor:
                return raw.decode()
        except (binascii.Error, ValueError):
            pass
        raise BadCursorError

    def _seal(self, raw: bytes, of: Sequence[Any]) -> bytes:
        return hmac.digest(self.key, canonical_json([*of, raw.hex()]), "sha256")[:_SEAL_BYTES]


def veiled(raw: bytes, *, key: bytes, seal: bytes) -> bytes:
    """``raw`` unreadable to all without the key, or readable again: to do it twice undoes it.

    ``seal`` is a MAC of ``raw``. So each text has a key stream of its own (as in RFC 5297, SIV).
    """
    stream = hashlib.shake_256(key + seal).digest(len(raw))
    return (int.from_bytes(raw) ^ int.from_bytes(stream)).to_bytes(len(raw))


def _spelled(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
