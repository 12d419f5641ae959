"""The events port: publish what happened to the outside, in order per key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.domain.times import rfc3339


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

    def to_json(self) -> dict[str, Any]:
        """The event in structured mode, as every implementation sends it.

        Source: CloudEvents 1.0 JSON format, section 3, and its partitioning extension (``partitionkey``).
        """
        return {
            "specversion": "1.0",
            "id": self.id,
            "type": self.type,
            "source": self.source,
            "subject": self.subject,
            "time": rfc3339(self.time),
            "datacontenttype": "application/json",
            "partitionkey": self.key,
            "data": dict(self.data),
        }


class Events(Protocol):
    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """Publish all, in order per key, at least once; durable when it returns.

        A batch that failed may have been published in part: publish it again, consumers drop repeats by id.

        Raises:
            UnavailableError: the log cannot take events now.
        """
        ...
