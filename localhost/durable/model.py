"""The engine's own records: messages, activities, instances as a turn sees them, and limits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from localhost.durable.workers import LiveOrchestrator

RUNNING = pb.ORCHESTRATION_STATUS_RUNNING
COMPLETED = pb.ORCHESTRATION_STATUS_COMPLETED
CONTINUED_AS_NEW = pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW
FAILED = pb.ORCHESTRATION_STATUS_FAILED
TERMINATED = pb.ORCHESTRATION_STATUS_TERMINATED
PENDING = pb.ORCHESTRATION_STATUS_PENDING
SUSPENDED = pb.ORCHESTRATION_STATUS_SUSPENDED

TERMINAL = frozenset({COMPLETED, FAILED, pb.ORCHESTRATION_STATUS_CANCELED, TERMINATED})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since the epoch; a naive time is UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


@lru_cache(maxsize=4)
def timestamp(at: int) -> Timestamp:
    """A message not to be changed: the events of a turn share it."""
    seconds, rest = divmod(at, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def micros_of(stamp: Timestamp) -> int:
    """Microseconds since the epoch, rounded up, so that nothing fires before its time."""
    return stamp.seconds * 1_000_000 - (-stamp.nanos // 1000)


def is_entity(target: str) -> bool:
    """Entity ids are ``@name@key``; no orchestration id starts so."""
    return target.startswith("@")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much runs at once, and for how long a worker may keep what it was given."""

    turns: int = 200
    """Orchestrator turns under way in process at once: most of them wait for the disk, and share a commit."""
    activities: int = 200
    entities: int = 32
    cached_events: int = 500_000
    """History events of idle instances kept in memory, parsed or lived through."""
    message_bytes: int = 64 * 1024 * 1024
    """Largest gRPC message, each way."""
    stream_history_bytes: int = 2 * 1024 * 1024
    """A longer history goes to an outside worker in chunks, if it can take them."""
    turn_lease: float = 300.0
    """Seconds an outside worker has for a turn or an entity batch."""
    activity_lease: float = 6 * 3600.0
    """Seconds an outside worker has for an activity; losing its stream ends the lease at once."""
    first_retry: float = 0.1
    """Seconds before a work item whose machinery failed is tried again; doubles up to ``last_retry``."""
    last_retry: float = 30.0


@dataclass(slots=True)
class Message:
    """Something for an instance or an entity to take in, in one piece and in order."""

    id: int
    """Row in ``messages``; 0 for an activity's result, which is stored by the turn that consumes it."""
    target: str
    execution_id: str | None
    events: Sequence[pb.HistoryEvent]
    visible_at: int = 0
    activity_id: int = 0
    """The row in ``activities`` this is the result of."""

    @property
    def starts(self) -> bool:
        return self.events[0].HasField("executionStarted")

    @property
    def rewinds(self) -> bool:
        return self.events[0].HasField("executionRewound")

    @property
    def terminates(self) -> bool:
        return self.events[0].HasField("executionTerminated")

    def chunk(self) -> bytes:
        return pb.HistoryChunk(events=self.events).SerializeToString()


@dataclass(slots=True)
class Activity:
    id: int
    instance_id: str
    execution_id: str
    request: pb.ActivityRequest


@dataclass(frozen=True, slots=True)
class Parent:
    instance_id: str
    execution_id: str
    task_id: int


@dataclass(slots=True)
class Snapshot:
    """An instance as its next turn finds it, kept from turn to turn."""

    instance_id: str
    execution_id: str
    name: str
    version: str | None
    status: int
    turn: int
    parent: Parent | None
    trace: bytes | None = None
    """``OrchestrationTraceContext`` of the last turn."""
    started: pb.ExecutionStartedEvent | None = None
    """What this generation was started with; None until its first turn."""
    events: int = 0
    """How many its history has."""
    past: pb.OrchestratorRequest | None = None
    """A request with the history so far, which only grows; None while there is no need for one."""
    live: LiveOrchestrator | None = None
    """Where the orchestrator is, if it need not be replayed."""
    confirmed: Sequence[pb.HistoryEvent] = ()
    """What the last turn put into the history for what was asked: ``live`` has yet to take it in."""


@dataclass(slots=True)
class NewInstance:
    """An instance about to be created, and the message that starts it."""

    id: str
    execution_id: str
    name: str
    version: str | None
    input: str | None
    start: Message
    tags: dict[str, str] = field(default_factory=dict)
    parent: Parent | None = None
    scheduled_at: int | None = None


@dataclass(slots=True)
class LockRequest:
    id: int
    critical_section: str
    instance_id: str
    execution_id: str
    lock_set: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """What is known of an instance from outside. Payloads are JSON texts."""

    instance_id: str
    execution_id: str
    name: str
    version: str | None
    status: int
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    scheduled_at: datetime | None
    input: str | None
    output: str | None
    custom_status: str | None
    failure: pb.TaskFailureDetails | None
    tags: dict[str, str]
    parent_id: str | None

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class EntityStatus:
    entity_id: str
    state: str | None
    updated_at: datetime
    backlog: int
    locked_by: str | None
    """The instance that holds its lock."""
