"""The corpus of what leads inside, over the wire: kept by nobody, and called by no step."""

from collections.abc import Sequence
from itertools import batched
from typing import Any

import pytest

from tests.http.harness import World
from tests.security.corpora import Sample, samples
from tests.stores import BOTH_STORES

REFUSED = samples("refused", "invalid")
SENT = REFUSED[::12]
"""Those that a step is run for: each takes an execution of its own."""
URL = {"type": "object", "properties": {"url": {"type": "string"}}}


def call(number: int, sample: Sample) -> dict[str, Any]:
    return {"id": f"s{number}", "action": "http-request", "url": sample.url}


@pytest.mark.parametrize("some", list(batched(REFUSED, 100, strict=False)), ids=lambda some: some[0].why)
async def test_an_intent_that_calls_inside_is_told_of_every_such_step(
    world: World, some: Sequence[Sample]
) -> None:
    steps = [call(number, sample) for number, sample in enumerate(some)]
    body = {"name": "inside", "definition": {"steps": steps}}
    response = await world.send("author", "POST", "/intents/validate", json=body)
    assert response.status_code == 200, response.text
    told = {error["pointer"] for error in response.json()["errors"] if error["code"] in {"EGRESS", "VALUE"}}
    assert told == {f"/definition/steps/{number}/url" for number in range(len(some))}


@BOTH_STORES
async def test_no_subscription_leads_inside(world: World) -> None:
    for sample in REFUSED:
        body = {"url": sample.url, "events": ["*"]}
        response = await world.send("admin", "PUT", "/subscriptions/hook", json=body)
        assert response.status_code == 422, sample
        assert {error["pointer"] for error in response.json()["errors"]} == {"/url"}, sample
    assert (await world.send("admin", "GET", "/subscriptions")).json()["items"] == []


@BOTH_STORES
async def test_a_step_that_is_given_such_a_url_fails_for_good(world: World) -> None:
    step = {"id": "call", "action": "http-request", "url": "${{ parameters.url }}"}
    await world.intent("calls", definition={"parameters": URL, "steps": [step]})
    for sample in SENT:
        response = await world.send(
            "operator", "POST", "/intents/calls/execute", json={"parameters": {"url": sample.url}}
        )
        assert response.status_code == 202, (sample, response.text)
        ids = {"tenant_id": "acme", "execution_id": response.json()["execution_id"]}
        await world.platform.steps.run(ids | {"step": "call", "attempt": 1, "first": True})
        shown = (await world.send("operator", "GET", f"/executions/{ids['execution_id']}")).json()
        (step,) = shown["steps"]
        expected = {"refused": {"EGRESS_REFUSED", "PARAMETERS"}, "invalid": {"PARAMETERS"}}[sample.verdict]
        assert (step["status"], step["error"]["code"] in expected) == ("failed", True), (sample, step)
