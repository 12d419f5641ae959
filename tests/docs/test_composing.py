"""The page on composing does what it says."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from examples import hosting
from tests.e2e.api import Api
from tests.e2e.jobs import Jobs

PAGE = (hosting.ROOT / "docs" / "composing.md").read_text()
INTENTS = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
(CALLS,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


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


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands use curl, which is not here")
def test_a_service_calls_back_once(api: Api) -> None:
    def call(address: str) -> None:
        script = f"ADDRESS='{address}'\n{CALLS.replace('-s ', '-s -w %{http_code} -o /dev/null ')}"
        ran = subprocess.run(
            ["sh", "-eu", "-c", script], capture_output=True, text=True, timeout=60, check=True
        )
        assert ran.stdout == "202409", ran.stdout + ran.stderr

    with Jobs(calls=call) as jobs:
        completed(api, "scan", service=jobs.url)
