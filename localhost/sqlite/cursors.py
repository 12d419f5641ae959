"""What a client carries and cannot read, alter or use elsewhere: positions, and the etags of documents.

Both are made of the file's one sequence, which counts what all tenants write. Nobody is to see it.
"""

import base64
import binascii
import hmac
from hashlib import blake2b

from shared.domain.errors import BadCursorError
from shared.domain.paging import veiled

_TAG = 10
"""Bytes of authentication tag: 80 bits, for tokens that open nothing the caller may not read anyway."""


class Cursors:
    """Seals a position for one context (a query, a feed), under a key that stays in the database."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, context: bytes, position: bytes) -> str:
        """The text a client carries: ``position`` and its authentication tag in this context."""
        message = b"%d:%b%b" % (len(context), context, position)
        # BLAKE2b with a key is a MAC of its own (RFC 7693), at half the time of HMAC-SHA-256.
        tag = blake2b(message, key=self._key, digest_size=_TAG).digest()
        veil = veiled(position, key=self._key, seal=tag)
        return base64.urlsafe_b64encode(tag + veil).rstrip(b"=").decode()

    def open(self, context: bytes, cursor: str) -> bytes:
        """The position in ``cursor``.

        Raises:
            BadCursorError: it was not sealed here for this context, or it was altered.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error) as error:
            raise BadCursorError from error
        position = veiled(raw[_TAG:], key=self._key, seal=raw[:_TAG])
        # Compared as text: base64 has several spellings of one value when its last bits are unused.
        if not hmac.compare_digest(self.seal(context, position), cursor):
            raise BadCursorError
        return position


class Etags:
    """Names the states of documents, each by the number of the write that made it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, seq: int) -> str:
        """The etag of what was written as ``seq``: another for each, and none tells of any other."""
        return blake2b(seq.to_bytes(8), key=self._key, digest_size=8, person=b"etag").hexdigest()
