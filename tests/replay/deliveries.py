"""Webhook deliveries in virtual time, through the registered functions."""

from collections.abc import Sequence
from dataclasses import dataclass

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.json_format import MessageToDict

from tests.replay import functions as host
from tests.replay.recorder import Recorder, Recording

ORCHESTRATOR, INSTANCE = "webhook_delivery", "webhook-acme-1"
WORK = {"tenant_id": "acme", "subscription": "hook", "delivery": "1"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """``delays`` are what the attempts come to, in order: seconds to the next, None when it is over."""

    delays: Sequence[float | None]

    def record(self) -> Recorder:
        """Run it, each attempt taking no time."""
        recorder = Recorder()
        recording = Recording(ORCHESTRATOR, INSTANCE)
        recorder.recordings[INSTANCE, 0] = recording
        handle = host.handles()[ORCHESTRATOR]
        now, left = 0.0, list(self.delays)
        arrived = host.beginning(INSTANCE, ORCHESTRATOR, WORK)
        while True:
            new = [host.turn_started(now), arrived]
            (action,) = host.take_turn(handle, INSTANCE, recording.past, new)
            confirmed = host.confirmation(action)
            recording.turns.append(
                {
                    "new": [MessageToDict(event) for event in new],
                    "actions": [MessageToDict(action)],
                    "confirmed": [MessageToDict(confirmed)] if confirmed else [],
                }
            )
            if confirmed is None:
                return recorder
            recording.past += [*new, confirmed]
            now, arrived = _answer(action, now, left)


def _answer(
    action: pb.OrchestratorAction, now: float, left: list[float | None]
) -> tuple[float, pb.HistoryEvent]:
    """When the engine comes back with what was asked for, and with what."""
    if action.WhichOneof("orchestratorActionType") == "scheduleTask":
        return now, host.completed("deliver", action.id, {"delay": left.pop(0)})
    fires = (action.createTimer.fireAt.ToDatetime() - host.EPOCH).total_seconds()
    return fires, host.fired(action.id, fires)
