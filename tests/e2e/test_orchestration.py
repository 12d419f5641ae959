"""What a definition says beside its steps, on a host of its own."""

from typing import Any

from tests.e2e.api import Api

FAIL: dict[str, Any] = {"id": "fail", "action": "assert", "condition": "1 > 2", "message": "it does not hold"}


def finished(api: Api, steps: list[dict[str, Any]], **definition: Any) -> tuple[dict[str, Any], list[Any]]:
    """Create and execute; the execution as it is after its terminal event, and its events."""
    execution = api.execute(api.create(steps, **definition))
    events = list(api.events(execution))
    return api.get(execution), events


def test_finally_runs_after_a_failure_and_its_own_failure_stands_behind_the_first(api: Api) -> None:
    look = {"id": "look", "action": "transform", "value": "${{ execution.status }}, ${{ steps.fail.status }}"}
    worse = {"id": "worse", "action": "assert", "condition": "2 > 3", "depends_on": ["look"]}
    found, events = finished(api, [FAIL, {"action": "wait", "seconds": 60}], **{"finally": [look, worse]})
    assert found["status"] == "failed"
    assert found["error"]["step"] == "fail"
    assert found["error"]["also_failed"] == ["worse"]
    assert found["steps"][2]["outputs"] == {"value": "failed, failed"}
    assert [step["status"] for step in found["steps"]] == ["failed", "skipped", "completed", "failed"]
    assert found["progress"]["percent"] == 100
    assert events[-1]["type"] == "execution_failed"


def test_a_cancelled_execution_runs_finally(api: Api) -> None:
    wait = {"id": "wait", "action": "wait", "seconds": 60}
    look = {"id": "look", "action": "transform", "value": "${{ execution.status }}, ${{ steps.wait.status }}"}
    execution = api.execute(api.create([wait], **{"finally": [look]}))
    stream = api.events(execution)
    next(event for event in stream if event["type"] == "step_started")
    assert api.client.post(f"/executions/{execution}/cancel").status_code == 202
    assert list(stream)[-1]["type"] == "execution_cancelled"
    found = api.get(execution)
    assert found["status"] == "cancelled"
    assert found["steps"][1]["outputs"] == {"value": "cancelled, cancelled"}


def test_an_execution_that_completes_shows_its_outputs(api: Api) -> None:
    step = {"id": "build", "action": "transform", "outputs": {"image": "shop:1"}}
    found, events = finished(api, [step], outputs={"image": "${{ steps.build.outputs.image }}"})
    assert found["outputs"] == {"image": "shop:1"}
    assert events[-1]["result"] == {"image": "shop:1"}


def test_an_execution_that_takes_too_long_is_cancelled_with_that_cause_and_runs_finally(api: Api) -> None:
    wait = {"id": "wait", "action": "wait", "seconds": 60}
    last = {"id": "last", "action": "transform", "value": "${{ execution.status }}"}
    found, events = finished(api, [wait], timeout=1, **{"finally": [last]})
    assert events[-1]["type"] == "execution_cancelled"
    assert events[-1]["error"]["code"] == "DEADLINE"
    assert (found["status"], found["error"]["code"]) == ("cancelled", "DEADLINE")
    assert [step["status"] for step in found["steps"]] == ["cancelled", "completed"]
