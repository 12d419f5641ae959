"""The language's pages do what they say: every intent on them is a file of the examples, and is executed."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from examples import hosting
from tests.e2e.api import Api

FOLDER = hosting.ROOT / "examples" / "intents"
EXAMPLES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}
PAGES = ("intents", "flow", "time", "failure", "people", "data", "limits", "retrying", "composing")
SHOWN = [
    json.loads(text)
    for page in PAGES
    for text in re.findall(
        r"```json\n(.*?)```", (hosting.ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL
    )
]
ELSEWHERE = {"build-elsewhere", "scan"}
"""They need a service, and are executed by ``test_composing``."""


def events_of(told: list[dict[str, Any]], *types: str) -> list[Any]:
    """Whose the events of these types are: steps, or items."""
    return [event.get("item", event.get("step")) for event in told if event["type"] in types]


def too_late(found: dict[str, Any], _: list[dict[str, Any]]) -> None:
    assert (found["status"], found["error"]["code"]) == ("cancelled", "DEADLINE")
    assert found["steps"][1]["outputs"] == {"value": "it was cancelled"}


def trip(found: dict[str, Any], told: list[dict[str, Any]]) -> None:
    assert (found["status"], found["error"]["message"]) == ("failed", "no visa")
    assert [step["status"] for step in found["steps"]] == ["compensated", "compensated", "failed"]
    assert events_of(told, "step_compensated") == ["hotel", "flight"]


def machines(found: dict[str, Any], told: list[dict[str, Any]]) -> None:
    assert (found["status"], found["error"]["code"]) == ("failed", "EXPRESSION")
    assert found["error"]["message"].startswith("item 2: ")
    assert found["steps"][0]["compensation"]["status"] == "completed"
    assert events_of(told, "item_compensated") == [1, 0]
    undone = [event["result"] for event in told if event["type"] == "item_compensated"]
    assert undone[0] == {"stopped": "bee", "at": "10.0.0.bee"}


def tolerant(found: dict[str, Any], _: list[dict[str, Any]]) -> None:
    assert [step["status"] for step in found["steps"]] == ["failed", "completed"]
    assert found["steps"][1]["outputs"] == {"value": "then without"}


def much(found: dict[str, Any], told: list[dict[str, Any]]) -> None:
    assert found["outputs"]["$ref"] == f"/api/v1/executions/{found['execution_id']}/outputs"
    assert found["outputs"]["size"] > 64 * 1024
    assert told[-1]["result"] == found["outputs"]


COMES_TO: dict[str, Callable[[dict[str, Any], list[dict[str, Any]]], None]] = {
    "too-late": too_late,
    "trip": trip,
    "machines": machines,
    "tolerant": tolerant,
    "much": much,
}
"""What those come to of which the pages tell more than that they complete."""


@pytest.fixture(scope="module")
def tenant(host: hosting.Host) -> Iterator[Api]:
    """A tenant of its own, with all of the examples."""
    with Api(host, tenant="examples", user="grace") as api:
        for name in ("welcome", *EXAMPLES):  # another runs that one
            response = api.client.post("/intents", json=EXAMPLES[name])
            assert response.status_code in {201, 409}, response.text
        yield api


def test_every_intent_of_the_pages_is_an_example_as_it_stands() -> None:
    assert {intent["name"]: intent for intent in SHOWN} == EXAMPLES
    assert len(SHOWN) == len(EXAMPLES)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in ELSEWHERE])
def test_every_example_comes_to_what_the_pages_say(tenant: Api, host: hosting.Host, name: str) -> None:
    execution = tenant.execute(name)
    told: list[dict[str, Any]] = []
    with Api(host, tenant="examples", user="hal", role="approver") as approver:
        for event in tenant.events(execution):
            told.append(event)
            if event["type"] == "approval_requested" and name != "unattended":
                path = f"/executions/{execution}/steps/{event['step']}/approve"
                assert approver.client.post(path).status_code == 202
    found = tenant.get(execution)
    if name in COMES_TO:
        COMES_TO[name](found, told)
    if name not in {"too-late", "trip", "machines"}:
        assert found["status"] == "completed", found


def test_what_is_large_is_read_whole_where_its_reference_says(tenant: Api) -> None:
    execution = tenant.execute("much")
    list(tenant.events(execution))
    found = tenant.get(execution)
    for shown in (found["outputs"], *(step["outputs"] for step in found["steps"] if step["id"] == "more")):
        response = tenant.client.get(shown["$ref"].removeprefix("/api/v1"))
        assert len(response.content) == shown["size"]
        assert response.headers["etag"] == f'"{shown["sha256"]}"'
    one = tenant.client.get(f"/executions/{execution}/steps/many/outputs", params={"item": 3}).json()
    assert one["first"] == "and another one, of about that length"
