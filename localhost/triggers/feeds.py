"""What feeds change-feed and Event Hub triggers: ordered, partitioned logs on this machine."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from localhost.app.functions import Function

CHANGES, EVENTS = "changes", "events"
"""The kinds of sources: a container's change feed (of documents) and an event hub (of events)."""


class Event(NamedTuple):
    """One event of an event hub's partition."""

    body: bytes
    sequence_number: int
    offset: str
    enqueued_at: datetime
    partition_key: str | None = None
    properties: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Batch[T]:
    """Consecutive items of one partition; ``cursor`` is the position after the last of them."""

    items: Sequence[T]
    cursor: str


class Source[T](Protocol):
    """An ordered, partitioned log: documents (``Mapping``) of a change feed, or ``Event`` of an event hub."""

    async def partitions(self) -> Sequence[str]:
        """The partitions; their number is fixed while the host runs. Raises UnavailableError."""
        ...

    async def latest(self, partition: str) -> str:
        """The cursor after everything that ``partition`` holds now."""
        ...

    def read(self, partition: str, *, after: str | None, limit: int) -> AsyncGenerator[Batch[T]]:
        """Batches of one to ``limit`` items after the cursor ``after`` (None: from the beginning).

        It goes on for ever, waiting for items that do not exist yet. An item is never left out; one may come
        again when the reader starts from an earlier cursor. Whoever reads closes it (``aclosing``): there may
        be a connection to end.
        """
        ...


type Sources = Mapping[tuple[str, str], Source[Any]]
"""Sources by kind (``CHANGES``, ``EVENTS``) and the name of the container or event hub."""


def source_key(function: Function) -> tuple[str, str] | None:
    """The source that a function's trigger reads; None if it is not fed by one."""
    properties = function.trigger.properties
    match function.trigger.type:
        case "cosmosDBTrigger":
            return CHANGES, str(properties.get("containerName") or properties.get("collectionName") or "")
        case "eventHubTrigger":
            return EVENTS, str(properties.get("eventHubName") or "")
        case _:
            return None
