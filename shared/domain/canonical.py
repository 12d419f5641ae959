"""One spelling for a JSON value, so that equal values have equal hashes wherever they have been stored."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def canonical_json(value: Any) -> bytes:
    """``value`` as UTF-8 JSON: keys in code-point order, no spaces, whole numbers without fraction.

    A document store may give ``1.0`` back as ``1``; both are spelled ``1`` here, as in RFC 8785
    (section 3.2.2.3).

    Raises:
        ValueError: a number is not finite, or a string is not valid Unicode.
    """
    text = json.dumps(
        _whole(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def content_hash(value: Any) -> str:
    """``sha256:`` and the hexadecimal digest of the canonical JSON of ``value``."""
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()


def _whole(value: Any) -> Any:
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) < 1e21 else value
        case str():
            return value
        case Mapping():
            return {key: _whole(item) for key, item in value.items()}
        case Sequence():
            return [_whole(item) for item in value]
        case _:
            return value
