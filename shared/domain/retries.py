"""How long to wait before the next attempt: exponential backoff with jitter that a replay repeats."""

import hashlib

from shared.domain.steps import Retry


def retry_delay(retry: Retry, *, attempt: int, seed: str) -> float:
    """Seconds between the failed ``attempt`` (1 is the first) and the next.

    ``seed`` names the attempt (execution and step); the jitter is derived from it, so the same attempt
    always waits the same time.
    """
    try:
        grown = retry.initial_interval * retry.backoff ** (attempt - 1)
    except OverflowError:
        grown = retry.max_interval
    digest = hashlib.sha256(f"{seed}/{attempt}".encode()).digest()
    unit = int.from_bytes(digest[:8]) / 2**64
    return round(min(grown, retry.max_interval) * (1 + retry.jitter * (2 * unit - 1)), 3)
