"""Steering over HTTP: what is answered, and what those who watch see."""

import pytest

from tests.http.harness import World

VERBS = ("cancel", "pause", "resume", "terminate")


async def test_a_paused_execution_says_who_paused_it_and_why(world: World) -> None:
    run = await world.execution()
    paused = await world.send("operator", "POST", f"/executions/{run}/pause", json={"reason": "maintenance"})
    assert (paused.status_code, paused.json()["status"]) == (202, "paused")
    assert paused.headers["location"] == f"/api/v1/executions/{run}"
    shown = (await world.send("viewer", "GET", f"/executions/{run}")).json()
    (waiting,) = [one for one in shown["waiting"] if one["for"] == "pause"]
    assert (waiting["by"], waiting["reason"], waiting["step"]) == ("operator@acme", "maintenance", None)
    listed = (await world.send("viewer", "GET", "/executions?status=paused")).json()["items"]
    assert [one["execution_id"] for one in listed] == [run]
    resumed = await world.send("operator", "POST", f"/executions/{run}/resume")
    assert (resumed.status_code, resumed.json()["status"]) == (202, "pending")
    events = (await world.send("viewer", "GET", f"/executions/{run}/events")).json()["items"]
    told = [(event["type"], event.get("by"), event.get("reason")) for event in events[1:]]
    assert told == [
        ("execution_paused", "operator@acme", "maintenance"),
        ("execution_resumed", "operator@acme", None),
    ]


@pytest.mark.parametrize("reason", ["", "x" * 501, 1, ["why"]])
async def test_a_reason_is_text_of_a_size(world: World, reason: object) -> None:
    run = await world.execution()
    for verb in VERBS:
        response = await world.send("operator", "POST", f"/executions/{run}/{verb}", json={"reason": reason})
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/reason")
    assert (await world.send("viewer", "GET", f"/executions/{run}")).json()["status"] == "pending"


async def test_what_is_on_its_way_to_its_end_is_not_paused_any_more(world: World) -> None:
    run = await world.execution()
    assert (await world.send("operator", "POST", f"/executions/{run}/terminate")).status_code == 202
    for verb, status in (("pause", 409), ("resume", 409), ("cancel", 202), ("terminate", 202)):
        response = await world.send("operator", "POST", f"/executions/{run}/{verb}")
        assert response.status_code == status, verb
        if status == 409:
            detail = f"The execution is being cancelled: there is nothing to {verb}"
            assert (response.json()["code"], response.json()["detail"]) == ("CONFLICT", detail)
