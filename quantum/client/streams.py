"""Event streams (WHATWG HTML, section 9.2) that survive broken connections."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

from quantum.client.errors import UnreachableError
from quantum.client.transport import Transport

TERMINAL = frozenset({"execution_completed", "execution_failed", "execution_cancelled"})
ENDED = frozenset({"completed", "failed", "cancelled"})
SILENCE = 45.0
"""Seconds without a byte after which a connection counts as broken: the platform says something every 15."""

GOOD = 10.0
"""Seconds after which a connection was a good one, though nothing happened while it was open."""


@dataclass(slots=True)
class _Message:
    id: str = ""
    data: str = ""


async def events(
    transport: Transport, path: str, *, after: str | None = None
) -> AsyncGenerator[dict[str, Any]]:
    """The events of an execution as they are committed, to the terminal one.

    A connection that breaks is taken up behind the last event that came, so each comes once.

    Raises:
        ApiError: the platform refused.
        UnreachableError: it is away for longer than ``transport.retries`` waits.
    """
    cursor, idle = after, 0
    while True:
        headers = {"Last-Event-ID": cursor} if cursor else {}
        before, last, broken, began = cursor, None, None, time.monotonic()
        try:
            async with transport.open(
                path, accept="text/event-stream", headers=headers, silence=SILENCE
            ) as stream:
                async for message in _messages(stream.aiter_lines()):
                    cursor = message.id or cursor
                    event: dict[str, Any] = json.loads(message.data)
                    if event.get("type") in TERMINAL:
                        last = event  # told when the connection is given back: nobody reads on behind it
                        break
                    yield event
        except httpx.TransportError as error:
            broken = error
        if last is not None:
            yield last
            return
        idle = 0 if cursor != before or time.monotonic() - began > GOOD else idle + 1
        if broken is None and idle and await _ended(transport, path):
            return
        await _rest(transport, path, idle, broken)


async def _messages(lines: AsyncIterator[str]) -> AsyncIterator[_Message]:
    message = _Message()
    async for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if message.data:
                yield message
            message = _Message()
        elif field == "id":
            message.id = value
        elif field == "data":
            message.data += f"\n{value}" if message.data else value


async def _ended(transport: Transport, path: str) -> bool:
    """Whether there is nothing more to come: all that is left of a stream taken up behind its last event."""
    execution = await transport.send("GET", path.removesuffix("/events"))
    return execution.json().get("status") in ENDED


async def _rest(transport: Transport, path: str, idle: int, broken: Exception | None) -> None:
    """Wait before the connection is made anew; ``idle`` is how many in a row have brought nothing."""
    pause = transport.retries.pause(max(idle, 1), transport.dice)
    if pause is None:
        raise UnreachableError(f"the stream of {path} breaks each time before an event comes") from broken
    await asyncio.sleep(pause)
