"""The instances that are kept in memory between their turns, with their orchestrators or their histories."""

from collections import OrderedDict
from collections.abc import Sequence

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable import history
from localhost.durable.model import Snapshot
from localhost.durable.store import Store
from localhost.durable.turns import Turn
from localhost.durable.workers import LiveOrchestrator

_FIXED_SIZE = 100
"""What an instance weighs beside its history, in events: the generator of a live one, above all."""


class SnapshotCache:
    """Instances as their last turns left them, the least recently used given up first."""

    def __init__(self, store: Store, most_events: int) -> None:
        self._store = store
        self._most = most_events
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self._size = 0

    def get(self, instance_id: str) -> Snapshot | None:
        snapshot = self._snapshots.get(instance_id)
        if snapshot is None:
            snapshot = self._store.snapshot(instance_id)
            if snapshot is not None:
                self._keep(snapshot)
            return snapshot
        self._snapshots.move_to_end(instance_id)
        return snapshot

    def _keep(self, snapshot: Snapshot) -> None:
        self.forget(snapshot.instance_id)
        self._snapshots[snapshot.instance_id] = snapshot
        self._size += _size(snapshot)
        while self._size > self._most and len(self._snapshots) > 1:
            _, oldest = self._snapshots.popitem(last=False)
            self._size -= _size(oldest)

    def forget(self, instance_id: str) -> None:
        snapshot = self._snapshots.pop(instance_id, None)
        if snapshot is not None:
            self._size -= _size(snapshot)

    def request(self, snapshot: Snapshot, events: Sequence[pb.HistoryEvent]) -> pb.OrchestratorRequest:
        """What a worker needs to replay the orchestrator and run its next turn."""
        request = snapshot.past or self._store.load_history(snapshot)
        del request.newEvents[:]
        request.newEvents.extend(events)
        return request

    def advance(self, turn: Turn, live: LiveOrchestrator | None) -> None:
        """Follow a turn that was committed; ``live`` is where its orchestrator is now."""
        snapshot = turn.snapshot
        known = self._snapshots.get(snapshot.instance_id) is snapshot
        self.forget(snapshot.instance_id)
        if turn.terminal or turn.rewound or not known:
            return
        self._keep(_next_generation(turn) if turn.continued is not None else _after(turn, live))


def _after(turn: Turn, live: LiveOrchestrator | None) -> Snapshot:
    snapshot = turn.snapshot
    snapshot.status = turn.status
    snapshot.turn += 1
    snapshot.trace = turn.trace or snapshot.trace
    snapshot.started = snapshot.started or history.started(turn.events)
    added = history.replayed(turn.history)
    snapshot.events += len(added)
    snapshot.live = live
    if live is not None:
        snapshot.confirmed = added[len(turn.events) :]
        snapshot.past = None
    elif snapshot.past is not None:
        snapshot.past.pastEvents.extend(added)
        if turn.trace:
            snapshot.past.orchestrationTraceContext.ParseFromString(turn.trace)
    return snapshot


def _next_generation(turn: Turn) -> Snapshot:
    new = turn.continued
    assert new is not None
    name, turns = turn.snapshot.name, turn.snapshot.turn + 1
    return Snapshot(new.id, new.execution_id, name, new.version, turn.status, turns, new.parent)


def _size(snapshot: Snapshot) -> int:
    return snapshot.events + _FIXED_SIZE
