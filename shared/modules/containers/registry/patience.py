"""How registries are sent to, and sent to again."""

import asyncio
from dataclasses import dataclass
from typing import Final

from shared.ports.actions import ActionError

MIB: Final = 1024 * 1024
LONGEST_PAUSE: Final = 10.0
"""Seconds; who asks to be left alone for longer is left to the step's own retries."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How blobs are sent.

    ``at_once`` bytes are the most that one request has; what is larger goes in chunks of ``chunk`` bytes, or
    larger ones if the registry wants them, each in memory while it is sent. What failed is sent again after
    ``pause`` seconds, and after twice as long each further time; after ``failures`` in a row it has failed.
    """

    at_once: int = 4 * MIB
    chunk: int = 8 * MIB
    pause: float = 0.2
    failures: int = 6


class Patience:
    """With something that may fail for a while."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._failures = 0

    def renew(self) -> None:
        """It goes on."""
        self._failures = 0

    async def wait(self, error: ActionError) -> None:
        """Wait before it is tried again.

        Raises:
            ActionError: it is not; this one.
        """
        self._failures += 1
        if not error.retryable or self._failures >= self._pace.failures or error.retry_after > LONGEST_PAUSE:
            raise error
        await asyncio.sleep(max(error.retry_after, self._pace.pause * 2 ** (self._failures - 1)))
