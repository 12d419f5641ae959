"""Kill -9 while executions undo what they did, or run through lists: all is done, and recorded once."""

import contextlib
import random
from pathlib import Path
from typing import Any

import httpx

from examples import hosting
from tests.e2e.api import Api

EXECUTIONS = 15
STEPS = 5
KILLS = 3


def test_what_completed_is_undone_once_and_in_reverse_order_although_the_host_was_killed(
    tmp_path: Path, stores: dict[str, str]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    data, log = tmp_path / "data", tmp_path / "host.log"
    host = hosting.start(data, log=log, **stores)
    try:
        with Api(host) as api:
            intent = api.create(_steps(), **{"finally": [{"id": "last", "action": "transform", "value": 1}]})
            acknowledged = [api.execute(intent) for _ in range(EXECUTIONS)]
        for _ in range(KILLS):
            kill_in_the_middle(host, rng.choice(acknowledged), after=rng.randrange(2, 5 * STEPS))
            host = hosting.start(data, log=log, **stores)
        with Api(host) as api:
            for execution in acknowledged:
                _assert_undone(api, execution)
    finally:
        host.kill()


def test_every_item_runs_and_is_recorded_once_although_the_host_was_killed(
    tmp_path: Path, stores: dict[str, str]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    data, log = tmp_path / "data", tmp_path / "host.log"
    host = hosting.start(data, log=log, **stores)
    each = {
        "id": "each",
        "action": "transform",
        "foreach": "${{ parameters.items }}",
        "value": "${{ item * 2 }}",
    }
    try:
        with Api(host) as api:
            intent = api.create([each], outputs={"counts": "${{ steps.each.outputs.counts }}"})
            acknowledged = {api.execute(intent, items=list(range(count))): count for count in (3, 25, 120)}
        for _ in range(KILLS):
            kill_in_the_middle(host, rng.choice(list(acknowledged)), after=rng.randrange(2, 120))
            host = hosting.start(data, log=log, **stores)
        with Api(host) as api:
            for execution, count in acknowledged.items():
                _assert_each(api, execution, count)
    finally:
        host.kill()


def _assert_each(api: Api, execution: str, count: int) -> None:
    events = list(api.events(execution))
    assert events[-1]["type"] == "execution_completed", events[-1]
    for kind in ("item_started", "item_completed"):
        told = sorted(event["item"] for event in events if event["type"] == kind)
        assert told == list(range(count)), (kind, execution)
    found = api.get(execution)
    assert found["outputs"]["counts"]["completed"] == count
    values = [one["outputs"]["value"] for one in found["steps"][0]["outputs"]["items"]]
    assert values == [2 * item for item in range(count)]


def kill_in_the_middle(host: hosting.Host, execution: str, *, after: int) -> None:
    """Kill the host when so many events of the execution have come, or it has ended."""
    with Api(host) as api, contextlib.suppress(httpx.HTTPError):
        for seen, _ in enumerate(api.events(execution), start=1):
            if seen >= after:
                break
    host.kill()


def _steps() -> list[dict[str, Any]]:
    undo = {"action": "wait", "seconds": 0.3, "retry": {"max_attempts": 3}}
    steps: list[dict[str, Any]] = [
        {"id": f"s{number}", "action": "transform", "outputs": {"n": number}, "compensate": undo}
        | ({"depends_on": [f"s{number - 1}"]} if number else {})
        for number in range(STEPS)
    ]
    steps[1]["compensate"] = {"action": "assert", "condition": "steps.s1.outputs.n == 2"}
    return [
        *steps,
        {"id": "fail", "action": "assert", "condition": "steps.s0.outputs.n == 1", "depends_on": ["s4"]},
    ]


def _assert_undone(api: Api, execution: str) -> None:
    events = list(api.events(execution))
    assert events[-1]["type"] == "execution_failed", events[-1]
    assert events[-1]["error"]["step"] == "fail"
    assert events[-1]["error"]["uncompensated"] == ["s1"]
    told = [(event["type"], event.get("step")) for event in events]
    undone = [step for kind, step in told if kind == "step_compensated"]
    assert undone == ["s4", "s3", "s2", "s0"]
    assert told.count(("step_compensation_failed", "s1")) == 1
    assert told.count(("step_completed", "last")) == 1
    assert told.index(("step_compensated", "s0")) < told.index(("step_started", "last"))
    found = api.get(execution)
    statuses = {step["id"]: step["status"] for step in found["steps"]}
    assert statuses == {
        **dict.fromkeys(["s0", "s2", "s3", "s4"], "compensated"),
        "s1": "completed",
        "fail": "failed",
        "last": "completed",
    }
    assert found["progress"]["percent"] == 100
