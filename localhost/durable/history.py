"""History events, as the Durable Task protocol spells them.

The fields are those of ``HistoryEvent`` in the protocol's ``orchestrator_service.proto``; ``eventId`` is the
action's id for what an orchestrator asked for, and -1 for everything else.
"""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import message
from google.protobuf.wrappers_pb2 import StringValue

from localhost.durable.model import Message, NewInstance, Parent, timestamp

_STARTED, _COMPLETED = pb.OrchestratorStartedEvent(), pb.OrchestratorCompletedEvent()


def text(value: str | None) -> StringValue | None:
    return None if value is None else StringValue(value=value)


def maybe(message: Any, field: str) -> str | None:
    """The text of an optional ``StringValue`` field."""
    value: str | None = getattr(message, field).value if message.HasField(field) else None
    return value


def replayed(events: Iterable[pb.HistoryEvent]) -> list[pb.HistoryEvent]:
    """What a replay needs of a history: not the marks at the end of its turns, a quarter of all events.

    The SDK passes over ``orchestratorCompleted`` (durabletask ``worker.py``, ``process_event``), last of all
    kinds it asks for.
    """
    return [one for one in events if not one.HasField("orchestratorCompleted")]


def apart[M: message.Message](part: M) -> M:
    """A copy of a part of a message: the part itself would keep all of the message in memory."""
    copy = type(part)()
    copy.CopyFrom(part)
    return copy


def started(events: Iterable[pb.HistoryEvent]) -> pb.ExecutionStartedEvent | None:
    """What the generation whose history has these events was started with."""
    return next((one.executionStarted for one in events if one.HasField("executionStarted")), None)


def event(at: int, event_id: int = -1, **kind: Any) -> pb.HistoryEvent:
    return pb.HistoryEvent(eventId=event_id, timestamp=timestamp(at), **kind)


def turn_started(at: int) -> pb.HistoryEvent:
    return event(at, orchestratorStarted=_STARTED)


def turn_completed(at: int) -> pb.HistoryEvent:
    return event(at, orchestratorCompleted=_COMPLETED)


def execution_completed(
    at: int, status: int, output: str | None, failure: pb.TaskFailureDetails | None
) -> pb.HistoryEvent:
    completed = pb.ExecutionCompletedEvent(
        orchestrationStatus=status,  # type: ignore[arg-type] # the stub wants its own int type
        result=text(output),
        failureDetails=failure,
    )
    return event(at, executionCompleted=completed)


def terminated(at: int, output: str | None, *, recurse: bool) -> pb.HistoryEvent:
    return event(at, executionTerminated=pb.ExecutionTerminatedEvent(input=text(output), recurse=recurse))


def raised(at: int, name: str, value: str | None) -> pb.HistoryEvent:
    return event(at, eventRaised=pb.EventRaisedEvent(name=name, input=text(value)))


def timer_fired(fire_at: int, timer_id: int) -> pb.HistoryEvent:
    return event(fire_at, timerFired=pb.TimerFiredEvent(fireAt=timestamp(fire_at), timerId=timer_id))


def rewound(at: int, reason: str | None, parent_execution_id: str | None = None) -> pb.HistoryEvent:
    return event(
        at,
        executionRewound=pb.ExecutionRewoundEvent(
            reason=text(reason), parentExecutionId=text(parent_execution_id)
        ),
    )


def activity_result(at: int, response: pb.ActivityResponse, task_id: int) -> pb.HistoryEvent:
    """A failure is one that carries details, whatever its message (which may be empty)."""
    if response.HasField("failureDetails"):
        failed = pb.TaskFailedEvent(taskScheduledId=task_id, failureDetails=response.failureDetails)
        return event(at, taskFailed=failed)
    completed = pb.TaskCompletedEvent(taskScheduledId=task_id)
    if response.HasField("result"):
        completed.result.CopyFrom(response.result)
    return event(at, taskCompleted=completed)


def child_result(
    at: int,
    task_id: int,
    child_id: str,
    status: int,
    output: str | None,
    failure: pb.TaskFailureDetails | None,
) -> pb.HistoryEvent:
    """What a parent learns of its child's end; a terminated child counts as failed."""
    if status == pb.ORCHESTRATION_STATUS_COMPLETED:
        completed = pb.SubOrchestrationInstanceCompletedEvent(taskScheduledId=task_id, result=text(output))
        return event(at, subOrchestrationInstanceCompleted=completed)
    details = failure or child_failure(
        "OrchestrationTerminated", f"Sub-orchestration '{child_id}' was terminated"
    )
    failed = pb.SubOrchestrationInstanceFailedEvent(taskScheduledId=task_id, failureDetails=details)
    return event(at, subOrchestrationInstanceFailed=failed)


def child_failure(error_type: str, message: str) -> pb.TaskFailureDetails:
    return pb.TaskFailureDetails(errorType=error_type, errorMessage=message, isNonRetriable=True)


def new_instance(  # noqa: PLR0913 # the fields of an instance, by name
    *,
    message_id: int,
    instance_id: str,
    name: str,
    at: int,
    input: str | None = None,  # the field's name everywhere
    version: str | None = None,
    tags: dict[str, str] | None = None,
    parent: Parent | None = None,
    parent_name: str | None = None,
    scheduled_at: int | None = None,
    trace: pb.TraceContext | None = None,
    carried: tuple[pb.HistoryEvent, ...] = (),
    execution_id: str | None = None,
) -> NewInstance:
    """A new generation of an instance with its first message.

    The start, with the events carried over from the generation before, is one message: no event can come
    between them.
    """
    generation = execution_id or uuid4().hex
    started = pb.ExecutionStartedEvent(
        name=name,
        version=text(version),
        input=text(input),
        orchestrationInstance=pb.OrchestrationInstance(instanceId=instance_id, executionId=text(generation)),
        parentTraceContext=trace,
        tags=tags,
        scheduledStartTimestamp=None if scheduled_at is None else timestamp(scheduled_at),
    )
    if parent is not None:
        started.parentInstance.taskScheduledId = parent.task_id
        started.parentInstance.name.value = parent_name or ""
        started.parentInstance.orchestrationInstance.instanceId = parent.instance_id
        started.parentInstance.orchestrationInstance.executionId.value = parent.execution_id
    start = Message(
        message_id,
        instance_id,
        generation,
        (event(at, executionStarted=started), *carried),
        visible_at=scheduled_at or 0,
    )
    return NewInstance(
        instance_id, generation, name, version, input, start, dict(tags or {}), parent, scheduled_at
    )
