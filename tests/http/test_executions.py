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
    assert execution["progress"] == {"total": 1, "completed": 0, "failed": 0, "skipped": 0, "percent": 0}
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
