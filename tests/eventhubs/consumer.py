"""A consumer that sees an event hub as others do: through the vendor's SDK, partition by partition."""

import asyncio
from collections.abc import Mapping, Sequence

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, PartitionContext

DEADLINE = 20.0
"""Seconds that a partition may take to be read."""


class Consumer:
    """Reads what came behind a mark; behind the beginning if none was made."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self._marks: Mapping[str, int] = {}

    async def mark(self) -> None:
        """Leave out what the hub has by now."""
        async with self._client() as client:
            self._marks = await self._last(client)

    async def read(self) -> list[list[EventData]]:
        """Everything that the partitions have by now."""
        async with self._client() as client:
            last = await self._last(client)
            return await asyncio.gather(*(self._partition(client, each, last[each]) for each in sorted(last)))

    def _client(self) -> EventHubConsumerClient:
        return EventHubConsumerClient.from_connection_string(self._connection, consumer_group="$Default")

    async def _last(self, client: EventHubConsumerClient) -> dict[str, int]:
        numbers = await client.get_partition_ids()
        found = await asyncio.gather(*map(client.get_partition_properties, numbers))
        return {each["id"]: each["last_enqueued_sequence_number"] for each in found}

    async def _partition(self, client: EventHubConsumerClient, number: str, last: int) -> list[EventData]:
        start = self._marks.get(number, -1)
        if last <= start:
            return []
        events: list[EventData] = []
        complete = asyncio.Event()

        async def take(_: PartitionContext, batch: Sequence[EventData]) -> None:
            events.extend(batch)
            if events and (events[-1].sequence_number or 0) >= last:
                complete.set()

        task = asyncio.create_task(client.receive_batch(take, partition_id=number, starting_position=start))
        try:
            await asyncio.wait_for(complete.wait(), DEADLINE)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return events
