"""A consumer that sees an event hub as others do: through the vendor's SDK, partition by partition."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext

DEADLINE = 60.0
"""Seconds that the hub may take to hand out what it has."""


class Consumer:
    """Collects what comes while it is open."""

    def __init__(self, client: EventHubConsumerClient, marks: Mapping[str, int]) -> None:
        self._client = client
        self._positions = dict(marks)
        self._events: dict[str, list[EventData]] = {number: [] for number in marks}
        self._arrival = asyncio.Event()

    async def read(self) -> list[list[EventData]]:
        """What came to the partitions since the last time, in order."""
        last = await _last(self._client, list(self._events))
        async with asyncio.timeout(DEADLINE):
            while any(self._positions[number] < last[number] for number in last):
                self._arrival.clear()
                await self._arrival.wait()
        events = list(self._events.values())
        self._events = {number: [] for number in last}
        return events

    def receiving(self) -> list[Coroutine[None, None, None]]:
        """The partitions' receivers, to be run until they are cancelled."""
        return [
            self._client.receive_batch(
                partial(self._take, number), partition_id=number, starting_position=position
            )
            for number, position in self._positions.items()
        ]

    async def _take(self, number: str, _: PartitionContext, batch: Sequence[EventData]) -> None:
        self._events[number].extend(batch)
        self._positions[number] = batch[-1].sequence_number or 0
        self._arrival.set()


@asynccontextmanager
async def consuming(connection: str) -> AsyncIterator[Consumer]:
    """Consume all partitions of the hub that the connection string names, from now on."""
    client = EventHubConsumerClient.from_connection_string(connection, "$Default", socket_timeout=0.05)
    async with client:
        consumer = Consumer(client, await _last(client, await client.get_partition_ids()))
        receivers = [asyncio.create_task(receiving) for receiving in consumer.receiving()]
        try:
            yield consumer
        finally:
            for receiver in receivers:
                receiver.cancel()
            await asyncio.gather(*receivers, return_exceptions=True)


async def _last(client: EventHubConsumerClient, numbers: Sequence[str]) -> dict[str, int]:
    found = await asyncio.gather(*map(client.get_partition_properties, numbers))
    return {each["id"]: each["last_enqueued_sequence_number"] for each in found}
