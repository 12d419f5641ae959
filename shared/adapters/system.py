"""The system's own clock and randomness."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.domain.ids import RANDOM_BYTES, ulid
from shared.ports.clock import Clock


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class RandomIds:
    """ULIDs of the clock's time and the system's randomness."""

    clock: Clock

    def new(self) -> str:
        return ulid(self.clock.now(), secrets.token_bytes(RANDOM_BYTES))
