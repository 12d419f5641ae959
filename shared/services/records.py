"""The bodies of events' documents: they tell what happened, in the transaction of the change they tell of.

An event's id says all that makes it unique, so that a change told twice meets its own document.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.domain.times import rfc3339
from shared.ports.telemetry import NOTHING, Carrier, carrier_in


def event_id(key: str, type: str) -> str:
    """The id of an event's document; see :func:`event`."""
    return f"event:{key}:{type}"


def event(
    *,
    key: str,
    type: str,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    trace: Carrier = NOTHING,
) -> dict[str, Any]:
    """An event document; ``data`` is what it carries beside type and time.

    ``key`` tells occurrences of one type in one partition apart: a version's number, or step and attempt.
    ``trace`` is what the deliveries of the event belong to.
    """
    place = carrier_in(trace)
    return {
        "id": event_id(key, type),
        "kind": "event",
        "type": type,
        "time": rfc3339(now),
        "data": dict(data or {}),
        **({"trace": place} if place else {}),
    }
