from typing import Any

import pytest

from tests.http.harness import STARTER, World

PARAMETERS = {
    "type": "object",
    "properties": {"region": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["region"],
    "additionalProperties": False,
}
STEPS = [{"id": "a", "action": "assert", "condition": "true"}]


async def test_an_executed_intent_is_accepted_and_started(world: World) -> None:
    await world.intent()
    body: dict[str, object] = {"parameters": {}}
    response = await world.send("operator", "POST", "/intents/deploy/execute", json=body)
    accepted = response.json()
    path = "/api/v1/executions/" + accepted["execution_id"]
    assert response.status_code == 202
    assert response.headers["location"] == path
    assert accepted["status"] == "pending"
    links = {"self": path, "events": path + "/events", "intent": "/api/v1/intents/deploy-v1"}
    assert accepted["links"] == links
    assert list(world.orchestrations.started) == [accepted["execution_id"]]
    assert set(world.orchestrations.starters) == {STARTER}


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"content": b""}])
async def test_an_execution_without_parameters_needs_no_body(
    world: World, options: dict[str, object]
) -> None:
    await world.intent()
    response = await world.send("operator", "POST", "/intents/deploy-v1/execute", **options)
    assert response.status_code == 202


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"parameters": []}, ["/parameters"]),
        ({"params": {}}, ["/params"]),
        ([], [""]),
    ],
)
async def test_a_request_of_another_shape_is_400(world: World, body: object, pointers: list[str]) -> None:
    await world.intent()
    response = await world.send("operator", "POST", "/intents/deploy/execute", json=body)
    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == pointers
    assert world.orchestrations.started == {}


async def test_parameters_that_do_not_fit_are_422_with_every_place(world: World) -> None:
    await world.intent(definition={"parameters": PARAMETERS, "steps": STEPS})
    body = {"parameters": {"count": "three"}}
    response = await world.send("operator", "POST", "/intents/deploy/execute", json=body)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "VALIDATION_FAILED")
    assert {error["pointer"] for error in problem["errors"]} == {"/parameters/region", "/parameters/count"}
    assert world.orchestrations.started == {}


async def test_an_intent_without_steps_cannot_be_executed(world: World) -> None:
    await world.intent(definition={})
    response = await world.send("operator", "POST", "/intents/deploy/execute")
    assert (response.status_code, response.json()["code"]) == (422, "NOT_EXECUTABLE")


async def test_an_execution_shows_its_steps(world: World) -> None:
    run = await world.execution()
    execution = (await world.send("viewer", "GET", f"/executions/{run}")).json()
    assert execution["intent_id"] == "deploy-v1"
    counted = {"total": 1, "completed": 0, "failed": 0, "skipped": 0, "percent": 0}
    unknown = {"remaining_seconds": None, "expected_at": None, "based_on": 0}
    assert execution["progress"] == counted | unknown
    assert {(step["duration"], step["expected"]) for step in execution["steps"]} == {(None, None)}
    (listed,) = (await world.send("viewer", "GET", "/executions")).json()["items"]
    assert listed["progress"] == counted
    assert [(step["id"], step["status"]) for step in execution["steps"]] == [("a", "pending")]


async def test_executions_are_listed_newest_first_and_by_filter(world: World) -> None:
    first = await world.execution()
    await world.intent("other")
    response = await world.send("operator", "POST", "/intents/other/execute")
    second = response.json()["execution_id"]
    made = (await world.send("viewer", "GET", f"/executions/{second}")).json()["created_at"]

    async def listed(**query: str) -> list[str]:
        answer = await world.send("viewer", "GET", "/executions", params=query)
        assert answer.status_code == 200, answer.text
        return [item["execution_id"] for item in answer.json()["items"]]

    assert await listed() == [second, first]
    assert await listed(intent="deploy") == [first]
    assert await listed(intent="other-v1") == [second]
    assert await listed(status="pending") == [second, first]
    assert await listed(status="completed") == []
    assert await listed(since=made) == [second]
    assert await listed(until=made) == [first]
    assert await listed(since="2020-01-01T00:00:00+02:00", until="2020-01-02T00:00:00Z") == []


