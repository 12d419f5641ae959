"""Kill -9 in the middle of running executions: nothing acknowledged is lost, nothing is recorded twice."""

import contextlib
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from examples import hosting
from tests.e2e.api import Api

EXECUTIONS = 25
STEPS = 8
KILLS = 2


def test_every_execution_completes_with_each_step_recorded_once_after_the_host_was_killed(
    tmp_path: Path, stores: dict[str, str]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    data, log = tmp_path / "data", tmp_path / "host.log"
    host = hosting.start(data, log=log, **stores)
    try:
        with Api(host) as api:
            chain = api.create([_step(number) for number in range(STEPS)])
            acknowledged = [api.execute(chain) for _ in range(EXECUTIONS)]
        for _ in range(KILLS):
            _kill_in_the_middle(host, rng.choice(acknowledged), after=rng.randrange(1, 2 * STEPS))
            host = hosting.start(data, log=log, **stores)
        with Api(host) as api:
            for execution in acknowledged:
                _assert_whole(api, execution)
    finally:
        host.kill()


def _kill_in_the_middle(host: hosting.Host, execution: str, *, after: int) -> None:
    """Kill the host when so many events of the execution have come, or it has ended."""
    with Api(host) as api, contextlib.suppress(httpx.HTTPError):
        for seen, _ in enumerate(api.events(execution), start=1):
            if seen >= after:
                break
    host.kill()


def _assert_whole(api: Api, execution: str) -> None:
    events = list(api.events(execution))
    assert events[-1]["type"] == "execution_completed", events[-1]
    for kind in ("step_started", "step_completed"):
        recorded = Counter(event["step"] for event in events if event["type"] == kind)
        assert recorded == {f"s{number}": 1 for number in range(STEPS)}, (kind, execution)
    found = api.get(execution)
    assert found["status"] == "completed"
    assert found["progress"]["completed"] == STEPS


def _step(number: int) -> dict[str, Any]:
    if number == STEPS // 2:
        return {"id": f"s{number}", "action": "wait", "seconds": 0.5}
    return {"id": f"s{number}", "action": "transform", "outputs": {"n": number}}
