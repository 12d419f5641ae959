"""The events port: publish what happened to the outside, in order per key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event in CloudEvents 1.0 terms; ``id`` is deterministic, so that a repeat can be told."""

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    data: Mapping[str, Any]
    key: str
    """The partition key: events of one key are delivered in the order they were published."""


class Events(Protocol):
    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """Publish all, in order per key, at least once; durable when it returns.

        A batch that failed may have been published in part: publish it again, consumers drop repeats by id.

        Raises:
            UnavailableError: the log cannot take events now.
        """
        ...
