"""Approvals over HTTP: what is asked, and why a decision is refused."""

import pytest

from tests.http.harness import World


async def test_a_decision_needs_no_body_and_shows_what_it_made(world: World) -> None:
    execution = await world.asking(required=2)
    response = await world.send("approver", "POST", f"/executions/{execution}/steps/ask/approve")
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/v1/executions/{execution}"
    approval = response.json()["approval"]
    assert (approval["status"], approval["have"], approval["required"]) == ("waiting", 1, 2)
    shown = (await world.send("viewer", "GET", f"/executions/{execution}")).json()["steps"][0]
    assert (shown["waiting"][0]["for"], shown["waiting"][0]["have"]) == ("approval", 1)
    assert [one["by"] for one in shown["approval"]["decisions"]] == ["approver@acme"]


async def test_why_one_may_not_decide_is_told(world: World) -> None:
    execution = await world.asking(approvers={"attributes": {"department": "finance"}})
    response = await world.send("approver", "POST", f"/executions/{execution}/steps/ask/approve")
    assert (response.status_code, response.json()["policies"]) == (403, ["approval:approvers"])
    assert "department 'finance'" in response.json()["detail"]


async def test_changing_ones_mind_or_deciding_too_late_is_a_conflict(world: World) -> None:
    execution = await world.asking()
    path = f"/executions/{execution}/steps/ask"
    for user, verdict, status in (
        ("approver", "reject", 202),
        ("approver", "reject", 202),
        ("approver", "approve", 409),
        ("admin", "approve", 409),
    ):
        assert (await world.send(user, "POST", f"{path}/{verdict}")).status_code == status
    missing = await world.send("approver", "POST", f"/executions/{execution}/steps/nope/approve")
    assert missing.status_code == 404


@pytest.mark.parametrize("comment", ["", "x" * 1001, 1])
async def test_a_comment_is_text_of_a_size(world: World, comment: object) -> None:
    execution = await world.asking()
    path = f"/executions/{execution}/steps/ask/approve"
    response = await world.send("approver", "POST", path, json={"comment": comment})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/comment")
