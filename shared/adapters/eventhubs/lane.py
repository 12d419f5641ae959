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
from dataclasses import dataclass, field

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.eventhub import EventData, EventDataBatch
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.exceptions import (
    AuthenticationError,
    ConnectError,
    EventDataSendError,
    EventHubError,
)

from shared.adapters.eventhubs.messages import Message
from shared.domain.causes import (
    FAILING,
    FORBIDDEN,
    MISSING,
    REFUSED,
    SLOW,
    THROTTLED,
    UNREACHABLE,
    Cause,
)
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

_BUSY_PAUSES = {"server-busy": 4.0, "timeout": 2.0}
"""Seconds to leave the service alone. Source: the waits that the SDK has for these conditions."""

_HOPELESS = {MISSING, REFUSED, FORBIDDEN}
_CAUSES = {
    "not-found": MISSING,
    "unauthorized-access": FORBIDDEN,
    "server-busy": THROTTLED,
    "timeout": SLOW,
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Packed:
    """Batches of up to ``limit`` bytes, and the positions of the messages that are too large for any."""

    limit: int
    batches: list[EventDataBatch] = field(default_factory=list)
    oversize: list[int] = field(default_factory=list)


class Lane:
    """Sends in the order asked for, one batch at a time. Connects when it is first needed."""

    def __init__(
        self, name: str, connect: Callable[[], EventHubProducerClient], *, patience: float, pause: float
    ) -> None:
        """``patience`` is how long a call may take, ``pause`` the first wait between attempts, in seconds."""
        self._name = name
        self._connect = connect
        self._attempt = patience / ATTEMPTS
        self._pause = pause
        self._turn = asyncio.Lock()
        self._client: EventHubProducerClient | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def check(self, deadline: float) -> None:
        """Ask the hub for its partitions; ``deadline`` is a time of the loop, here and below.

        Raises:
            UnavailableError: it does not say; the message has why.
        """
        await self._insist(EventHubProducerClient.get_partition_ids, deadline)

    async def pack(self, groups: Mapping[str, Sequence[Message]], deadline: float) -> Packed:
        """Batches of one key each, as few as the hub's limit allows.

        Raises:
            UnavailableError: the hub cannot be reached in time.
        """
        packed = Packed(await self._insist(_limit, deadline))
        for key, messages in groups.items():
            batch = EventDataBatch(packed.limit, partition_key=key)
            for message in messages:
                if len(batch) and not _added(batch, message):
                    packed.batches.append(batch)
                    batch = EventDataBatch(packed.limit, partition_key=key)
                if not len(batch) and not _added(batch, message):
                    packed.oversize.append(message.position)
            packed.batches.append(batch)
        return packed

    async def send(self, batches: Sequence[EventDataBatch], deadline: float) -> None:
        """Send all, one behind the other; the hub has them when this returns.

        Raises:
            UnavailableError: one was not taken in time; none behind it was sent.
        """
        try:
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        except TimeoutError:
            raise self._unavailable("it takes events slower than they come", SLOW, self._pause) from None
        try:
            for batch in batches:
                await self._send(batch, deadline)
        finally:
            self._turn.release()

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
        pause, cause = self._pause, SLOW
        while True:
            try:
                async with asyncio.timeout_at(min(deadline, loop.time() + self._attempt)):
                    return await self._try(call)
            except (EventHubError, AzureError, TimeoutError, OSError) as error:
                # What took the time says more than that there is none left.
                cause = cause if isinstance(error, TimeoutError) else _cause(error)
                await self._rest(error, cause, pause, deadline - loop.time())
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

    async def _rest(self, problem: Exception, cause: Cause, pause: float, left: float) -> None:
        """Wait for the next attempt.

        Raises:
            UnavailableError: there is no time left for one, or it cannot help.
        """
        reason = " ".join(str(problem).split()) or f"no answer within {self._attempt:g} s"
        _log.warning("the event hub %r did not take a call: %s", self._name, reason)
        if cause in _HOPELESS:
            raise self._unavailable(reason, cause, HOPELESS_PAUSE)
        wait = max(pause, _BUSY_PAUSES.get(_condition(problem), 0))
        wait *= random.uniform(1, 1.25)  # noqa: S311 - spreads the attempts of many processes, guards nothing
        if wait >= left:
            raise self._unavailable(reason, cause, wait)
        await asyncio.sleep(wait)

    def _unavailable(self, reason: str, cause: Cause, wait: float) -> UnavailableError:
        message = f"The event hub {self._name!r} cannot take events now, publish them again: {reason}"
        return UnavailableError(message, retry_after=math.ceil(wait), cause=cause)

    def _drop(self) -> None:
        """Give the connection up, and close it beside what goes on."""
        if self._client is not None:
            task = asyncio.get_running_loop().create_task(_close(self._client))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            self._client = None


def _condition(problem: Exception) -> str:
    """What AMQP calls it, behind the first colon."""
    return str(getattr(problem, "error", None) or "")


def _cause(problem: Exception) -> Cause:
    condition = _condition(problem)
    if condition in _CAUSES:
        return _CAUSES[condition]
    match problem:
        case AuthenticationError() if condition == "client-error":
            return REFUSED  # the token was put and not taken
        case ClientAuthenticationError():
            return REFUSED  # the identity gets no token
        case ConnectError() | ConnectionRefusedError():
            return UNREACHABLE
    return FAILING


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
