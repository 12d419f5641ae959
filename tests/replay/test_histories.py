"""Every orchestration that was ever recorded is replayed, and must ask for exactly what it asked for then."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from azure.durable_functions.worker import DurableFunctionsWorker
from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.json_format import MessageToDict, ParseDict

from localhost.durable.live import begin
from tests.replay.functions import Handle, handles, take_turn
from tests.replay.record import HISTORIES
from tests.replay.scenarios import SCENARIOS

FILES = sorted(HISTORIES.glob("*.json"))


@pytest.fixture(scope="module")
def registered() -> dict[str, Handle]:
    return handles()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_history_is_replayed_to_the_same_actions(
    path: Path, registered: dict[str, Handle]
) -> None:
    for recording in json.loads(path.read_text("utf-8")):
        past: list[pb.HistoryEvent] = []
        for turn in recording["turns"]:
            new = _events(turn["new"])
            actions = take_turn(registered[recording["orchestrator"]], recording["instance"], past, new)
            assert [_plain(MessageToDict(action)) for action in actions] == list(map(_plain, turn["actions"]))
            past += [*new, *_events(turn["confirmed"])]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recorded_history_is_lived_through_to_the_same_actions(
    path: Path, registered: dict[str, Handle]
) -> None:
    for recording in json.loads(path.read_text("utf-8")):
        for response, turn in zip(
            asyncio.run(_lived_through(recording, registered)), recording["turns"], strict=True
        ):
            actions = [_plain(MessageToDict(action)) for action in response.actions]
            assert actions == list(map(_plain, turn["actions"]))


async def _lived_through(
    recording: dict[str, Any], registered: dict[str, Handle]
) -> list[pb.OrchestratorResponse]:
    name, turns = recording["orchestrator"], recording["turns"]
    worker = DurableFunctionsWorker()
    worker._register_orchestrator_once(name, registered[name].orchestrator_function)  # type: ignore[attr-defined]
    first = pb.OrchestratorRequest(instanceId=recording["instance"], newEvents=_events(turns[0]["new"]))
    answer = begin(worker, first)
    assert answer.live is not None
    responses = [answer.response]
    for last, turn in itertools.pairwise(turns):
        responses.append(await answer.live.go_on(_events(last["confirmed"]), _events(turn["new"])))
    return responses


def test_every_scenario_has_a_history() -> None:
    assert {path.stem for path in FILES} >= SCENARIOS.keys()


def test_histories_hold_every_kind_of_turn() -> None:
    text = "".join(path.read_text("utf-8") for path in FILES)
    for kind in (
        "scheduleTask",
        "createTimer",
        "createSubOrchestration",
        "sendEvent",
        "ORCHESTRATION_STATUS_CONTINUED_AS_NEW",
        "taskFailed",
        "eventRaised",
    ):
        assert kind in text


def _events(events: list[dict[str, Any]]) -> list[pb.HistoryEvent]:
    return [ParseDict(event, pb.HistoryEvent()) for event in events]


def _plain(action: Any) -> Any:
    """An action without what differs from turn to turn by chance: the parent's trace context."""
    if not isinstance(action, dict):
        return action
    return {key: _plain(value) for key, value in action.items() if key != "parentTraceContext"}
