"""The page on composing does what it says."""

import json
import re

from examples import hosting
from tests.e2e.api import Api

PAGE = (hosting.ROOT / "docs" / "composing.md").read_text()
INTENTS = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def test_an_intent_runs_another_for_each_item(api: Api) -> None:
    for intent in INTENTS:
        assert api.client.post("/intents", json=intent).status_code == 201
    execution = api.execute("welcome-all")
    assert list(api.events(execution))[-1]["type"] == "execution_completed", api.get(execution)
    found = api.client.get("/executions", params={"parent": execution}).json()["items"]
    assert [child["intent_id"] for child in found] == ["welcome-v1"] * 2
