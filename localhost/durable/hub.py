"""The task hub: durable orchestrations and entities over one SQLite file.

It does what the Durable Task sidecar does (``TaskHubSidecarService``), in process by its methods;
:mod:`localhost.durable.sidecar` serves the same over gRPC. An operation returns when what it changed is on
disk.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable import history, instances, queries
from localhost.durable.activities import ActivityLane
from localhost.durable.commits import insert_messages, record_results
from localhost.durable.engine import Engine
from localhost.durable.entities import EntityLane, normalized, signal
from localhost.durable.model import (
    PENDING,
    EntityStatus,
    InstanceStatus,
    Limits,
    Message,
    NewInstance,
    is_entity,
    micros,
)
from localhost.durable.orchestrations import OrchestrationLane
from localhost.durable.queries import EntityFilter, InstanceFilter
from localhost.durable.store import Store
from localhost.durable.unbroken import unbroken
from localhost.durable.workers import Workers

PURGED_AT_ONCE = 200
"""Instances erased by one transaction."""

logger = logging.getLogger(__name__)


def system_clock() -> int:
    return time.time_ns() // 1000


class TaskHub:
    """A task hub. Every method may raise ``StorageUnavailableError``: then nothing was changed."""

    def __init__(
        self,
        path: Path,
        *,
        workers: Workers | None,
        name: str = "quantum",
        limits: Limits | None = None,
        now: Callable[[], int] = system_clock,
    ) -> None:
        """A hub in the file ``path``, whose functions ``workers`` runs.

        ``now`` gives microseconds since the epoch. Without ``workers``, and for names they do not have, work
        waits for outside workers; a name that nobody has fails at once if there are ``workers``.
        """
        self.name = name
        self._path = path
        self._workers = workers
        self.limits = limits or Limits()
        self._now = now
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the task hub has not been started")
        return self._engine

    async def start(self) -> None:
        """Open the file, take up what was in flight, fire overdue timers, and go on."""
        engine = Engine(Store(self._path), self._workers, self.limits, self._now)
        engine.install(OrchestrationLane(engine), ActivityLane(engine), EntityLane(engine))
        self._engine = engine
        engine.recover()

    async def settle(self, timeout: float) -> None:  # noqa: ASYNC109 # what is left then goes on
        """Take on nothing new, and let what runs finish for ``timeout`` seconds."""
        engine = self.engine
        engine.timers.stop()
        for lane in engine.lanes:
            lane.stop()
        deadline = asyncio.get_running_loop().time() + timeout
        while running := engine.running():
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await asyncio.wait(running, timeout=left)

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 # what is left then is cut off, not cancelled
        """Settle within ``timeout`` seconds, record what has finished, and close."""
        engine = self.engine
        await self.settle(timeout)
        engine.store.give_up()
        for task in engine.running():
            task.cancel()
        await asyncio.gather(*engine.running(), return_exceptions=True)
        await self._record_results(engine)
        await self._close_doors()
        await asyncio.to_thread(engine.store.close)

    async def _close_doors(self) -> None:
        """Let nobody in any more: the store closes next."""
        self.engine.outside.disconnect_all()

    async def _record_results(self, engine: Engine) -> None:
        results = engine.mailboxes.results()
        for message in results:
            message.id = engine.store.next_id()
        if results:
            await engine.store.write(partial(record_results, messages=results))

    @unbroken
    async def start_instance(
        self,
        name: str,
        *,
        instance_id: str | None = None,
        input: str | None = None,  # the protocol's word
        version: str | None = None,
        start_at: datetime | None = None,
        tags: Mapping[str, str] | None = None,
        replaceable: Collection[int] = (),
        trace: pb.TraceContext | None = None,
    ) -> str:
        """Start an orchestration with a JSON text as input, at ``start_at`` if that is still to come; its id.

        Raises:
            InstanceExistsError: the id is taken by one whose status is not in ``replaceable``.
        """
        engine = self.engine
        at = engine.now()
        later = None if start_at is None else micros(start_at)
        new = history.new_instance(
            message_id=engine.store.next_id(),
            instance_id=instance_id or uuid4().hex,
            name=name,
            at=at,
            input=input,
            version=version,
            tags=dict(tags or {}),
            scheduled_at=later,
            trace=trace,
        )
        message = await engine.store.write(
            partial(instances.start, new=new, replaceable=frozenset(replaceable), at=at)
        )
        if replaceable:
            engine.forget(new.id)
        engine.deliver([message])
        return new.id

    async def status(self, instance_id: str) -> InstanceStatus | None:
        return self.engine.store.look(lambda connection: queries.status(connection, instance_id))

    async def wait(
        self, instance_id: str, enough: Callable[[InstanceStatus], bool] = lambda status: status.terminal
    ) -> InstanceStatus | None:
        """The status once it is ``enough`` (by default: finished); None if there is no such instance."""
        watchers = self.engine.watchers
        while True:
            changed = watchers.next(instance_id)
            try:
                status = await self.status(instance_id)
                if status is None or enough(status):
                    return status
                await changed
            finally:
                watchers.leave(instance_id, changed)

    async def wait_started(self, instance_id: str) -> InstanceStatus | None:
        return await self.wait(instance_id, lambda status: status.status != PENDING)

    async def query(
        self, chosen: InstanceFilter | None = None, *, size: int = 100, cursor: str | None = None
    ) -> tuple[list[InstanceStatus], str | None]:
        """A page of instances, oldest first, and the cursor of the next page.

        Raises:
            InvalidCursorError: ``cursor`` is not one of this hub.
        """
        where = chosen or InstanceFilter()
        return await self.engine.store.read(lambda connection: queries.page(connection, where, size, cursor))

    async def completed_ids(
        self,
        statuses: Collection[int] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        size: int = 100,
        cursor: str | None = None,
    ) -> tuple[list[str], str | None]:
        """Ids of finished instances by completion time, and the cursor of the next page."""
        return await self.engine.store.read(
            lambda connection: queries.completed_ids(connection, statuses, since, until, size, cursor)
        )

    async def history(self, instance_id: str) -> list[pb.HistoryChunk] | None:
        """The history of the current generation, a chunk for each turn; None if there is no such instance."""
        if await self.status(instance_id) is None:
            return None
        return await self.engine.store.read(
            lambda connection: list(queries.history_chunks(connection, instance_id))
        )

    async def raise_event(self, instance_id: str, name: str, value: str | None = None) -> None:
        """Hand an event with a JSON text to an instance; one that is finished ignores it.

        Raises:
            InstanceNotFoundError: there is no such instance.
        """
        await self._send(instance_id, history.raised(self.engine.now(), name, value))

    async def terminate(self, instance_id: str, output: str | None = None, *, recursive: bool = True) -> None:
        """End an instance, and its children if ``recursive``. A finished one is left as it is.

        Raises:
            InstanceNotFoundError: there is no such instance.
        """
        await self._send(instance_id, history.terminated(self.engine.now(), output, recurse=recursive))

    async def suspend(self, instance_id: str, reason: str | None = None) -> None:
        """Let an instance take in nothing until it is resumed.

        Raises:
            InstanceNotFoundError: there is no such instance.
        """
        suspended = pb.ExecutionSuspendedEvent(input=history.text(reason))
        await self._send(instance_id, history.event(self.engine.now(), executionSuspended=suspended))

    async def resume(self, instance_id: str, reason: str | None = None) -> None:
        """Let a suspended instance go on.

        Raises:
            InstanceNotFoundError: there is no such instance.
        """
        resumed = pb.ExecutionResumedEvent(input=history.text(reason))
        await self._send(instance_id, history.event(self.engine.now(), executionResumed=resumed))

    @unbroken
    async def _send(self, instance_id: str, what: pb.HistoryEvent) -> None:
        engine = self.engine
        message = Message(engine.store.next_id(), instance_id, None, (what,))
        stored = await engine.store.write(partial(instances.send, message=message, at=engine.now()))
        if stored is not None:
            engine.deliver([stored])

    @unbroken
    async def compact(self) -> None:
        """Write the file anew, without the bytes of what was purged."""
        await self.engine.store.compact()

    async def purge(self, instance_ids: Sequence[str], *, recursive: bool = False) -> int:
        """Erase finished instances (with finished descendants if ``recursive``) and entities; how many."""
        engine = self.engine
        count = 0
        for entity_id in filter(is_entity, instance_ids):
            count += await engine.store.write(
                partial(instances.purge_entity, entity_id=normalized(entity_id))
            )
        chosen = [one for one in instance_ids if not is_entity(one)]
        for first in range(0, len(chosen), PURGED_AT_ONCE):
            part = chosen[first : first + PURGED_AT_ONCE]
            erased = await engine.store.write(
                partial(instances.purge, instance_ids=part, recursive=recursive)
            )
            for instance_id in erased:
                engine.forget(instance_id)
            count += len(erased)
        return count

    async def purge_all(
        self,
        chosen: InstanceFilter,
        *,
        recursive: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 # the protocol's: stop early, and say so
    ) -> tuple[int, bool]:
        """Erase all finished instances of a filter: how many, and whether that was all within ``timeout``."""
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        count = 0
        while True:
            found = await self.engine.store.read(
                lambda connection: queries.finished(connection, chosen, PURGED_AT_ONCE)
            )
            if not found:
                return count, True
            count += await self.purge(found, recursive=recursive)
            if deadline is not None and asyncio.get_running_loop().time() >= deadline:
                return count, False

    @unbroken
    async def restart(self, instance_id: str, *, new_id: bool = False) -> str:
        """Run a finished instance again with its input, under its id or a new one; the id.

        Raises:
            InstanceNotFoundError: there is no such instance.
            NotAllowedError: it is not finished.
        """
        engine = self.engine
        at = engine.now()
        target = uuid4().hex if new_id else instance_id

        def build(started: pb.ExecutionStartedEvent) -> NewInstance:
            return history.new_instance(
                message_id=engine.store.next_id(),
                instance_id=target,
                name=started.name,
                at=at,
                input=history.maybe(started, "input"),
                version=history.maybe(started, "version"),
                tags=dict(started.tags),
            )

        message = await engine.store.write(
            partial(instances.restart, instance_id=instance_id, build=build, at=at)
        )
        engine.forget(target)
        engine.deliver([message])
        return target

    @unbroken
    async def rewind(self, instance_id: str, reason: str | None = None) -> None:
        """Run the failed steps of a failed instance again, in its failed children too.

        Raises:
            InstanceNotFoundError: there is no such instance.
            NotAllowedError: it is not failed.
        """
        engine = self.engine
        message = await engine.store.write(
            partial(
                instances.rewind_failed,
                instance_id=instance_id,
                reason=reason,
                message_id=engine.store.next_id(),
                at=engine.now(),
            )
        )
        engine.cache.forget(instance_id)
        engine.deliver([message])
        engine.watchers.notify(instance_id)

    @unbroken
    async def signal_entity(
        self,
        entity_id: str,
        operation: str,
        value: str | None = None,
        *,
        request_id: str | None = None,
        at: datetime | None = None,
    ) -> None:
        """Have an entity (``@name@key``) run an operation, at ``at`` if that is still to come."""
        engine = self.engine
        target = normalized(entity_id)
        sent = signal(engine.now(), operation, value, request_id or uuid4().hex, target)
        later = 0 if at is None else micros(at)
        message = Message(engine.store.next_id(), target, None, (sent,), visible_at=later)
        await engine.store.write(partial(insert_messages, messages=[message]))
        engine.deliver([message])

    async def entity(self, entity_id: str) -> EntityStatus | None:
        """An entity; None if it has no state."""
        target = normalized(entity_id)
        return self.engine.store.look(lambda connection: queries.entity(connection, target))

    async def entities(
        self, chosen: EntityFilter | None = None, *, size: int = 100, cursor: str | None = None
    ) -> tuple[list[EntityStatus], str | None]:
        """A page of entities by id, and the cursor of the next page."""
        where = chosen or EntityFilter()
        return await self.engine.store.read(
            lambda connection: queries.entities(connection, where, size, cursor)
        )

    @unbroken
    async def clean_entities(self, *, empty: bool = True, orphaned_locks: bool = True) -> tuple[int, int]:
        """Remove entities without a state and locks whose holder is gone; how many of each."""
        engine = self.engine
        removed, unlocked = await engine.store.write(
            partial(queries.clean_entities, empty=empty, orphaned=orphaned_locks)
        )
        for instance_id in {engine.locks.holder(entity_id) for entity_id in unlocked} - {None}:
            engine.unlocked(engine.locks.release_all(instance_id or ""))
        return removed, len(unlocked)
