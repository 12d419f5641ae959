"""What an orchestrator's answer means: pure, from a snapshot and a response to what must be stored.

The order of a turn's history is the protocol's: ``orchestratorStarted``, the new events, one event per action
(``eventId`` = the action's id), ``orchestratorCompleted`` and, at the end, ``executionCompleted``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable import history
from localhost.durable.history import event, maybe
from localhost.durable.model import (
    CONTINUED_AS_NEW,
    PENDING,
    RUNNING,
    SUSPENDED,
    TERMINAL,
    TERMINATED,
    Activity,
    LockRequest,
    Message,
    NewInstance,
    Parent,
    Snapshot,
    is_entity,
    micros_of,
)


@dataclass(slots=True)
class Turn:
    """Everything one turn changes, to be stored in one transaction."""

    snapshot: Snapshot
    at: int
    consumed: Sequence[Message]
    events: Sequence[pb.HistoryEvent]
    """What it brought the orchestrator."""
    status: int
    history: list[pb.HistoryEvent]
    custom_status: str | None = None
    trace: bytes | None = None
    output: str | None = None
    failure: pb.TaskFailureDetails | None = None
    activities: list[Activity] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    children: list[NewInstance] = field(default_factory=list)
    lock_requests: list[LockRequest] = field(default_factory=list)
    unlocks: list[tuple[str, str]] = field(default_factory=list)
    """Entity and critical section."""
    continued: NewInstance | None = None
    rewound: bool = False
    """``history`` replaces what was there."""
    recurse: bool = False
    """Terminated with its children."""

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def releases(self) -> bool:
        """Nothing of this generation goes on, so it cannot hold a lock."""
        return self.terminal or self.continued is not None

    @property
    def execution_id(self) -> str:
        return self.snapshot.execution_id

    @property
    def next_execution_id(self) -> str:
        """The generation after this turn: another one if it continued as new or was rewound."""
        if self.continued is not None:
            return self.continued.execution_id
        if not self.rewound:
            return self.execution_id
        started = history.started(self.history)
        assert started is not None  # it can have been rewound only once it ran
        return started.orchestrationInstance.executionId.value


def new_events(messages: Sequence[Message], execution_id: str, now: int) -> list[pb.HistoryEvent]:
    """The events of a turn; those of other generations are left out, and none at all if nothing is left.

    The turn's time is never before a timer that fires in it: orchestrators compare the two.
    """
    events: list[pb.HistoryEvent] = []
    awake = False
    for message in messages:
        if message.execution_id is None or message.execution_id == execution_id:
            awake = True
            events.extend(e for e in message.events if not e.HasField("orchestratorStarted"))
    fired = (micros_of(e.timerFired.fireAt) for e in events if e.HasField("timerFired"))
    return [history.turn_started(max(now, *fired, 0)), *events] if awake else []


def termination(events: Sequence[pb.HistoryEvent]) -> pb.OrchestratorResponse:
    """The answer of an orchestrator that is terminated and cannot, or need not, be run."""
    output = next(
        (maybe(e.executionTerminated, "input") for e in events if e.HasField("executionTerminated")), None
    )
    return ending(TERMINATED, output=output)


def ending(
    status: int, *, output: str | None = None, failure: pb.TaskFailureDetails | None = None
) -> pb.OrchestratorResponse:
    complete = pb.CompleteOrchestrationAction(
        orchestrationStatus=status,  # type: ignore[arg-type] # the stub wants its own int type
        result=history.text(output),
        failureDetails=failure,
    )
    return pb.OrchestratorResponse(actions=[pb.OrchestratorAction(id=-1, completeOrchestration=complete)])


def plan(
    snapshot: Snapshot,
    consumed: Sequence[Message],
    events: Sequence[pb.HistoryEvent],
    response: pb.OrchestratorResponse,
    *,
    now: int,
    next_id: Callable[[], int],
) -> Turn:
    """Turn ``response`` to a turn over ``events`` into what must be stored.

    Raises:
        ValueError: an action this engine does not know; the turn must not count.
    """
    return _Planner(snapshot, consumed, events, response, now, next_id).plan()


def status_after(status: int, events: Sequence[pb.HistoryEvent]) -> int:
    """The status a turn leaves, if it does not end: suspension is a matter of events alone."""
    current = RUNNING if status == PENDING else status
    for one in events:
        if one.HasField("executionSuspended"):
            current = SUSPENDED
        elif one.HasField("executionResumed"):
            current = RUNNING
    return current


class _Planner:
    def __init__(
        self,
        snapshot: Snapshot,
        consumed: Sequence[Message],
        events: Sequence[pb.HistoryEvent],
        response: pb.OrchestratorResponse,
        now: int,
        next_id: Callable[[], int],
    ) -> None:
        self._snapshot = snapshot
        self._events = events
        self._response = response
        self._now = now
        self._next_id = next_id
        status = status_after(snapshot.status, events)
        self._turn = Turn(snapshot, now, consumed, events, status, list(events))

    def plan(self) -> Turn:
        turn = self._turn
        turn.custom_status = maybe(self._response, "customStatus")
        if self._response.HasField("orchestrationTraceContext"):
            turn.trace = self._response.orchestrationTraceContext.SerializeToString() or None
        completion: pb.CompleteOrchestrationAction | None = None
        for action in self._response.actions:
            kind = action.WhichOneof("orchestratorActionType")
            if kind == "completeOrchestration":
                completion = action.completeOrchestration
            elif kind is None:
                raise ValueError("an orchestrator action of no known kind")
            else:
                _ACTIONS[kind](self, action)
        if not turn.rewound:
            turn.history.append(history.turn_completed(self._now))
        if completion is not None:
            self._complete(completion)
        return turn

    def _complete(self, action: pb.CompleteOrchestrationAction) -> None:
        turn = self._turn
        if action.orchestrationStatus == CONTINUED_AS_NEW:
            self._continue(action)
            return
        turn.status = action.orchestrationStatus
        turn.output = maybe(action, "result")
        turn.failure = action.failureDetails if action.HasField("failureDetails") else None
        turn.recurse = turn.status == TERMINATED and any(
            e.executionTerminated.recurse for e in self._events if e.HasField("executionTerminated")
        )
        turn.history.append(history.execution_completed(self._now, turn.status, turn.output, turn.failure))
        parent = self._snapshot.parent
        if parent is not None:
            result = history.child_result(
                self._now, parent.task_id, self._snapshot.instance_id, turn.status, turn.output, turn.failure
            )
            self._send(parent.instance_id, result, execution_id=parent.execution_id)

    def _continue(self, action: pb.CompleteOrchestrationAction) -> None:
        old = self._snapshot.started or history.started(self._events) or pb.ExecutionStartedEvent()
        parent = self._snapshot.parent
        self._turn.status = RUNNING
        self._turn.continued = history.new_instance(
            message_id=self._next_id(),
            instance_id=self._snapshot.instance_id,
            name=self._snapshot.name,
            at=self._now,
            input=maybe(action, "result"),
            version=maybe(action, "newVersion") or self._snapshot.version,
            tags=dict(action.tags) or dict(old.tags),
            parent=parent,
            parent_name=old.parentInstance.name.value,
            trace=old.parentTraceContext if old.HasField("parentTraceContext") else None,
            carried=tuple(action.carryoverEvents),
        )

    def _send(
        self, target: str, what: pb.HistoryEvent, *, execution_id: str | None = None, visible_at: int = 0
    ) -> None:
        self._turn.messages.append(Message(self._next_id(), target, execution_id, (what,), visible_at))

    def _record(self, action_id: int, **kind: object) -> None:
        self._turn.history.append(event(self._now, action_id, **kind))

    def _schedule(self, action: pb.OrchestratorAction) -> None:
        task = action.scheduleTask
        scheduled = pb.TaskScheduledEvent(name=task.name, **_given(task))
        self._record(action.id, taskScheduled=scheduled)
        self._turn.activities.append(self._activity(action.id, scheduled, self._snapshot.execution_id))

    def _activity(self, task_id: int, scheduled: pb.TaskScheduledEvent, execution_id: str) -> Activity:
        instance_id = self._snapshot.instance_id
        request = pb.ActivityRequest(
            name=scheduled.name,
            taskId=task_id,
            orchestrationInstance={"instanceId": instance_id, "executionId": {"value": execution_id}},
            **_given(scheduled),
        )
        return Activity(self._next_id(), instance_id, execution_id, request)

    def _set_timer(self, action: pb.OrchestratorAction) -> None:
        self._record(action.id, timerCreated=pb.TimerCreatedEvent(fireAt=action.createTimer.fireAt))
        self._arm(action.id, micros_of(action.createTimer.fireAt), self._snapshot.execution_id)

    def _arm(self, timer_id: int, fire_at: int, execution_id: str) -> None:
        fired = history.timer_fired(fire_at, timer_id)
        self._send(self._snapshot.instance_id, fired, execution_id=execution_id, visible_at=max(fire_at, 1))

    def _start_child(self, action: pb.OrchestratorAction) -> None:
        asked = action.createSubOrchestration
        child_id = asked.instanceId or f"{self._snapshot.instance_id}:{action.id:04x}"
        created = pb.SubOrchestrationInstanceCreatedEvent(
            instanceId=child_id, name=asked.name, **_given(asked)
        )
        self._record(action.id, subOrchestrationInstanceCreated=created)
        self._turn.children.append(
            history.new_instance(
                message_id=self._next_id(),
                instance_id=child_id,
                name=asked.name,
                at=self._now,
                input=maybe(asked, "input"),
                version=maybe(asked, "version"),
                tags=dict(asked.tags),
                parent=Parent(self._snapshot.instance_id, self._snapshot.execution_id, action.id),
                parent_name=self._snapshot.name,
                trace=asked.parentTraceContext if asked.HasField("parentTraceContext") else None,
            )
        )

    def _send_event(self, action: pb.OrchestratorAction) -> None:
        sent = action.sendEvent
        value = maybe(sent, "data")
        self._record(
            action.id,
            eventSent=pb.EventSentEvent(
                instanceId=sent.instance.instanceId, name=sent.name, input=history.text(value)
            ),
        )
        if sent.instance.instanceId:
            self._send(sent.instance.instanceId, history.raised(self._now, sent.name, value))

    def _terminate(self, action: pb.OrchestratorAction) -> None:
        asked = action.terminateOrchestration
        end = history.terminated(self._now, maybe(asked, "reason"), recurse=asked.recurse)
        self._send(asked.instanceId, end)

    def _message_entity(self, action: pb.OrchestratorAction) -> None:
        message = action.sendEntityMessage
        kind = message.WhichOneof("EntityMessageType")
        if kind is None:
            raise ValueError("an entity message of no known kind")
        content = getattr(message, kind)
        self._record(action.id, **{kind: content})
        if kind == "entityLockRequested":
            self._turn.lock_requests.append(
                LockRequest(
                    self._next_id(),
                    content.criticalSectionId,
                    self._snapshot.instance_id,
                    self._snapshot.execution_id,
                    tuple(content.lockSet),
                )
            )
        elif kind == "entityUnlockSent":
            self._turn.unlocks.append((content.targetInstanceId.value, content.criticalSectionId))
        else:
            self._operate(kind, content, self._snapshot.execution_id)

    def _operate(
        self,
        kind: str,
        content: Any,
        execution_id: str,
    ) -> None:
        operation = event(self._now, -1, **{kind: content})
        if kind == "entityOperationCalled":
            # Who asked, so that the answer cannot reach another generation.
            operation.entityOperationCalled.parentInstanceId.value = self._snapshot.instance_id
            operation.entityOperationCalled.parentExecutionId.value = execution_id
        later = micros_of(content.scheduledTime) if content.HasField("scheduledTime") else 0
        target = content.targetInstanceId.value
        if is_entity(target):
            self._send(target, operation, visible_at=later)

    def _rewind(self, action: pb.OrchestratorAction) -> None:
        """Take the rewritten history, and ask again for what it left open (results then were dropped)."""
        turn = self._turn
        turn.rewound = True
        turn.status = RUNNING
        turn.history = list(action.rewindOrchestration.newHistory)
        execution_id = turn.next_execution_id
        done = {_answered(e) for e in turn.history}
        for one in turn.history:
            if one.HasField("taskScheduled") and ("task", one.eventId) not in done:
                turn.activities.append(self._activity(one.eventId, one.taskScheduled, execution_id))
            elif one.HasField("timerCreated") and ("timer", one.eventId) not in done:
                self._arm(one.eventId, micros_of(one.timerCreated.fireAt), execution_id)
            elif one.HasField("entityOperationCalled"):
                called = one.entityOperationCalled
                if ("call", called.requestId) not in done:
                    self._operate("entityOperationCalled", called, execution_id)
        self._send(self._snapshot.instance_id, history.turn_started(self._now), execution_id=execution_id)


def _given(asked: Any) -> dict[str, Any]:
    """The optional fields that what is asked for, its event and its request have in common."""
    names = ("version", "input", "parentTraceContext")
    given = {name: getattr(asked, name) for name in names if asked.HasField(name)}
    return given | {"tags": asked.tags} if asked.tags else given


def _answered(one: pb.HistoryEvent) -> tuple[str, int | str] | None:
    if one.HasField("taskCompleted"):
        return "task", one.taskCompleted.taskScheduledId
    if one.HasField("timerFired"):
        return "timer", one.timerFired.timerId
    if one.HasField("subOrchestrationInstanceCompleted"):
        return "child", one.subOrchestrationInstanceCompleted.taskScheduledId
    if one.HasField("entityOperationCompleted"):
        return "call", one.entityOperationCompleted.requestId
    if one.HasField("entityOperationFailed"):
        return "call", one.entityOperationFailed.requestId
    return None


def open_children(events: Sequence[pb.HistoryEvent]) -> list[pb.HistoryEvent]:
    """The ``subOrchestrationInstanceCreated`` events that have no result."""
    done = {_answered(e) for e in events}
    return [
        e
        for e in events
        if e.HasField("subOrchestrationInstanceCreated") and ("child", e.eventId) not in done
    ]


_ACTIONS: dict[str, Callable[[_Planner, pb.OrchestratorAction], None]] = {
    "scheduleTask": _Planner._schedule,  # noqa: SLF001 # its own table
    "createTimer": _Planner._set_timer,  # noqa: SLF001
    "createSubOrchestration": _Planner._start_child,  # noqa: SLF001
    "sendEvent": _Planner._send_event,  # noqa: SLF001
    "terminateOrchestration": _Planner._terminate,  # noqa: SLF001
    "sendEntityMessage": _Planner._message_entity,  # noqa: SLF001
    "rewindOrchestration": _Planner._rewind,  # noqa: SLF001
}
