"""Events on their way into batches: which lane and which partition key each one has."""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.ports.events import CloudEvent, encode

KEY_LIMIT = 128
"""Characters that a partition key may have. Source: Event Hubs quotas."""


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it goes over the wire; ``position`` is where it was in the caller's list."""

    position: int
    id: str
    body: bytes


def by_lane(events: Sequence[CloudEvent], lanes: int) -> Mapping[int, Mapping[str, Sequence[Message]]]:
    """The events as messages, in order, under their partition key and its lane.

    Raises:
        TooLargeError: see :func:`shared.ports.events.encode`.
    """
    groups: dict[int, dict[str, list[Message]]] = {}
    for position, (event, body) in enumerate(zip(events, encode(events), strict=True)):
        lane = zlib.crc32(event.key.encode()) % lanes
        messages = groups.setdefault(lane, {}).setdefault(partition_key(event.key), [])
        messages.append(Message(position, event.id, body))
    return groups


def partition_key(key: str) -> str:
    """The key itself, or a digest of one that is too long for the service; one partition either way."""
    return key if len(key) <= KEY_LIMIT else hashlib.sha256(key.encode()).hexdigest()
