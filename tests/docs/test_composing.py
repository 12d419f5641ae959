"""The page on composing does what it says."""

import json
import re
from typing import Any

import pytest

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run, text_of
from tests.e2e.api import Api
from tests.e2e.jobs import Jobs

PAGE = text_of("composing.md")
INTENTS = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
CALLS = commands_of("composing.md")


@pytest.fixture(autouse=True, scope="module")
def created(host: hosting.Host) -> None:
    with Api(host) as api:
        for intent in INTENTS:
            assert api.client.post("/intents", json=intent).status_code == 201


def completed(api: Api, intent: str, **parameters: Any) -> str:
    execution = api.execute(intent, **parameters)
    assert list(api.events(execution))[-1]["type"] == "execution_completed", api.get(execution)
    return execution


def test_an_intent_runs_another_for_each_item(api: Api) -> None:
    execution = completed(api, "welcome-all")
    found = api.client.get("/executions", params={"parent": execution}).json()["items"]
    assert [child["intent_id"] for child in found] == ["welcome-v1"] * 2


def test_a_service_is_asked_until_it_is_done(api: Api) -> None:
    with Jobs() as jobs:
        completed(api, "build-elsewhere", service=jobs.url)


@needs_curl
def test_a_service_calls_back_once(api: Api, host: hosting.Host) -> None:
    def call(address: str) -> None:
        script = f"ADDRESS='{address}'\n{CALLS.replace('-s ', '-s -w %{http_code} -o /dev/null ')}"
        ran = run(script, host)
        assert ran.stdout == "202409", ran.stdout + ran.stderr

    with Jobs(calls=call) as jobs:
        completed(api, "scan", service=jobs.url)
