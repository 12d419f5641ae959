"""An execution's events, as pages and as a live stream, from the change feed of its partition.

The feed's own position is the cursor of a stream. The progress that an event reports is counted along the
feed, so that it says how the execution stood at that event, whoever reads it and whenever.
"""

import asyncio
import weakref
from collections.abc import AsyncIterator, Sequence
from typing import Any

from shared.domain.errors import NotFoundError, UnavailableError
from shared.domain.events import Event, counter_of
from shared.domain.executions import Progress
from shared.ports.documents import EXECUTIONS, Change, Documents
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from shared.services.steps.attempts import HEAD
from shared.services.tenancy.berths import Berth, Berths
from shared.services.tenancy.tenants import LIFE, Tenants

PAGE = 200
"""How many events are read from the feed at a time."""


class Streams:
    def __init__(
        self, *, documents: Documents, tenants: Tenants, berths: Berths, heartbeat_seconds: float
    ) -> None:
        self._documents = documents
        self._berths = berths
        self._tenants = tenants
        self._heartbeat = heartbeat_seconds

    async def page(
        self, caller: Caller, execution_id: str, *, after: str | None, limit: int
    ) -> tuple[list[Event], str | None]:
        """Events behind ``after`` and the cursor behind the last of them, None when there are no more now.

        Raises:
            NotFoundError: there is no such execution.
            BadCursorError: ``after`` is not a cursor of this stream.
        """
        reader = await self._reader(caller, execution_id, after)
        events = await reader.read(limit=limit + 1)
        more = len(events) > limit
        return events[:limit], events[limit - 1].cursor if more else None

    async def tail(
        self, caller: Caller, execution_id: str, *, after: str | None
    ) -> AsyncIterator[Sequence[Event]]:
        """A live stream: batches of events as they are committed, an empty one when a heartbeat is due.

        While the store is away it has heartbeats only, and then goes on where it was. It ends behind the
        terminal event, or when nothing is done for the tenant's members any more. Errors that a caller should
        see are raised here, before the iteration begins.

        Raises:
            NotFoundError: there is no such execution.
            BadCursorError: ``after`` is not a cursor of this stream.
            QuotaExceededError: the tenant has as many streams open as it may have.
        """
        reader = await self._reader(caller, execution_id, after)
        first = await reader.read(limit=PAGE)
        berth = await self._berths.take(caller.scope)
        tail = self._berthed(berth, self._follow(reader, first, caller.scope))
        # Of a generator that is never begun, because the client has gone, nothing is run at its end.
        weakref.finalize(tail, berth.leave)
        return tail

    @staticmethod
    async def _berthed(berth: Berth, tail: AsyncIterator[Sequence[Event]]) -> AsyncIterator[Sequence[Event]]:
        try:
            async for events in tail:
                yield events
        finally:
            berth.leave()

    async def _follow(
        self, reader: "_Reader", events: Sequence[Event], scope: TenantScope
    ) -> AsyncIterator[Sequence[Event]]:
        if events:
            yield events
        quiet, patience = 0.0, min(self._heartbeat, LIFE)
        while not reader.ended:
            try:
                if not (await self._tenants.standing(scope)).served:
                    return
                await self._berths.renew(scope)
                events = await reader.read(limit=PAGE, wait=patience)
            except UnavailableError as error:
                # The stream outlives it: browsers come back from a broken stream, but not from a 503.
                yield ()
                await asyncio.sleep(min(error.retry_after, self._heartbeat))
            else:
                quiet = 0.0 if events else quiet + patience
                if events or quiet >= self._heartbeat:
                    quiet = 0.0
                    yield events

    async def _reader(self, caller: Caller, execution_id: str, after: str | None) -> "_Reader":
        head = await self._documents.read(caller.scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        if head is None:
            raise NotFoundError(f"There is no execution {execution_id}")
        total = head.body["progress"]["total"]
        reader = _Reader(self._documents, caller.scope, execution_id, Progress(total))
        if after is not None:
            await reader.skip_to(after)
        return reader


class _Reader:
    """Walks one execution's feed and counts its progress."""

    def __init__(
        self, documents: Documents, scope: TenantScope, execution_id: str, progress: Progress
    ) -> None:
        self._documents = documents
        self._scope = scope
        self._execution_id = execution_id
        self._progress = progress
        self._position: str | None = None
        self.ended = False

    async def skip_to(self, cursor: str) -> None:
        """Count what lies before ``cursor`` and go on behind it."""
        # The feed judges the cursor first: a bad one must not cost a walk.
        await self._changes(after=cursor, limit=1)
        while self._position != cursor and not self.ended:
            changes = await self._changes(after=self._position, limit=PAGE)
            if not changes:
                break
            for change in changes:
                self._event(change)
                if change.position == cursor:
                    return
        self._position = cursor

    async def read(self, *, limit: int, wait: float = 0) -> list[Event]:
        changes = await self._changes(after=self._position, limit=limit, wait=wait)
        return [self._event(change) for change in changes]

    async def _changes(self, *, after: str | None, limit: int, wait: float = 0) -> Sequence[Change]:
        return await self._documents.changes(
            self._scope,
            container=EXECUTIONS,
            partition=self._execution_id,
            after=after,
            kind="event",
            limit=limit,
            wait=wait,
        )

    def _event(self, change: Change) -> Event:
        self._position = change.position
        body = change.document.body
        data: dict[str, Any] = dict(body["data"])
        if (counter := counter_of(body["type"], data)) is not None:
            self._progress = self._progress.counting(counter)
            data["progress"] = self._progress.to_json()
        event = Event(change.position, body["type"], self._execution_id, body["time"], data)
        if event.terminal:
            data["progress"] = self._progress.to_json()
            self.ended = True
        return event
