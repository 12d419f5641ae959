"""What an execution costs the engine: one activity for each attempt and each look, and one at its end."""

import json
from collections import Counter
from typing import Any

import httpx
import pytest

from examples import hosting
from tests.e2e.api import Api
from tests.e2e.receiver import Receiver
from tests.host.running import until

STEPS: list[dict[str, Any]] = [{"id": f"s{n}", "action": "transform", "value": n} for n in range(5)]
POLLED: dict[str, Any] = {"id": "wait", "action": "wait", "seconds": 0.5}
TRIED_TWICE: dict[str, Any] = {"id": "call", "action": "http-request", "method": "POST", "body": {}}
RETRY = {"max_attempts": 2, "initial_interval": 0}
EACH: dict[str, Any] = {"id": "each", "action": "transform", "foreach": [1, 2, 3], "value": "${{ item }}"}


@pytest.mark.parametrize(
    ("more", "activities"),
    [([], 0), ([POLLED], 1 + 1), ([TRIED_TWICE], 1 + 1), ([EACH], 1 + 3 + 1)],
    ids=["each step", "a step that is polled once", "a step that is tried twice", "three items"],
)
def test_n_steps_cost_n_activities_and_one_more(
    api: Api, host: hosting.Host, more: list[dict[str, Any]], activities: int
) -> None:
    with Receiver(lambda _: 204 if receiver.received else 503) as receiver:
        steps = [
            step | ({"url": receiver.url, "retry": RETRY} if step is TRIED_TWICE else {}) for step in more
        ]
        execution = api.execute(api.create([*STEPS, *steps]))
        assert list(api.events(execution))[-1]["type"] == "execution_completed"
    counted = counts(host, execution) + counts(host, f"{execution}:each")
    assert counted == {"run_step_attempt": len(STEPS) + activities, "finish_execution": 1}


def counts(host: hosting.Host, instance: str) -> Counter[str]:
    """How often each activity was asked for by the instance, by its history when it has ended."""
    keys = json.loads((host.data / "keys.json").read_text())
    address = f"{host.url}/runtime/webhooks/durabletask/instances/{instance}"
    asked = {"code": keys["master"], "showHistory": "true"}

    def ended() -> httpx.Response | None:
        answer = httpx.get(address, params=asked)
        return None if answer.status_code == 202 else answer

    answer = until(ended)
    assert answer is not None
    events = answer.json().get("historyEvents", []) if answer.status_code == 200 else []
    return Counter(one["FunctionName"] for one in events if one["EventType"] == "TaskCompleted")
