"""Runs executions in the virtual world through the registered functions, and keeps their histories."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.json_format import MessageToDict
from google.protobuf.wrappers_pb2 import StringValue

from tests.replay import functions as host
from tests.workflow.engine import Action, Event, Instance

_KINDS = {"run_step_attempt": "step", "finish_execution": "finish"}


@dataclass(slots=True)
class Recording:
    """One generation of one orchestration: its events so far, and its turns as the golden files keep them."""

    orchestrator: str
    instance: str
    past: list[pb.HistoryEvent] = field(default_factory=list[pb.HistoryEvent])
    turns: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    actions: list[Action] = field(default_factory=list[Action])

    def to_json(self) -> dict[str, Any]:
        return {"orchestrator": self.orchestrator, "instance": self.instance, "turns": self.turns}


class Recorder:
    """A runner for :class:`tests.workflow.engine.Engine` over the functions as the SDK registered them."""

    def __init__(self) -> None:
        self._handles = host.handles()
        self.recordings: dict[tuple[str, int], Recording] = {}

    def replay(self, instance: Instance, turns: Sequence[Sequence[Event]]) -> list[Action]:
        key = (instance.id, instance.generation)
        recording = self.recordings.setdefault(key, Recording(instance.orchestrator, instance.id))
        new = [host.turn_started(instance.now)]
        if len(turns) == 1:
            new.append(host.beginning(instance.id, instance.orchestrator, instance.input))
        new += [self._event(recording, event, instance.now) for event in turns[-1]]
        answered = host.take_turn(self._handles[instance.orchestrator], instance.id, recording.past, new)
        confirmed = [event for event in map(host.confirmation, answered) if event is not None]
        recording.past += [*new, *confirmed]
        recording.turns.append(
            {
                "new": [MessageToDict(event) for event in new],
                "actions": [MessageToDict(action) for action in answered],
                "confirmed": [MessageToDict(event) for event in confirmed],
            }
        )
        recording.actions += [self._action(action, instance.now) for action in answered]
        return list(recording.actions)

    def _event(self, recording: Recording, event: Event, now: float) -> pb.HistoryEvent:
        match event.kind:
            case "completed":
                kind = next(action.kind for action in recording.actions if action.id == event.id)
                return host.completed(kind, event.id, event.data)
            case "failed":
                return host.failed(event.id)
            case "fired":
                return host.fired(event.id, now)
            case _:
                return host.raised(event.data, event.payload)

    def _action(self, action: pb.OrchestratorAction, now: float) -> Action:
        match action.WhichOneof("orchestratorActionType"):
            case "scheduleTask":
                task = action.scheduleTask
                return Action(_KINDS[task.name], action.id, json.loads(task.input.value))
            case "createTimer":
                delay = action.createTimer.fireAt.ToDatetime() - host.EPOCH - timedelta(seconds=now)
                return Action("timer", action.id, delay.total_seconds())
            case "createSubOrchestration":
                child = action.createSubOrchestration
                assert child.name == "execution_segment"
                return Action("segment", action.id, json.loads(child.input.value), child.instanceId)
            case "sendEvent":
                sent = action.sendEvent
                return Action("signal", action.id, sent.name, sent.instance.instanceId, _payload(sent.data))
            case _:
                return _end(action)


def _payload(text: StringValue) -> Any:
    return json.loads(text.value) if text.value else None


def _end(action: pb.OrchestratorAction) -> Action:
    end = action.completeOrchestration
    assert end.orchestrationStatus != pb.ORCHESTRATION_STATUS_FAILED, end.failureDetails
    if end.orchestrationStatus == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
        raised = [event.eventRaised for event in end.carryoverEvents]
        events = [(event.name, _payload(event.input)) for event in raised]
        return Action("renew", action.id, {"work": host.result_of(action), "events": events})
    return Action("done", action.id, host.result_of(action))
