"""One connection to an event hub that sends batch by batch and keeps at it.

The SDK does not do the retrying (azure-eventhub 5.15.1, measured). It gives up on a refused message after a
second try whatever its options say, and waits for ever for an outcome that it does not know or never hears.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from azure.eventhub import EventData, EventDataBatch
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.exceptions import EventDataSendError, EventHubError

from shared.adapters.eventhubs.messages import Message, OversizeError
from shared.domain.errors import UnavailableError

CONTENT_TYPE = "application/cloudevents+json"
"""Structured mode, one event per message. Source: CloudEvents AMQP protocol binding, section 3.2."""

ATTEMPTS = 3
"""A single attempt may take this part of the patience, so that a silent service is asked again."""

LONGEST_PAUSE = 8.0
"""Seconds between two attempts, at most."""

HOPELESS_PAUSE = 30
"""Seconds to wait when only a change of keys, roles or resources can help."""

CLOSING = 2.0
"""Seconds that a connection has to say goodbye."""

_BUSY_PAUSES = {b"com.microsoft:server-busy": 4.0, b"com.microsoft:timeout": 2.0}
"""Seconds to leave the service alone. Source: the waits that the SDK has for these conditions."""

_HOPELESS = {b"amqp:not-found", b"amqp:unauthorized-access"}
_HOPELESS_STATUS = {401, 403, 404}
_log = logging.getLogger(__name__)


class Lane:
    """Sends in the order asked for, one batch at a time. Connects when it is first needed."""

    def __init__(
        self, connect: Callable[[], EventHubProducerClient], *, patience: float, pause: float
    ) -> None:
        """``patience`` is how long a call may take, ``pause`` the first wait between attempts, in seconds."""
        self._connect = connect
        self._attempt = patience / ATTEMPTS
        self._pause = pause
        self._turn = asyncio.Lock()
        self._client: EventHubProducerClient | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.trouble = ""
        """Why the last attempt failed; empty when it did not."""

    async def pack(self, groups: Mapping[str, Sequence[Message]], deadline: float) -> list[EventDataBatch]:
        """Batches of one key each, as few as the hub's limit allows; ``deadline`` is a time of the loop.

        Raises:
            OversizeError: messages alone are over the limit.
            UnavailableError: the hub cannot be reached in time.
        """
        limit = await self._insist(_limit, deadline)
        batches: list[EventDataBatch] = []
        oversize: list[int] = []
        for key, messages in groups.items():
            batch = EventDataBatch(limit, partition_key=key)
            for message in messages:
                if len(batch) and not _added(batch, message):
                    batches.append(batch)
                    batch = EventDataBatch(limit, partition_key=key)
                if not len(batch) and not _added(batch, message):
                    oversize.append(message.position)
            batches.append(batch)
        if oversize:
            raise OversizeError(oversize, limit)
        return batches

    async def send(self, batches: Sequence[EventDataBatch], deadline: float) -> None:
        """Send all, one behind the other; the hub has them when this returns.

        Raises:
            UnavailableError: one was not taken in time; none behind it was sent.
        """
        async with self._turn:
            for batch in batches:
                await self._send(batch, deadline)

    async def close(self) -> None:
        """Say goodbye, within a bounded time."""
        self._drop()
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSING)
        for task in self._closing:
            task.cancel()

    async def _send(self, batch: EventDataBatch, deadline: float) -> None:
        await self._insist(lambda client: client.send_batch(batch), deadline)

    async def _insist[T](self, call: Callable[[EventHubProducerClient], Awaitable[T]], deadline: float) -> T:
        """Call until it works, with growing pauses, up to the deadline."""
        loop = asyncio.get_running_loop()
        pause = self._pause
        while True:
            try:
                async with asyncio.timeout_at(min(deadline, loop.time() + self._attempt)):
                    result = await self._try(call)
            except (EventHubError, TimeoutError, OSError) as error:
                await self._rest(error, pause, deadline - loop.time())
            else:
                self.trouble = ""
                return result
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _try[T](self, call: Callable[[EventHubProducerClient], Awaitable[T]]) -> T:
        """Call once. After anything but a refusal, something may be half sent: the connection is given up."""
        if self._client is None:
            self._client = self._connect()
        try:
            return await call(self._client)
        except EventDataSendError:
            raise
        except BaseException:
            self._drop()
            raise

    async def _rest(self, problem: Exception, pause: float, left: float) -> None:
        """Wait for the next attempt.

        Raises:
            UnavailableError: there is no time left for one, or it cannot help.
        """
        details = getattr(problem, "details", None)
        condition = bytes(getattr(details, "condition", b""))
        self.trouble = " ".join(str(problem).split()) or f"no answer within {self._attempt:g} s"
        _log.warning("the event hub did not take a call: %s", self.trouble)
        if condition in _HOPELESS or getattr(details, "status_code", None) in _HOPELESS_STATUS:
            raise self._unavailable(HOPELESS_PAUSE)
        wait = max(pause, _BUSY_PAUSES.get(condition, 0))
        wait *= random.uniform(1, 1.25)  # noqa: S311 - spreads the attempts of many processes, guards nothing
        if wait >= left:
            raise self._unavailable(math.ceil(wait))
        await asyncio.sleep(wait)

    def _unavailable(self, retry_after: int) -> UnavailableError:
        message = f"The event hub cannot take events now; publish them again. It said: {self.trouble}"
        return UnavailableError(message, retry_after=retry_after)

    def _drop(self) -> None:
        """Give the connection up, and close it beside what goes on."""
        if self._client is not None:
            task = asyncio.get_running_loop().create_task(_close(self._client))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            self._client = None


async def _limit(client: EventHubProducerClient) -> int:
    return (await client.create_batch()).max_size_in_bytes


def _added(batch: EventDataBatch, message: Message) -> bool:
    event = EventData(message.body)
    event.message_id = message.id
    event.content_type = CONTENT_TYPE
    try:
        batch.add(event)
    except ValueError:  # how the SDK says that there is no room
        return False
    return True


async def _close(client: EventHubProducerClient) -> None:
    with suppress(EventHubError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSING):
            await client.close()
