"""Pausing, resuming and terminating on a host of its own."""

from pathlib import Path
from typing import Any

from tests import forked
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
    # The wait is over, and may have been asked by now, or not.
    assert api.client.post(f"/executions/{execution}/resume").json()["status"] in {"waiting", "running"}
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


def test_a_killed_host_keeps_what_was_wished(tmp_path: Path, stores: dict[str, str]) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    host = forked.start(data, log=log, **stores)
    steps = [WAIT, {"id": "next", "action": "transform", "value": 1}]
    try:
        with Api(host) as api:
            intent, long = api.create(steps), api.create([MAKE, WAIT | {"seconds": 600}])
            paused, resumed, terminated = api.execute(intent), api.execute(intent), api.execute(long)
            for execution, verb in (
                (paused, "pause"),
                (resumed, "pause"),
                (resumed, "resume"),
                (terminated, "terminate"),
            ):
                assert api.client.post(f"/executions/{execution}/{verb}").status_code == 202
        host.kill()
        host = forked.start(data, log=log, **stores)
        with Api(host) as api:
            ends = [event["type"] for event in api.events(terminated) if event["type"].startswith("exec")]
            assert ends == ["execution_started", "execution_cancelled"]
            assert list(api.events(resumed))[-1]["type"] == "execution_completed"
            api.run([WAIT])  # as long as the wait that is paused
            found = api.get(paused)
            assert (found["status"], found["steps"][1]["status"]) == ("paused", "pending")
            assert api.client.post(f"/executions/{paused}/resume").status_code == 202
            assert list(api.events(paused))[-1]["type"] == "execution_completed"
    finally:
        host.stop()
