"""How long to wait before the next attempt: exponential backoff with jitter that a replay repeats."""

import hashlib

JITTER = 0.2
"""The delay varies by up to this share either way, so that many failures do not come back at once."""


def retry_delay(
    *, attempt: int, initial_interval: float, backoff: float, max_interval: float, seed: str
) -> float:
    """Seconds between the failed ``attempt`` (1 is the first) and the next.

    ``seed`` names the attempt (execution and step); the jitter is derived from it, so the same attempt
    always waits the same time.
    """
    try:
        grown = initial_interval * backoff ** (attempt - 1)
    except OverflowError:
        grown = max_interval
    digest = hashlib.sha256(f"{seed}/{attempt}".encode()).digest()
    unit = int.from_bytes(digest[:8]) / 2**64
    return round(min(grown, max_interval) * (1 + JITTER * (2 * unit - 1)), 3)
