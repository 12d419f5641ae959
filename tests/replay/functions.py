"""The registered functions of orchestrations, called as a host calls them: turns in protobuf, base64 in text.

Facts of the protocol are those of the Durable Task SDK (``orchestrator_service.proto``): a turn brings the
past events and the new ones, beginning with ``orchestratorStarted``, and answers with actions; the engine
confirms each action with an event that carries the action's id.
"""

import asyncio
import base64
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from functions.durable import executions, webhooks

type Handle = Callable[..., Coroutine[Any, Any, str]]

EPOCH = datetime(2026, 1, 1)  # noqa: DTZ001  the durable clock is naive UTC


def handles() -> dict[str, Handle]:
    """The orchestrators by name, from an app that has the blueprint and nothing else."""
    no_platform: Any = None  # orchestrators do without
    app = df.DFApp()
    for module in (executions, webhooks):
        app.register_functions(module.blueprint(no_platform))
    found: dict[str, Handle] = {}
    for function in app.get_functions():
        binding = function.get_bindings_dict()["bindings"][0]
        if binding["type"] == "orchestrationTrigger":
            found[str(binding["orchestration"])] = function.get_user_function()
    return found


def take_turn(
    handle: Handle, instance_id: str, past: Sequence[pb.HistoryEvent], new: Sequence[pb.HistoryEvent]
) -> list[pb.OrchestratorAction]:
    """Let the registered function take one turn, and say what it asks for."""
    request = pb.OrchestratorRequest(instanceId=instance_id, pastEvents=past, newEvents=new)
    body = base64.b64encode(request.SerializeToString()).decode()
    answer = asyncio.run(handle(_durable_input=body))
    response = pb.OrchestratorResponse.FromString(base64.b64decode(answer))
    return list(response.actions)


def moment(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(EPOCH + timedelta(seconds=seconds))
    return stamp


def beginning(instance_id: str, orchestrator: str, input: Any) -> pb.HistoryEvent:
    return pb.HistoryEvent(
        eventId=-1,
        executionStarted=pb.ExecutionStartedEvent(
            name=orchestrator,
            input=helpers.get_string_value(json.dumps(input)),
            orchestrationInstance=pb.OrchestrationInstance(instanceId=instance_id),
        ),
    )


def turn_started(seconds: float) -> pb.HistoryEvent:
    return pb.HistoryEvent(
        eventId=-1, timestamp=moment(seconds), orchestratorStarted=pb.OrchestratorStartedEvent()
    )


def confirmation(action: pb.OrchestratorAction) -> pb.HistoryEvent | None:
    """The event that the engine writes into the history for an action; None for an end."""
    match action.WhichOneof("orchestratorActionType"):
        case "scheduleTask":
            task = action.scheduleTask
            return pb.HistoryEvent(
                eventId=action.id, taskScheduled=pb.TaskScheduledEvent(name=task.name, input=task.input)
            )
        case "createTimer":
            fires = action.createTimer.fireAt
            return pb.HistoryEvent(eventId=action.id, timerCreated=pb.TimerCreatedEvent(fireAt=fires))
        case "createSubOrchestration":
            child = action.createSubOrchestration
            created = pb.SubOrchestrationInstanceCreatedEvent(
                instanceId=child.instanceId, name=child.name, input=child.input
            )
            return pb.HistoryEvent(eventId=action.id, subOrchestrationInstanceCreated=created)
        case "sendEvent":
            sent = action.sendEvent
            event = pb.EventSentEvent(instanceId=sent.instance.instanceId, name=sent.name, input=sent.data)
            return pb.HistoryEvent(eventId=action.id, eventSent=event)
        case _:
            return None


def completed(kind: str, id: int, result: Any) -> pb.HistoryEvent:
    """An activity's (``step`` or ``finish``) or a segment's result."""
    text = helpers.get_string_value(json.dumps(result))
    if kind == "segment":
        done = pb.SubOrchestrationInstanceCompletedEvent(taskScheduledId=id, result=text)
        return pb.HistoryEvent(eventId=-1, subOrchestrationInstanceCompleted=done)
    return pb.HistoryEvent(eventId=-1, taskCompleted=pb.TaskCompletedEvent(taskScheduledId=id, result=text))


def failed(id: int) -> pb.HistoryEvent:
    details = pb.TaskFailureDetails(errorType="UnavailableError", errorMessage="the store is away")
    return pb.HistoryEvent(
        eventId=-1, taskFailed=pb.TaskFailedEvent(taskScheduledId=id, failureDetails=details)
    )


def fired(id: int, seconds: float) -> pb.HistoryEvent:
    timer = pb.TimerFiredEvent(timerId=id, fireAt=moment(seconds))
    return pb.HistoryEvent(eventId=-1, timerFired=timer)


def raised(name: str, payload: Any = None) -> pb.HistoryEvent:
    text = None if payload is None else helpers.get_string_value(json.dumps(payload))
    return pb.HistoryEvent(eventId=-1, eventRaised=pb.EventRaisedEvent(name=name, input=text))


def result_of(action: pb.OrchestratorAction) -> Mapping[str, Any] | None:
    text = action.completeOrchestration.result.value
    result: Mapping[str, Any] | None = json.loads(text) if text else None
    return result
