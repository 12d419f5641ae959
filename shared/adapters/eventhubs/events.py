"""The events port over Azure Event Hubs: CloudEvents in batches, in order per key, at least once."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from shared.adapters.eventhubs.identity import RenewableIdentity
from shared.adapters.eventhubs.messages import by_lane
from shared.domain.causes import FORBIDDEN, REFUSED
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
        self._identity = RenewableIdentity(identity)
        self._credential = credential or self._identity
        self._count = lanes
        self._patience = patience
        self._pause = pause
        # Retrying is done here, where the caller's patience is known.
        self._options = {"retry_total": 0, "retry_backoff_factor": 0, **options}
        self._lanes: Sequence[Lane] = ()
        self._look: Lane | None = None
        self._closed = False

    async def publish(self, events: Sequence[CloudEvent]) -> None:
        """See :meth:`shared.ports.events.Events.publish`."""
        if not events:
            return
        lanes = await self._open()
        groups = by_lane(events, len(lanes))
        deadline = asyncio.get_running_loop().time() + self._patience
        try:
            packed = await _all(*(lanes[at].pack(keys, deadline) for at, keys in groups.items()))
            if oversize := sorted(position for each in packed for position in each.oversize):
                raise too_large(events, oversize, packed[0].limit)
            await _all(*(lanes[at].send(p.batches, deadline) for at, p in zip(groups, packed, strict=True)))
        except UnavailableError as error:
            await self._renew(error)
            raise

    async def check(self) -> None:
        """See :meth:`shared.ports.events.Events.check`. It takes about half a second."""
        await self._open()
        if self._look is None:
            # A lane of its own: a check that fails gives its connection up, and no batch is on it.
            self._look = self._lane()
        deadline = asyncio.get_running_loop().time() + self._patience / 3
        try:
            await self._look.check(deadline)
        except UnavailableError as error:
            await self._renew(error)
            raise

    async def close(self) -> None:
        """End the connections; what is still being published is unavailable."""
        self._closed = True
        lanes = [*self._lanes, *([self._look] if self._look is not None else ())]
        await asyncio.gather(*(lane.close() for lane in lanes))
        await self._identity.close()

    async def _open(self) -> "Sequence[Lane]":
        if not self._lanes:
            # On a thread: the event loop goes on meanwhile.
            await asyncio.to_thread(_load)
            self._lanes = self._lanes or [self._lane() for _ in range(self._count)]
        return self._lanes

    def _lane(self) -> "Lane":
        return _load()(self._hub, self._connect, patience=self._patience, pause=self._pause)

    async def _renew(self, error: UnavailableError) -> None:
        """Ask for a new token next time if this one was refused."""
        if error.cause in {REFUSED, FORBIDDEN}:
            await self._identity.close()

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
        return EventHubProducerClient(self._namespace, self._hub, self._credential, **self._options)


def _load() -> type["Lane"]:
    # Imported here for cold start: only what publishes needs the SDK, which takes a while to load.
    from shared.adapters.eventhubs.lane import Lane

    return Lane


async def _all[T](*calls: Awaitable[T]) -> list[T]:
    """The results of all; a failure is raised once the others are through: fewer events come twice so."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
