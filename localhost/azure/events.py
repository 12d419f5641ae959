"""An event hub as a source of the host's triggers. Importing it loads the SDK."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext
from azure.eventhub.exceptions import EventHubError
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

from localhost.triggers.feeds import Batch, Event
from shared.domain.errors import UnavailableError
from shared.settings import Connection

GROUP = "$Default"
"""The consumer group. No function names it: a host beside an app in Azure takes nothing from that one's."""

BEGINNING = -1
"""Before the first sequence number."""

PATIENCE = 10.0
"""Seconds that the hub has to say what it has."""

type Arrivals = asyncio.Queue[Sequence[EventData] | Exception]


class EventSource:
    """One hub, partition by partition; a cursor is a sequence number."""

    def __init__(self, connection: Connection, hub: str) -> None:
        self._connection = connection
        self._hub = hub

    async def partitions(self) -> Sequence[str]:
        """See :meth:`localhost.triggers.feeds.Source.partitions`."""
        async with self._client() as client, asyncio.timeout(PATIENCE):
            return sorted(await client.get_partition_ids(), key=int)

    async def latest(self, partition: str) -> str:
        """See :meth:`localhost.triggers.feeds.Source.latest`."""
        async with self._client() as client, asyncio.timeout(PATIENCE):
            found = await client.get_partition_properties(partition)
        return str(BEGINNING if found["is_empty"] else found["last_enqueued_sequence_number"])

    async def read(self, partition: str, *, after: str | None, limit: int) -> AsyncGenerator[Batch[Event]]:
        """See :meth:`localhost.triggers.feeds.Source.read`. Raises UnavailableError when the hub does."""
        arrivals: Arrivals = asyncio.Queue(1)  # the SDK waits until a batch is wanted

        async def take(_: PartitionContext, batch: Sequence[EventData]) -> None:
            await arrivals.put(batch)

        async def fail(_: PartitionContext | None, error: Exception) -> None:
            await arrivals.put(error)  # left to itself, the SDK begins anew after half a minute

        async with self._client() as client:
            receiving = client.receive_batch(
                take,
                max_batch_size=limit,
                partition_id=partition,
                starting_position=BEGINNING if after is None else int(after),
                on_error=fail,
            )
            async with _running(receiving):
                while True:
                    arrived = await arrivals.get()
                    if isinstance(arrived, Exception):
                        raise arrived
                    yield Batch([_event(event) for event in arrived], str(arrived[-1].sequence_number))

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[EventHubConsumerClient]:
        """A connection that does not retry by itself: the SDK would hand out twice what it has in store.

        Raises:
            UnavailableError: it cannot be made, or breaks.
        """
        connection = self._connection
        async with AsyncExitStack() as stack:
            if connection.string:
                client = EventHubConsumerClient.from_connection_string(
                    connection.string, GROUP, eventhub_name=self._hub, retry_total=0
                )
            else:
                identity = _identity(connection.client_id)
                stack.push_async_callback(identity.close)
                client = EventHubConsumerClient(connection.address, self._hub, GROUP, identity, retry_total=0)
            try:
                yield await stack.enter_async_context(client)
            except (EventHubError, OSError) as error:  # of which a TimeoutError is one
                reason = " ".join(str(error).split()) or f"no answer within {PATIENCE:g} s"
                raise UnavailableError(f"The event hub {self._hub!r} cannot be read: {reason}") from error


def _identity(client_id: str) -> DefaultAzureCredential | ManagedIdentityCredential:
    """As :class:`shared.adapters.eventhubs.events.EventHubsEvents` signs in."""
    return ManagedIdentityCredential(client_id=client_id) if client_id else DefaultAzureCredential()


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    """``work`` beside what is done, until that ends."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _event(event: EventData) -> Event:
    key = event.partition_key
    return Event(
        body=b"".join(cast("Iterable[bytes]", event.body)),
        sequence_number=event.sequence_number or 0,
        offset=event.offset or "",
        enqueued_at=event.enqueued_time or datetime.now(UTC),
        partition_key=None if key is None else key.decode(),
        properties={"content-type": event.content_type},
    )
