"""The local stores as sources of the host's change-feed and Event Hub triggers."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from localhost.sqlite.documents import FeedChange, SqliteDocuments
from localhost.sqlite.events import LoggedEvent, SqliteEvents
from localhost.triggers.feeds import Batch, Event
from shared.ports.documents import Container

WAIT = 60.0
"""Seconds that one look at a store may wait for news; then it is looked at again."""

_CHANGES_PARTITION = "0"
_PROPERTIES = {"content-type": "application/cloudevents+json; charset=utf-8"}


class ChangeSource:
    """The changes of one container, over all tenants, as one partition in the order of their commits."""

    def __init__(self, documents: SqliteDocuments, container: Container) -> None:
        self._documents = documents
        self._container = container

    async def partitions(self) -> Sequence[str]:
        return [_CHANGES_PARTITION]

    async def latest(self, partition: str) -> str:  # noqa: ARG002 - there is one
        return str(self._documents.last_seq())

    async def read(
        self,
        partition: str,  # noqa: ARG002 - there is one
        *,
        after: str | None,
        limit: int,
    ) -> AsyncGenerator[Batch[Mapping[str, Any]]]:
        """See :meth:`localhost.triggers.feeds.Source.read`. Raises UnavailableError when the store does."""
        position = int(after or 0)
        while True:
            changes = await self._documents.feed(
                container=self._container, after=position, limit=limit, wait=WAIT
            )
            if changes:
                position = changes[-1].seq
                yield Batch([_item(change) for change in changes], str(position))


class EventSource:
    """The event log, partition by partition."""

    def __init__(self, events: SqliteEvents) -> None:
        self._events = events

    async def partitions(self) -> Sequence[str]:
        return [str(number) for number in range(self._events.partitions)]

    async def latest(self, partition: str) -> str:
        return str(self._events.last_sequence(int(partition)))

    async def read(self, partition: str, *, after: str | None, limit: int) -> AsyncGenerator[Batch[Event]]:
        """See :meth:`localhost.triggers.feeds.Source.read`. Raises UnavailableError when the store does."""
        position = int(after or 0)
        while True:
            logged = await self._events.read(int(partition), after=position, limit=limit, wait=WAIT)
            if logged:
                position = logged[-1].sequence
                yield Batch([_event(event) for event in logged], str(position))


def _item(change: FeedChange) -> Mapping[str, Any]:
    """The document with the system properties that Cosmos DB's change feed gives it."""
    change.body.update(_etag=change.etag, _lsn=change.seq)
    return change.body


def _event(event: LoggedEvent) -> Event:
    return Event(
        body=event.body,
        sequence_number=event.sequence,
        offset=str(event.sequence),
        enqueued_at=event.enqueued_at,
        partition_key=event.key,
        properties=_PROPERTIES,
    )
