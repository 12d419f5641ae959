"""What waits in memory for instances and entities, and the histories kept parsed between turns."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable.history import replayed
from localhost.durable.model import Message, Snapshot
from localhost.durable.turns import Turn


class Mailboxes:
    """Visible messages by target, until the transaction that consumes them is durable."""

    def __init__(self) -> None:
        self._boxes: dict[str, list[Message]] = {}

    def put(self, message: Message) -> None:
        box = self._boxes.setdefault(message.target, [])
        if box and message.starts:
            # Events that came before the start (or during the turn that continued as new) follow it.
            box.insert(0, message)
        else:
            box.append(message)

    def get(self, target: str) -> list[Message]:
        """The messages of ``target``: the list itself, to hand to :meth:`remove`."""
        return self._boxes.get(target, [])

    def remove(self, target: str, messages: Iterable[Message]) -> None:
        box = self._boxes.get(target)
        if box is None:
            return
        gone = {id(message) for message in messages}
        left = [message for message in box if id(message) not in gone]
        if left:
            self._boxes[target] = left
        else:
            del self._boxes[target]

    def forget(self, target: str) -> None:
        self._boxes.pop(target, None)

    def results(self) -> list[Message]:
        """Activity results that exist in memory only."""
        return [m for box in self._boxes.values() for m in box if m.activity_id]


class SnapshotCache:
    """Instances with their parsed histories, the least recently used given up first."""

    def __init__(self, load: Callable[[str], Snapshot | None], most_events: int) -> None:
        self._load = load
        self._most = most_events
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self._events = 0

    def get(self, instance_id: str) -> Snapshot | None:
        snapshot = self._snapshots.get(instance_id)
        if snapshot is None:
            snapshot = self._load(instance_id)
            if snapshot is not None:
                self._keep(snapshot)
            return snapshot
        self._snapshots.move_to_end(instance_id)
        return snapshot

    def _keep(self, snapshot: Snapshot) -> None:
        self.forget(snapshot.instance_id)
        self._snapshots[snapshot.instance_id] = snapshot
        self._events += _size(snapshot)
        self._shrink()

    def _shrink(self) -> None:
        while self._events > self._most and len(self._snapshots) > 1:
            _, oldest = self._snapshots.popitem(last=False)
            self._events -= _size(oldest)

    def forget(self, instance_id: str) -> None:
        snapshot = self._snapshots.pop(instance_id, None)
        if snapshot is not None:
            self._events -= _size(snapshot)

    def advance(self, turn: Turn) -> None:
        """Follow a turn that was committed."""
        snapshot = turn.snapshot
        known = self._snapshots.get(snapshot.instance_id) is snapshot
        self.forget(snapshot.instance_id)
        if turn.terminal or turn.rewound or not known:
            return
        if turn.continued is not None:
            request = pb.OrchestratorRequest(instanceId=snapshot.instance_id)
            request.executionId.value = turn.continued.execution_id
            version, parent = turn.continued.version, turn.continued.parent
            self._keep(Snapshot(request, snapshot.name, version, turn.status, snapshot.turn + 1, parent))
            return
        snapshot.request.pastEvents.extend(replayed(turn.history))
        del snapshot.request.newEvents[:]
        if turn.trace:
            snapshot.request.orchestrationTraceContext.ParseFromString(turn.trace)
        snapshot.status = turn.status
        snapshot.turn += 1
        self._keep(snapshot)


def _size(snapshot: Snapshot) -> int:
    """What it counts for: its events, and something for itself."""
    return len(snapshot.request.pastEvents) + 10
