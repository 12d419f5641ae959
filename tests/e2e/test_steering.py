"""Pausing, resuming and terminating on a host of its own."""

from typing import Any

from tests.e2e.api import Api

WAIT: dict[str, Any] = {"id": "wait", "action": "wait", "seconds": 1}
MAKE: dict[str, Any] = {
    "id": "make",
    "action": "transform",
    "value": "made",
    "compensate": {"action": "transform", "value": "undone"},
}


def begun(api: Api, steps: list[dict[str, Any]], **definition: Any) -> tuple[str, Any]:
    """An execution whose step ``wait`` has begun, and the rest of its events."""
    execution = api.execute(api.create(steps, **definition))
    stream = api.events(execution)
    next(event for event in stream if event["type"] == "step_started" and event["step"] == "wait")
    return execution, stream


def test_what_is_paused_goes_on_when_it_is_resumed_and_not_before(api: Api) -> None:
    execution, stream = begun(api, [WAIT, {"id": "next", "action": "transform", "value": 1}])
    assert api.client.post(f"/executions/{execution}/pause").json()["status"] == "paused"
    assert next(stream)["type"] == "execution_paused"
    api.run([WAIT])  # as long as the wait that is paused, and begun after it
    assert api.get(execution)["steps"][0]["status"] == "waiting"
    assert api.client.post(f"/executions/{execution}/resume").json()["status"] == "running"
    assert [event["type"] for event in stream] == [
        "execution_resumed",
        "step_completed",
        *("step_started", "step_completed"),
        "execution_completed",
    ]


def test_what_is_terminated_undoes_nothing_and_runs_nothing_at_last(api: Api) -> None:
    long = WAIT | {"seconds": 600}
    last = [{"id": "last", "action": "transform", "value": 1}]
    execution, stream = begun(api, [MAKE, long], **{"finally": last})
    assert api.client.post(f"/executions/{execution}/pause").status_code == 202
    answer = api.client.post(f"/executions/{execution}/terminate", json={"reason": "enough"})
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    events = list(stream)
    assert [event["type"] for event in events] == ["execution_paused", "execution_cancelled"]
    found = api.get(execution)
    assert found["error"] == events[-1]["error"]
    assert (found["status"], found["error"]["code"]) == ("cancelled", "TERMINATED")
    assert (found["error"]["reason"], found["error"]["uncompensated"]) == ("enough", ["make"])
    assert [step["status"] for step in found["steps"]] == ["completed", "cancelled", "cancelled"]
