"""Workers outside this process: the streams they read, and what they were given and still owe.

A work item is a lease with a token. It ends when the worker completes or abandons it, when its stream ends,
or when its time is up; what comes with a token that is no longer known is stale and does not count.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable.errors import WorkerLostError

_ANY = 1000
"""Work items of a kind at once, for a worker that names no number."""

type _Names = dict[str, frozenset[str]]
"""Names with the versions taken; no versions: any."""


@dataclass(eq=False, slots=True)
class OutsideWorker:
    accepted: dict[str, _Names] | None
    """For each kind what it takes; None: everything."""
    capacity: dict[str, int]
    streams_history: bool
    queue: asyncio.Queue[pb.WorkItem | None] = field(default_factory=asyncio.Queue)
    leases: dict[str, "_Lease"] = field(default_factory=dict)
    load: dict[str, int] = field(default_factory=dict)

    def accepts(self, kind: str, name: str, version: str | None) -> bool:
        if self.accepted is None:
            return True
        versions = self.accepted[kind].get(name)
        return versions is not None and (not versions or (version or "") in versions)

    def has_room(self, kind: str) -> bool:
        return self.load.get(kind, 0) < self.capacity[kind]


@dataclass(slots=True)
class _Lease:
    kind: str
    worker: OutsideWorker
    future: asyncio.Future[Any]
    partial: list[pb.OrchestratorResponse] = field(default_factory=list)


class OutsideWorkers:
    def __init__(self, changed: Callable[[], None]) -> None:
        """``changed`` is called when a worker came or has room again."""
        self._changed = changed
        self._workers: list[OutsideWorker] = []
        self._leases: dict[str, _Lease] = {}

    def connect(self, request: pb.GetWorkItemsRequest) -> OutsideWorker:
        accepted = _accepted(request.workItemFilters) if request.HasField("workItemFilters") else None
        capacity = {
            "orchestration": request.maxConcurrentOrchestrationWorkItems or _ANY,
            "activity": request.maxConcurrentActivityWorkItems or _ANY,
            "entity": request.maxConcurrentEntityWorkItems or _ANY,
        }
        streams = pb.WORKER_CAPABILITY_HISTORY_STREAMING in request.capabilities
        worker = OutsideWorker(accepted, capacity, streams)
        self._workers.append(worker)
        self._changed()
        return worker

    def disconnect(self, worker: OutsideWorker) -> None:
        """Give back all that the worker was given."""
        if worker in self._workers:
            self._workers.remove(worker)
        for lease in list(worker.leases.values()):
            if not lease.future.done():
                lease.future.set_exception(WorkerLostError("the worker disconnected"))
        worker.queue.put_nowait(None)

    def disconnect_all(self) -> None:
        for worker in list(self._workers):
            self.disconnect(worker)

    def accepts(self, kind: str, name: str, version: str | None) -> bool:
        """Whether a connected worker takes such work, now or when it has room."""
        return any(worker.accepts(kind, name, version) for worker in self._workers)

    def has_room(self, kind: str) -> bool:
        return any(worker.has_room(kind) for worker in self._workers)

    def find(self, kind: str, name: str, version: str | None) -> OutsideWorker | None:
        """The least busy worker that takes such work now."""
        able = [w for w in self._workers if w.has_room(kind) and w.accepts(kind, name, version)]
        return min(able, key=lambda w: w.load.get(kind, 0), default=None)

    async def perform(self, worker: OutsideWorker, kind: str, item: pb.WorkItem, seconds: float) -> Any:
        """Have ``worker`` do ``item`` within ``seconds``; its response.

        Raises:
            WorkerLostError: it did not.
        """
        token = uuid4().hex
        item.completionToken = token
        lease = _Lease(kind, worker, asyncio.get_running_loop().create_future())
        self._leases[token] = worker.leases[token] = lease
        worker.load[kind] = worker.load.get(kind, 0) + 1
        worker.queue.put_nowait(item)
        try:
            async with asyncio.timeout(seconds):
                return await lease.future
        except TimeoutError:
            raise WorkerLostError(f"the worker did not finish in {seconds:g} s") from None
        finally:
            del self._leases[token]
            del worker.leases[token]
            worker.load[kind] -= 1
            self._changed()

    def complete(self, kind: str, token: str, response: Any) -> bool:
        """Take a worker's response; False if the lease had ended, and then it does not count."""
        lease = self._leases.get(token)
        if lease is None or lease.kind != kind or lease.future.done():
            return False
        if isinstance(response, pb.OrchestratorResponse):
            if response.isPartial:
                lease.partial.append(response)
                return True
            response = _joined([*lease.partial, response])
        lease.future.set_result(response)
        return True

    def abandon(self, kind: str, token: str) -> None:
        lease = self._leases.get(token)
        if lease is not None and lease.kind == kind and not lease.future.done():
            lease.future.set_exception(WorkerLostError("the worker gave the work item back"))


def _joined(parts: list[pb.OrchestratorResponse]) -> pb.OrchestratorResponse:
    """A response that came in chunks: the last one, with the actions of all in their order."""
    last = parts[-1]
    if len(parts) > 1:
        ordered = sorted(parts, key=lambda part: part.chunkIndex.value)
        actions = [action for part in ordered for action in part.actions]
        del last.actions[:]
        last.actions.extend(actions)
    return last


def _accepted(filters: pb.WorkItemFilters) -> dict[str, _Names]:
    return {
        "orchestration": _names((f.name, f.versions) for f in filters.orchestrations),
        "activity": _names((f.name, f.versions) for f in filters.activities),
        "entity": _names((f.name.lower(), ()) for f in filters.entities),
    }


def _names(filters: Iterable[tuple[str, Iterable[str]]]) -> _Names:
    names: _Names = {}
    for name, versions in filters:
        names[name] = names.get(name, frozenset()) | frozenset(versions)
    return names
