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


async def test_what_waits_is_listed_with_all_that_deciding_takes(world: World) -> None:
    execution = await world.asking(required=2, message="may it go?", approvers={"roles": ["approver"]})
    (shown,) = (await world.send("approver", "GET", "/approvals")).json()["items"]
    assert (shown["execution_id"], shown["intent_id"], shown["step"]) == (execution, "asks-v1", "ask")
    assert (shown["created_by"], shown["may_decide"]) == ("operator@acme", True)
    asked = shown["approval"]
    assert (asked["message"], asked["required"], asked["have"]) == ("may it go?", 2, 0)
    viewed = (await world.send("viewer", "GET", "/approvals")).json()["items"][0]
    assert (viewed["approval"], viewed["may_decide"]) == (asked, False)
    approve = shown["links"]["approve"].removeprefix("/api/v1")
    assert (await world.send("approver", "POST", approve)).status_code == 202
    (shown,) = (await world.send("approver", "GET", "/approvals")).json()["items"]
    assert (shown["approval"]["have"], shown["may_decide"]) == (1, False)


async def test_the_list_has_filters_and_pages(world: World) -> None:
    waiting = [await world.asking(name) for name in ("first", "second", "third")]
    decided = await world.asking("fourth")
    await world.send("approver", "POST", f"/executions/{decided}/steps/ask/reject")

    async def listed(user: str = "approver", **params: object) -> list[str]:
        found, cursor = [], None
        while True:
            given = {**params, **({"cursor": cursor} if cursor else {})}
            response = await world.send(user, "GET", "/approvals", params=given)
            found += [one["execution_id"] for one in response.json()["items"]]
            if (cursor := response.json()["next_cursor"]) is None:
                return found

    assert await listed(limit=1) == waiting
    assert await listed(intent="second") == await listed(intent="second-v1") == waiting[1:2]
    assert await listed(status="rejected") == [decided]
    assert (await listed(mine=True, limit=2), await listed("operator", mine=True)) == (waiting, [])
    assert await listed("eve") == []


async def test_a_policy_that_forbids_to_decide_is_heeded_by_the_list(world: World) -> None:
    execution = await world.asking()
    text = (
        f'forbid (principal, action == Action::"executions.approve", resource == Execution::"{execution}");'
    )
    await world.send("admin", "PUT", "/policies/frozen", json={"policy": text})
    (shown,) = (await world.send("approver", "GET", "/approvals")).json()["items"]
    assert (shown["execution_id"], shown["may_decide"]) == (execution, False)
    assert (await world.send("approver", "GET", "/approvals?mine=true")).json()["items"] == []


async def test_a_cursor_is_of_who_asked_for_what_is_theirs(world: World) -> None:
    for name in ("first", "second"):
        await world.asking(name)
    params = {"mine": "true", "limit": "1"}
    cursor = (await world.send("approver", "GET", "/approvals", params=params)).json()["next_cursor"]
    for user, more in (("admin", {}), ("approver", {"status": "approved"})):
        given = {**params, **more, "cursor": cursor}
        assert (await world.send(user, "GET", "/approvals", params=given)).status_code == 400
