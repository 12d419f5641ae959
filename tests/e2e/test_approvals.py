"""Approvals on a real host: people decide while it runs, and whatever happens to it."""

from typing import Any

import pytest

from examples import hosting
from tests.e2e.api import Api

ASK: dict[str, Any] = {"id": "ask", "action": "approval", "required": 2, "message": "may it go?"}
GO: dict[str, Any] = {"id": "go", "action": "transform", "value": "${{ steps.ask.outputs.decided_by }}"}


def decide(host: hosting.Host, execution: str, user: str, verdict: str = "approve") -> int:
    with Api(host, user=user, role="approver") as api:
        response = api.client.post(
            f"/executions/{execution}/steps/ask/{verdict}", json={"comment": "as I say"}
        )
        return response.status_code


def waiting(api: Api, steps: list[dict[str, Any]]) -> str:
    """An execution that has asked for its approval."""
    execution = api.execute(api.create(steps))
    next(event for event in api.events(execution) if event["type"] == "approval_requested")
    return execution


def test_an_execution_goes_on_when_enough_have_approved(api: Api, host: hosting.Host) -> None:
    execution = waiting(api, [ASK, GO])
    assert [decide(host, execution, user) for user in ("bob", "bob", "cleo")] == [202] * 3
    assert list(api.events(execution))[-1]["type"] == "execution_completed"
    found = api.get(execution)
    assert found["steps"][1]["outputs"] == {"value": ["bob@acme", "cleo@acme"]}
    assert found["steps"][0]["approval"]["have"] == 2
    trail = api.client.get(f"/executions/{execution}/audit").json()
    assert [record["action"] for record in trail["items"]] == [*["execution.approve"] * 2, "execution.create"]
    assert decide(host, execution, "dan") == 409


def test_a_rejection_ends_it_with_its_reason(api: Api, host: hosting.Host) -> None:
    execution = waiting(api, [ASK, GO])
    assert decide(host, execution, "bob", "reject") == 202
    assert list(api.events(execution))[-1]["type"] == "execution_failed"
    error = api.get(execution)["error"]
    assert (error["code"], error["message"]) == ("REJECTED", "bob@acme rejected it: as I say")


@pytest.mark.parametrize(("on_expiry", "end"), [("approve", "completed"), ("reject", "failed")])
def test_what_nobody_decides_in_time_goes_on_by_itself(api: Api, on_expiry: str, end: str) -> None:
    found = api.run([{**ASK, "expires_in": 0.5, "on_expiry": on_expiry}])
    assert (found["status"], found["steps"][0]["approval"]["expired"]) == (end, True)
