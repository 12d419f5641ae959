"""When a request is sent again, and how long is waited before that."""

from dataclasses import dataclass
from random import Random

PASSING = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may be served, the platform's own and those of what is before it."""
LASTING = frozenset({"QUOTA_EXCEEDED"})
"""Codes with such a status that no waiting mends."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient a client is. Every request is safe to send again: it reads, or carries a key.

    Attributes:
        attempts: how often one request is sent at most, the first time included.
        first: seconds before the second attempt at most; each further pause may be twice as long.
        longest: seconds of a pause at most.
        patience: what asks for more seconds than this (`Retry-After`) is not waited for, but raised.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 20
    patience: float = 60

    def pause(self, attempt: int, dice: Random, *, asked: float | None = None) -> float | None:
        """Seconds to wait behind that attempt (counts from 1); None: give up.

        All clients that were cut off at once come back at different times: a pause is anything from
        half the bound to all of it, or up to a tenth more than what the platform asked for.
        """
        if attempt >= self.attempts or (asked is not None and asked > self.patience):
            return None
        if asked is not None:
            return asked * (1 + dice.random() / 10)
        bound: float = min(self.longest, self.first * 2 ** (attempt - 1))
        return bound * (1 + dice.random()) / 2


NO_RETRIES = Retries(attempts=1)
