"""The engine's parts put together: store, mailboxes, timers, locks and lanes, and what links them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable import history
from localhost.durable.commits import grant
from localhost.durable.lanes import Lane, Router
from localhost.durable.locks import LockTable
from localhost.durable.mailboxes import Mailboxes
from localhost.durable.model import Activity, Limits, LockRequest, Message, is_entity
from localhost.durable.outside import OutsideWorkers
from localhost.durable.snapshots import SnapshotCache
from localhost.durable.store import Store
from localhost.durable.timers import TimerQueue
from localhost.durable.watchers import Watchers
from localhost.durable.workers import Workers


class Engine:
    """State in memory always follows the store: it changes when a transaction is durable, not before."""

    def __init__(self, store: Store, workers: Workers | None, limits: Limits, now: Callable[[], int]) -> None:
        self.store = store
        self.limits = limits
        self.now = now
        """Microseconds since the epoch."""
        self.mailboxes = Mailboxes()
        self.cache = SnapshotCache(store, limits.cached_events)
        self.locks = LockTable()
        self.watchers = Watchers()
        self.outside = OutsideWorkers(self.wake)
        self.router = Router(workers, self.outside)
        self.timers = TimerQueue(now=self.now, load=store.messages, deliver=self._arrive)
        self.pending: dict[int, Activity] = {}
        """Activities without a result."""
        self._lanes: dict[str, Lane[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def install(self, *lanes: Lane[Any]) -> None:
        self._lanes = {lane.kind: lane for lane in lanes}

    @property
    def lanes(self) -> Iterable[Lane[Any]]:
        return self._lanes.values()

    def wake(self) -> None:
        for lane in self.lanes:
            lane.wake()

    def recover(self) -> None:
        """Take up everything the store holds, and start."""
        self.locks.load(self.store.locks(), self.store.lock_requests())
        self.schedule(self.store.activities())
        self.timers.start()
        for lane in self.lanes:
            lane.start()
        self.grant_locks()

    def deliver(self, messages: Iterable[Message]) -> None:
        """Hand over messages that are stored (or are activity results), now or when their time comes."""
        now = self.now()
        later = [message for message in messages if message.visible_at > now]
        if later:
            self.timers.add(later)
        self._arrive(message for message in messages if message.visible_at <= now)

    def _arrive(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.mailboxes.put(message)
            self._lanes["entity" if is_entity(message.target) else "orchestration"].add(message.target)

    def schedule(self, activities: Iterable[Activity]) -> None:
        lane = self._lanes["activity"]
        for activity in activities:
            self.pending[activity.id] = activity
            lane.add(activity.id)

    def forget(self, instance_id: str) -> None:
        """An instance was replaced or erased: nothing known of it holds."""
        self.cache.forget(instance_id)
        self.mailboxes.forget(instance_id)
        self.unlocked(self.locks.release_all(instance_id))
        self.watchers.notify(instance_id)

    def unlocked(self, entity_ids: Iterable[str]) -> None:
        freed = list(entity_ids)
        if freed:
            self.grant_locks()
            for entity_id in freed:
                self._lanes["entity"].add(entity_id)

    def grant_locks(self) -> None:
        if self.locks.contended:
            for request in self.locks.take(self._oldest_operation):
                self.spawn(self._grant(request))

    def _oldest_operation(self, entity_id: str) -> int | None:
        return min((message.id for message in self.mailboxes.get(entity_id)), default=None)

    async def _grant(self, request: LockRequest) -> None:
        now = self.now()
        granted = pb.EntityLockGrantedEvent(criticalSectionId=request.critical_section)
        message = Message(
            self.store.next_id(),
            request.instance_id,
            request.execution_id,
            (history.event(now, entityLockGranted=granted),),
        )
        delivered = await self.store.write_through(partial(grant, request=request, granted=message, at=now))
        self.deliver(delivered)
        if not delivered:
            for entity_id in request.lock_set:
                self.unlocked(self.locks.release(entity_id, request.critical_section))

    def spawn[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something that does not end with whoever asked for it; the hub waits for it when it drains."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def running(self) -> set[asyncio.Task[Any]]:
        return set(self._tasks).union(*(lane.running for lane in self.lanes))
