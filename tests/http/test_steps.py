"""Single steps over HTTP: their attempts, and what they were given."""

from typing import Any

import pytest

from tests.http.harness import World

FAILS: dict[str, Any] = {
    "id": "ask",
    "action": "assert",
    "condition": "parameters.well",
    "message": "it is ${{ parameters.how }}",
}


async def failing(world: World) -> str:
    """An execution whose step has failed."""
    await world.intent("fails", definition={"steps": [FAILS]})
    parameters = {"parameters": {"well": False, "how": "bad"}}
    response = await world.send("operator", "POST", "/intents/fails/execute", json=parameters)
    execution = str(response.json()["execution_id"])
    ids = {"tenant_id": "acme", "execution_id": execution, "step": "ask", "attempt": 1}
    assert (await world.platform.steps.run(ids | {"first": True}))["status"] == "failed"
    return execution


async def test_a_step_has_its_attempts_and_what_its_action_was_given(world: World) -> None:
    execution = await failing(world)
    shown = (await world.send("viewer", "GET", f"/executions/{execution}/steps/ask")).json()
    (attempt,) = shown["attempts"]
    assert (attempt["number"], attempt["status"], attempt["next_at"]) == (1, "failed", None)
    assert attempt["error"] == shown["error"]
    assert shown["error"]["message"].endswith("it is bad")
    assert shown["inputs"]["message"] == "it is bad"
    assert shown["links"] == {
        "execution": f"/api/v1/executions/{execution}",
        "outputs": f"/api/v1/executions/{execution}/steps/ask/outputs",
    }


@pytest.mark.parametrize("path", ["steps/nope", "steps/ask?item=0"])
async def test_what_there_is_not_is_not_found(world: World, path: str) -> None:
    execution = await failing(world)
    assert (await world.send("viewer", "GET", f"/executions/{execution}/{path}")).status_code == 404
    assert (await world.send("viewer", "GET", f"/executions/01J/{path}")).status_code == 404


async def test_an_items_place_is_a_number(world: World) -> None:
    execution = await failing(world)
    response = await world.send("viewer", "GET", f"/executions/{execution}/steps/ask?item=first")
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/query/item")
