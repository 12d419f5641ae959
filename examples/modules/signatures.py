"""Is a call really the platform's? Standard Webhooks 1.0, in twenty lines of the standard library.

The platform signs ``<webhook-id>.<webhook-timestamp>.<body>`` with HMAC-SHA256. While a key is being changed
there are two signatures in the header, one for each key; one that fits is enough.
"""

import base64
import hmac
import time
from collections.abc import Mapping, Sequence

TOLERANCE = 300
"""Seconds that a timestamp may be away: whoever has overheard a call cannot send it again for longer."""


def is_signed(keys: Sequence[str], headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of ``keys`` (``whsec_…``) has signed the body, just now; header names in lower case."""
    id_, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    content = f"{id_}.{timestamp}.".encode() + body
    sent = headers.get("webhook-signature", "").split(" ")
    return any(
        hmac.compare_digest(_signature(key, content), one.encode("utf-8")) for key in keys for one in sent
    )


def _signature(key: str, content: bytes) -> bytes:
    secret = base64.b64decode(key.removeprefix("whsec_"))
    return b"v1," + base64.b64encode(hmac.digest(secret, content, "sha256"))
