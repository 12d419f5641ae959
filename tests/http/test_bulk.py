"""Bulk operations over HTTP: what is answered for each, and what is refused."""

from typing import Any

import pytest

from tests.http.harness import World


async def test_each_execution_says_what_came_of_it(world: World) -> None:
    first = await world.execution()
    second = (await world.send("operator", "POST", "/intents/deploy/execute")).json()["execution_id"]
    await world.send("operator", "POST", f"/executions/{first}/cancel")
    body = {"operation": "pause", "filter": {"intent": "deploy"}, "reason": "maintenance"}
    answer = await world.send("operator", "POST", "/executions/bulk", json=body)
    assert answer.status_code == 200
    paused, refused = answer.json()["items"]
    assert paused == {"execution_id": second, "status": "paused"}
    assert (refused["execution_id"], refused["error"]["code"]) == (first, "CONFLICT")
    assert answer.json()["next_cursor"] is None


async def test_all_of_them_are_meant_only_if_that_is_said(world: World) -> None:
    run = await world.execution()
    terminate: dict[str, Any] = {"operation": "terminate"}
    nothing: list[dict[str, Any]] = [{}, {"filter": {}}, {"filter": {"intent": None}}]
    for none in nothing:
        answer = await world.send("operator", "POST", "/executions/bulk", json=terminate | none)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/filter")
    answer = await world.send("operator", "POST", "/executions/bulk", json=terminate | {"all": True})
    assert answer.json()["items"] == [{"execution_id": run, "status": "cancelling"}]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"operation": "retreat"}, "/operation"),
        ({"operation": None}, "/operation"),
        ({"filter": {"status": "done"}}, "/filter/status"),
        ({"filter": {"since": "yesterday"}}, "/filter/since"),
        ({"filter": {"owner": "ada"}}, "/filter/owner"),
        ({"limit": 201}, "/limit"),
        ({"limit": 0}, "/limit"),
        ({"all": "yes"}, "/all"),
        ({"reason": ""}, "/reason"),
    ],
)
async def test_what_is_no_bulk_operation_is_refused_by_its_place(
    world: World, change: dict[str, Any], pointer: str
) -> None:
    body = {"operation": "pause", "filter": {"intent": "deploy"}} | change
    answer = await world.send("operator", "POST", "/executions/bulk", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)


async def test_a_cursor_goes_on_behind_a_page_and_holds_for_its_filter(world: World) -> None:
    runs = [await world.execution()]
    for _ in range(2):
        answer = await world.send("operator", "POST", "/intents/deploy/execute")
        runs.insert(0, answer.json()["execution_id"])
    body: dict[str, Any] = {"operation": "pause", "filter": {"intent": "deploy"}, "limit": 2}
    page = (await world.send("operator", "POST", "/executions/bulk", json=body)).json()
    body["cursor"] = page["next_cursor"]
    rest = (await world.send("operator", "POST", "/executions/bulk", json=body)).json()
    assert [one["execution_id"] for one in page["items"] + rest["items"]] == runs
    assert rest["next_cursor"] is None
    body["filter"] = {"intent": "other"}
    other = await world.send("operator", "POST", "/executions/bulk", json=body)
    assert (other.status_code, other.json()["code"]) == (400, "BAD_REQUEST")


async def test_steps_to_run_again_are_for_retries(world: World) -> None:
    body = {"operation": "cancel", "filter": {"intent": "deploy"}, "from": "a"}
    answer = await world.send("operator", "POST", "/executions/bulk", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/from")


async def test_a_retry_is_told_with_what_it_retries(world: World) -> None:
    old = await world.failed()
    body = {"operation": "retry", "filter": {"intent": "deploy"}, "reason": "it is mended"}
    answer = await world.send("operator", "POST", "/executions/bulk", json=body)
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["items"]
    assert (item["execution_id"], item["status"]) == (old, "pending")
    shown = (await world.send("viewer", "GET", f"/executions/{item['retried_by']}")).json()
    assert shown["retry_of"] == old
