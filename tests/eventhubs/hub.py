"""Event hubs in memory: partitions, what consumers are given, where they start, and who may come in."""

import base64
import hashlib
import hmac
import json
import re
import time
import zlib
from asyncio import Event
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote_plus, unquote, urlsplit

from tests.eventhubs import amqp

BATCH_FORMAT = 0x80013700
"""The message format of a batch: every data section is a whole encoded message."""

KEY_LIMIT = 128
"""Characters that a partition key may have."""

_KEY = "x-opt-partition-key"
_POSITION = re.compile(r"amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time) (>=?) '([^']*)'")


@dataclass(frozen=True, slots=True)
class Stored:
    """An event in a partition; ``bare`` is the message without header and annotations."""

    sequence: int
    enqueued_at: int
    key: str | None
    bare: bytes

    @property
    def offset(self) -> int:
        return self.sequence * 64

    def to_message(self) -> bytes:
        """As a consumer is given it."""
        annotations = {
            amqp.Symbol("x-opt-sequence-number"): amqp.Long(self.sequence),
            amqp.Symbol("x-opt-offset"): str(self.offset),
            amqp.Symbol("x-opt-enqueued-time"): amqp.Timestamp(self.enqueued_at),
        }
        if self.key is not None:
            annotations[amqp.Symbol(_KEY)] = self.key
        return amqp.message({amqp.MESSAGE_ANNOTATIONS: annotations}) + self.bare

    def body(self) -> Any:
        """What the event carries, which the tests of the platform know to be JSON."""
        return json.loads(b"".join(v for kind, v, _ in amqp.sections(self.bare) if kind == amqp.DATA))


@dataclass(eq=False, frozen=True, slots=True)
class Reader:
    """A consumer that is attached to a partition; ``epoch`` is -1 if it did not name one."""

    epoch: int
    nudge: Event
    put_out: Callable[[amqp.Described], None]


@dataclass(eq=False, slots=True)
class Partition:
    events: list[Stored] = field(default_factory=list)
    readers: set[Reader] = field(default_factory=set)

    def append(self, messages: list[tuple[str | None, bytes]]) -> None:
        now = int(time.time() * 1000)
        for key, bare in messages:
            self.events.append(Stored(len(self.events), now, key, bare))
        for reader in self.readers:
            reader.nudge.set()

    def properties(self, hub: str, number: str) -> dict[str, Any]:
        """The answer to a READ of ``com.microsoft:partition``."""
        last = self.events[-1] if self.events else None
        return {
            "name": hub,
            "partition": number,
            "begin_sequence_number": amqp.Long(0),
            "last_enqueued_sequence_number": amqp.Long(last.sequence if last else -1),
            "last_enqueued_offset": str(last.offset if last else -1),
            "last_enqueued_time_utc": amqp.Timestamp(last.enqueued_at if last else 0),
            "is_partition_empty": not self.events,
        }


class Cursor:
    """Where a consumer is in a partition."""

    def __init__(self, partition: Partition, at: int) -> None:
        self._partition = partition
        self._at = at

    def take(self) -> bytes | None:
        """The next message, if there is one yet."""
        if self._at >= len(self._partition.events):
            return None
        self._at += 1
        return self._partition.events[self._at - 1].to_message()


class Hub:
    def __init__(self, name: str, partitions: int = 4) -> None:
        self.name = name
        self.partitions = [Partition() for _ in range(partitions)]
        self._turn = 0

    def place(self, key: str | None) -> Partition:
        """The partition of a key; events without one go round."""
        if key is not None:
            return self.partitions[zlib.crc32(key.encode()) % len(self.partitions)]
        self._turn += 1
        return self.partitions[self._turn % len(self.partitions)]

    def properties(self) -> dict[str, Any]:
        """The answer to a READ of ``com.microsoft:eventhub``."""
        numbers = amqp.Array(str(number) for number in range(len(self.partitions)))
        created = amqp.Timestamp(1_700_000_000_000)
        count = len(self.partitions)
        return {"name": self.name, "created_at": created, "partition_count": count, "partition_ids": numbers}


def unpack(message_format: int, payload: bytes) -> tuple[str | None, list[tuple[str | None, bytes]]]:
    """The key that a transfer is addressed by, and its messages, each with its key and without annotations.

    Raises:
        ValueError: the keys contradict each other, or one is too long.
    """
    parts = amqp.sections(payload)
    key = _key_of(parts)
    if message_format != BATCH_FORMAT:
        return key, [(key, _bare(parts))]
    messages = []
    for kind, value, _ in parts:
        if kind == amqp.DATA:
            inner = amqp.sections(value)
            messages.append((_key_of(inner), _bare(inner)))
    if any(found != key for found, _ in messages):
        raise ValueError("the key of an event is not the key of its batch")
    return key, messages


def _key_of(parts: list[tuple[int, Any, bytes]]) -> str | None:
    for kind, value, _ in parts:
        if kind == amqp.MESSAGE_ANNOTATIONS and value.get(_KEY) is not None:
            key = value[_KEY]
            text = key if isinstance(key, str) else key.decode()
            if len(text) > KEY_LIMIT:
                raise ValueError("the partition key is too long")
            return text
    return None


def _bare(parts: list[tuple[int, Any, bytes]]) -> bytes:
    return b"".join(raw for kind, _, raw in parts if kind >= amqp.PROPERTIES)


def first_of(partition: Partition, filters: Mapping[str, Any] | None) -> int:
    """The index of the event that a consumer with this source filter is given first.

    Raises:
        ValueError: this is not a position.
    """
    if not filters:
        return 0
    (described,) = filters.values()
    found = _POSITION.fullmatch(described.value)
    if found is None:
        raise ValueError(f"not a position: {described.value}")
    what, comparison, value = found.groups()
    if value == "@latest":
        return len(partition.events)
    reading: dict[str, Callable[[Stored], int]] = {
        "offset": lambda event: event.offset,
        "sequence-number": lambda event: event.sequence,
        "enqueued-time": lambda event: event.enqueued_at,
    }
    least = int(value) + (comparison == ">")
    return next(
        (i for i, e in enumerate(partition.events) if reading[what](e) >= least), len(partition.events)
    )


@dataclass(frozen=True, slots=True)
class Access:
    """The shared access policy of a namespace, and the tokens of Entra ID that it takes."""

    policy: str = "RootManageSharedAccessKey"
    key: str = "a2V5LW9mLXRoZS1wZWVy"
    tokens: frozenset[str] = frozenset()

    def allows(self, kind: str, token: str, audience: str) -> bool:
        """Whether a put-token of this type is taken. Source: Event Hubs docs, "Generate SAS token"."""
        if kind == "jwt":
            return token in self.tokens
        values = {
            name: found[0] for name, found in parse_qs(token.removeprefix("SharedAccessSignature ")).items()
        }
        signed = f"{quote_plus(values['sr'])}\n{values['se']}".encode()
        right = base64.b64encode(hmac.digest(self.key.encode(), signed, hashlib.sha256)).decode()
        return (
            values["skn"] == self.policy
            and hmac.compare_digest(values["sig"], right)
            and int(values["se"]) > time.time()
            and entity(audience).lower().startswith(entity(values["sr"]).lower())
        )


def entity(address: str) -> str:
    """The path of an address, which may be a whole URI."""
    return unquote(urlsplit(address).path if "://" in address else address).strip("/")
