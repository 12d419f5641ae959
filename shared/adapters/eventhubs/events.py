"""The events port over Azure Event Hubs: CloudEvents in batches, in order per key, at least once."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from shared.adapters.eventhubs.messages import by_lane
from shared.domain.errors import UnavailableError
from shared.ports.events import CloudEvent, too_large

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.eventhub.aio import EventHubProducerClient

    from shared.adapters.eventhubs.lane import Lane

LANES = 4
"""Connections of a process, and batches that it has on their way at a time."""

PATIENCE = 30.0
"""Seconds that a call keeps trying."""

PAUSE = 0.2
"""Seconds before the second attempt; it doubles from there."""

_KEYS = {"sharedaccesskey", "sharedaccesssignature"}


class EventHubsEvents:
    """Implements :class:`shared.ports.events.Events`. One per process, for the loop that first publishes.

    Every key has one of a few lanes, and a lane has one batch on its way at a time: that keeps the order of a
    key, and makes a caller wait where the hub is slower than the platform.
    """

    def __init__(
        self,
        *,
        hub: str = "",
        connection: str = "",
        namespace: str = "",
        credential: "AsyncTokenCredential | None" = None,
        identity: str | None = None,
        lanes: int = LANES,
        patience: float = PATIENCE,
        pause: float = PAUSE,
        **options: Any,
    ) -> None:
        """Nothing is connected before the first call.

        Args:
            hub: The hub's name; not needed where the connection string has it as ``EntityPath``.
            connection: A connection string with a shared access key, or
            namespace: the host name, ``….servicebus.windows.net``, for tokens of Entra ID.
            credential: For a namespace; it stays the caller's to close.
            identity: Without one: the client id of a user-assigned managed identity, else the process's own.
            lanes: Connections, and batches that are on their way at a time.
            patience: Seconds that a call keeps trying.
            pause: Seconds before the second attempt.
            options: What else the SDK's client is to know: a proxy, a transport, an endpoint of one's own.

        Raises:
            ValueError: neither or both of connection string and namespace, or a part is missing.
        """
        if bool(connection) == bool(namespace):
            raise ValueError("Event Hubs needs either a connection string or a namespace")
        pairs = (part.partition("=") for part in connection.split(";"))
        parts = {name.strip().lower(): value for name, _, value in pairs}
        if connection and not ("endpoint" in parts and parts.keys() & _KEYS):
            raise ValueError("The connection string of Event Hubs needs an Endpoint and a SharedAccessKey")
        self._hub = hub or parts.get("entitypath", "")
        if not self._hub:
            raise ValueError("Event Hubs needs the name of the hub, or EntityPath in the connection string")
        self._connection = connection
        self._namespace = namespace
        self._credential = credential
        self._client_id = identity
        self._identity: Any = None
        self._count = lanes
        self._patience = patience
        self._pause = pause
        # Retrying is done here, where the caller's patience is known.
        self._options = {"retry_total": 0, "retry_backoff_factor": 0, **options}
        self._lanes: Sequence[Lane] = ()
        self._closed = False

    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """See :meth:`shared.ports.events.Events.publish`."""
        if not events:
            return
        lanes = self._open()
        groups = by_lane(events, len(lanes))
        deadline = asyncio.get_running_loop().time() + self._patience
        packed = await _all(*(lanes[at].pack(keys, deadline) for at, keys in groups.items()))
        if oversize := sorted(position for each in packed for position in each.oversize):
            raise too_large(events, oversize, packed[0].limit)
        await _all(*(lanes[at].send(p.batches, deadline) for at, p in zip(groups, packed, strict=True)))

    async def check(self) -> None:
        """Ask the hub for its partitions, to see whether publishing can work; takes about half a second.

        Raises:
            UnavailableError: it cannot; the message says what the hub or the network answered.
        """
        deadline = asyncio.get_running_loop().time() + self._patience / 3
        await self._open()[0].check(deadline)

    async def close(self) -> None:
        """End the connections; what is still being published is unavailable."""
        self._closed = True
        await asyncio.gather(*(lane.close() for lane in self._lanes))
        if self._identity is not None:
            await self._identity.close()

    def _open(self) -> "Sequence[Lane]":
        if not self._lanes:
            # Imported here for cold start: only what publishes needs the SDK, which takes a while to load.
            from shared.adapters.eventhubs.lane import Lane

            self._lanes = [
                Lane(self._hub, self._connect, patience=self._patience, pause=self._pause)
                for _ in range(self._count)
            ]
        return self._lanes

    def _connect(self) -> "EventHubProducerClient":
        from azure.eventhub.aio import EventHubProducerClient  # loaded with the lane, not before

        if self._closed:
            raise UnavailableError(
                f"The event hub {self._hub!r} is not published to any more: the process ends"
            )
        if self._connection:
            return EventHubProducerClient.from_connection_string(
                self._connection, eventhub_name=self._hub, **self._options
            )
        return EventHubProducerClient(self._namespace, self._hub, self._token_source(), **self._options)

    def _token_source(self) -> "AsyncTokenCredential":
        if self._credential is not None:
            return self._credential
        if self._identity is None:
            # Imported here for cold start: a connection string does without.
            from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

            client_id = self._client_id
            self._identity = (
                ManagedIdentityCredential(client_id=client_id) if client_id else DefaultAzureCredential()
            )
        identity: AsyncTokenCredential = self._identity
        return identity


async def _all[T](*calls: Awaitable[T]) -> list[T]:
    """The results of all; a failure is raised once the others are through: fewer events come twice so."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