async def test_executions_come_in_pages(world: World) -> None:
    first = await world.execution()
    second = (await world.send("operator", "POST", "/intents/deploy/execute")).json()["execution_id"]
    page = (await world.send("viewer", "GET", "/executions?limit=1")).json()
    rest = (await world.send("viewer", "GET", f"/executions?limit=1&cursor={page['next_cursor']}")).json()
    assert [item["execution_id"] for item in page["items"] + rest["items"]] == [second, first]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=2024-01-01T00:00:00",
        "since=1700000000",
        "since=0001-01-01T00:00:00%2B14:00",
        "status=done",
        "limit=1.5",
    ],
)
async def test_a_bad_filter_is_400_with_its_name(world: World, query: str) -> None:
    response = await world.send("viewer", "GET", f"/executions?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/query/" + query.partition("=")[0]


async def test_a_cancelled_execution_is_told_so_once_it_runs(world: World) -> None:
    run = await world.execution()
    response = await world.send("operator", "POST", f"/executions/{run}/cancel")
    assert response.status_code == 202
    assert response.json()["status"] == "cancelling"
    assert response.headers["location"] == f"/api/v1/executions/{run}"
    assert [(event[0], event[1]) for event in world.orchestrations.events] == [(run, "cancel")]


@pytest.mark.parametrize("id", ["none", "01HKAJ5W1QZ5M5V7YB4W6N8T2C", "%00", "a%2Fb", "x" * 300])
@pytest.mark.parametrize("suffix", ["", "/events"])
async def test_what_is_no_execution_is_404(world: World, id: str, suffix: str) -> None:
    response = await world.send("viewer", "GET", f"/executions/{id}{suffix}")
    assert response.status_code == 404


async def test_the_children_of_an_execution_are_listed_by_their_parent(world: World) -> None:
    execution = await world.execution()
    response = await world.send("viewer", "GET", "/executions", params={"parent": execution})
    assert (response.status_code, response.json()["items"]) == (200, [])
    assert (await world.send("viewer", "GET", "/executions", params={"parent": ""})).status_code == 400
    (found,) = (await world.send("viewer", "GET", "/executions")).json()["items"]
    assert found["parent"] is None


async def test_a_retry_is_linked_with_what_it_retries_in_both_and_in_the_list(world: World) -> None:
    old = await world.failed()
    body = {"from": "a", "repeat_irreversible": True, "reason": "once more"}
    response = await world.send("operator", "POST", f"/executions/{old}/retry", json=body)
    assert response.status_code == 202, response.text
    new = response.json()["execution_id"]
    assert response.headers["location"] == f"/api/v1/executions/{new}"
    shown = {one: (await world.send("viewer", "GET", f"/executions/{one}")).json() for one in (old, new)}
    assert (shown[old]["retry_of"], shown[old]["retried_by"]) == (None, new)
    assert (shown[new]["retry_of"], shown[new]["retried_by"]) == (old, None)
    assert shown[new]["plan_hash"] == shown[old]["plan_hash"]
    listed = (await world.send("viewer", "GET", "/executions")).json()["items"]
    assert [(one["execution_id"], one["retry_of"], one["retried_by"]) for one in listed] == [
        (new, old, None),
        (old, None, new),
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"from": "b"}, "/from"),
        ({"from": ["a", "b"]}, "/from/1"),
        ({"repeat_irreversible": ["b"]}, "/repeat_irreversible/0"),
    ],
)
async def test_a_retry_from_an_unknown_step_is_refused_with_its_place(
    world: World, body: dict[str, Any], pointer: str
) -> None:
    old = await world.failed()
    response = await world.send("operator", "POST", f"/executions/{old}/retry", json=body)
    assert response.status_code == 422
    assert [(one["pointer"], one["code"]) for one in response.json()["errors"]] == [(pointer, "UNKNOWN_STEP")]


@pytest.mark.parametrize(
    "body", [{"from": 1}, {"from": []}, {"from": [""]}, {"repeat_irreversible": False}, {"step": "a"}]
)
async def test_a_retry_that_is_not_the_documented_shape_is_refused(
    world: World, body: dict[str, Any]
) -> None:
    old = await world.failed()
    response = await world.send("operator", "POST", f"/executions/{old}/retry", json=body)
    assert (response.status_code, response.json()["code"]) == (400, "BAD_REQUEST")


async def test_what_runs_or_was_retried_is_not_retried(world: World) -> None:
    running = await world.asking()
    refused = await world.send("operator", "POST", f"/executions/{running}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    old = await world.failed()
    new = (await world.send("operator", "POST", f"/executions/{old}/retry")).json()["execution_id"]
    refused = await world.send("operator", "POST", f"/executions/{old}/retry")
    assert refused.status_code == 409
    assert new in refused.json()["detail"]


async def test_a_dry_run_is_marked_and_found_by_that(world: World) -> None:
    await world.intent()
    response = await world.send("operator", "POST", "/intents/deploy/execute", json={"dry_run": True})
    assert response.status_code == 202, response.text
    rehearsal = response.json()["execution_id"]
    real = (await world.send("operator", "POST", "/intents/deploy/execute")).json()["execution_id"]
    shown = (await world.send("viewer", "GET", f"/executions/{rehearsal}")).json()
    assert (shown["dry_run"], shown["undecided"], shown["steps"][0]["unknown"]) == (True, None, [])
    for wanted, expected in (("true", [rehearsal]), ("false", [real])):
        page = await world.send("viewer", "GET", "/executions", params={"dry_run": wanted})
        assert [one["execution_id"] for one in page.json()["items"]] == expected
    refused = await world.send("operator", "POST", "/intents/deploy/execute", json={"dry_run": "yes"})
    assert refused.status_code == 400
