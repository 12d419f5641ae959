"""The events port: publish what happened to the outside, in order per key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson

from shared.domain.errors import FieldError, TooLargeError
from shared.domain.times import rfc3339
from shared.ports.telemetry import NOTHING, Carrier

MAX_EVENT_BYTES = 1_000_000
"""Bytes of JSON that an event may have. Event Hubs takes 1 MiB for a message with all that goes around it."""


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
    trace: Carrier = NOTHING
    """What the event is part of."""

    def to_json(self) -> dict[str, Any]:
        """The event in structured mode, as every implementation sends it.

        Source: CloudEvents 1.0 JSON format, section 3, and its extensions for partitioning (``partitionkey``)
        and distributed tracing (``traceparent``, ``tracestate``).
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
            **self.trace,
            "data": dict(self.data),
        }


class Events(Protocol):
    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """Publish all, in order per key, at least once; durable when it returns.

        A call that found the log unavailable may have published a part, of each key the first events: publish
        the same again before anything behind it, and consumers, which drop repeats by id, see the order kept.
        Calls that overlap have no order among themselves.

        An implementation tries again for a while before it gives up, and holds its callers back when the log
        is slower than they are.

        Raises:
            UnavailableError: the log cannot take events now; ``retry_after`` says when it may.
            TooLargeError: events are over ``MAX_EVENT_BYTES``, or over a lower limit that this log was set up
                with. ``errors`` has each of them, with its place in ``events`` as the pointer (``/3``).
                Nothing was published and trying again cannot help: publish the others without them.
        """
        ...

    async def check(self) -> None:
        """See whether the log is there and lets this process in; nothing is published.

        Raises:
            UnavailableError: it is not, or does not; the message has what the log or the network answered.
        """
        ...


def encode(events: Sequence[CloudEvent]) -> list[bytes]:
    """Each event as JSON in structured mode.

    Raises:
        TooLargeError: some are over ``MAX_EVENT_BYTES``; ``errors`` has each of them.
    """
    bodies = [orjson.dumps(event.to_json()) for event in events]
    if large := [at for at, body in enumerate(bodies) if len(body) > MAX_EVENT_BYTES]:
        raise too_large(events, large, MAX_EVENT_BYTES)
    return bodies


def too_large(events: Sequence[CloudEvent], positions: Sequence[int], limit: int) -> TooLargeError:
    """The error for the events at these positions, which are over ``limit`` bytes."""
    errors = [
        FieldError(f"/{at}", "too_large", f"The event {events[at].id} is over {limit} bytes")
        for at in positions
    ]
    return TooLargeError(f"{len(errors)} of {len(events)} events are over {limit} bytes", errors=errors)
