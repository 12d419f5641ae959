"""ULIDs: 128 bits as 26 characters that sort by the time they were made.

48 bits of milliseconds since 1970 and 80 random bits in Crockford's base 32
(https://github.com/ulid/spec). Time and randomness are passed in, so making one is pure.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
RANDOM_BYTES: Final = 10

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LENGTH: Final = 26


def ulid(moment: datetime, randomness: bytes) -> str:
    """The ULID of an aware ``moment`` and 10 random bytes.

    Raises:
        ValueError: ``randomness`` is not 10 bytes, or the moment is before 1970 or after the year 10889.
    """
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"a ULID takes {RANDOM_BYTES} random bytes, not {len(randomness)}")
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    if not 0 <= milliseconds < 2**48:
        raise ValueError(f"a ULID cannot say {moment}")
    number = milliseconds << 80 | int.from_bytes(randomness)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))


def is_ulid(text: str) -> bool:
    """Whether ``text`` is a ULID in its one spelling (upper case, at most 128 bits)."""
    return ULID.fullmatch(text) is not None


def ulid_time(text: str) -> datetime:
    """When the ULID ``text`` was made, to the millisecond.

    Raises:
        ValueError: it is not a ULID.
    """
    if not is_ulid(text):
        raise ValueError(f"not a ULID: {text!r}")
    milliseconds = 0
    for character in text[:10]:
        milliseconds = milliseconds << 5 | _ALPHABET.index(character)
    return _EPOCH + milliseconds * _MILLISECOND
