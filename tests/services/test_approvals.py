"""Approvals: asked for once, decided by whom they may be, each decision counted once."""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from shared.domain.approvals import Approval, Question, Verdict
from shared.domain.errors import ConflictError, ForbiddenError, NotFoundError
from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.domain.secrets import NewSecret
from shared.modules.approvals import ApprovalAction
from shared.ports.actions import Completed
from shared.ports.documents import EXECUTIONS, Query
from shared.security.principals import Principal
from shared.security.scope import TenantScope
from shared.services.callers import Caller
from tests.leaks import leaks
from tests.services.conftest import Workshop
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


@pytest.fixture(autouse=True)
def action(workshop: Workshop) -> None:
    workshop.catalogue.use(ApprovalAction(workshop.approvals))


def member(user: str, *roles: str, tenant: str = "acme", **attributes: str) -> Caller:
    principal = Principal(tenant, user, frozenset(roles or {"approver"}), attributes, "urn:test", user)
    return Caller(principal, TenantScope(tenant), request_id="r2")


BOB, CLEO = member("bob"), member("cleo")


async def asked(workshop: Workshop, **question: Any) -> Execution:
    """An execution, executed by ada, whose step ``ask`` waits for an approval."""
    execution = await workshop.execute({"id": "ask", "action": "approval", **question})
    outcome = await workshop.attempt(execution, "ask", first=True)
    assert outcome["status"] == "pending"
    return execution


async def polled(workshop: Workshop, execution: Execution) -> dict[str, Any]:
    return await workshop.attempt(execution, "ask", token="asked")


async def decide(
    workshop: Workshop, execution: Execution, who: Caller, verdict: Verdict = "approved", **more: Any
) -> Approval:
    return await workshop.approvals.decide(who, execution.execution_id, "ask", verdict, **more)


async def step(workshop: Workshop, execution: Execution) -> Mapping[str, Any]:
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    return found.steps[0].to_json()


async def stored(workshop: Workshop, kind: str) -> list[Mapping[str, Any]]:
    page = await workshop.documents.query(workshop.ada.scope, Query(EXECUTIONS, kind))
    return [item.body for item in page.items]


async def test_an_execution_shows_what_it_waits_for(workshop: Workshop) -> None:
    execution = await asked(workshop, message="may it go?", expires_in=60, approvers={"roles": ["admin"]})
    shown = await step(workshop, execution)
    assert shown["status"] == "waiting"
    assert shown["waiting"] == [
        {
            "for": "approval",
            "step": "ask",
            "since": "2026-01-02T03:04:05.000000Z",
            "until": "2026-01-02T03:05:05.000000Z",
            "approvers": {"roles": ["admin"], "attributes": {}},
            "required": 1,
            "have": 0,
        }
    ]
    assert (shown["approval"]["message"], shown["approval"]["decisions"]) == ("may it go?", [])
    assert await workshop.types(execution) == ["execution_started", "step_started", "approval_requested"]


async def test_an_approval_completes_the_step_and_is_bound_to_the_plan(workshop: Workshop) -> None:
    execution = await asked(workshop)
    approval = await decide(workshop, execution, BOB, comment="well done")
    assert (approval.status, approval.plan_hash) == ("approved", execution.plan_hash)
    assert workshop.orchestrations.events == [(execution.execution_id, "nudge", {"step": "ask"})]
    assert (await polled(workshop, execution))["status"] == "completed"
    shown = await step(workshop, execution)
    assert shown["outputs"] == {
        "decision": "approved",
        "decided_by": ["bob@acme"],
        "comments": [{"by": "bob@acme", "comment": "well done"}],
        "at": "2026-01-02T03:04:05.000000Z",
        "expired": False,
    }
    assert shown["waiting"] == []
    assert (await workshop.types(execution))[-2:] == ["approval_decided", "step_completed"]
    record = max(await stored(workshop, "audit"), key=lambda body: body["number"])
    assert (record["action"], record["principal"]) == ("execution.approve", "bob@acme")
    assert record["after"]["plan_hash"] == execution.plan_hash


async def test_a_rejection_fails_the_step_for_good(workshop: Workshop) -> None:
    execution = await asked(workshop, required=2, retry={"max_attempts": 5})
    await decide(workshop, execution, BOB)
    await decide(workshop, execution, CLEO, "rejected", comment="not on a friday")
    outcome = await polled(workshop, execution)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "REJECTED")
    assert outcome["error"]["message"] == "cleo@acme rejected it: not on a friday"


async def test_as_many_as_are_needed_decide(workshop: Workshop) -> None:
    execution = await asked(workshop, required=2)
    assert (await decide(workshop, execution, BOB)).waits
    assert workshop.orchestrations.events == []
    assert (await polled(workshop, execution))["status"] == "pending"
    assert (await step(workshop, execution))["waiting"][0]["have"] == 1
    assert (await decide(workshop, execution, CLEO)).status == "approved"
    assert (await polled(workshop, execution))["status"] == "completed"
    with pytest.raises(ConflictError, match="was approved"):
        await decide(workshop, execution, member("dan"))


async def test_deciding_again_is_answered_the_same_and_changing_ones_mind_is_refused(
    workshop: Workshop,
) -> None:
    execution = await asked(workshop, required=2)
    first = await decide(workshop, execution, BOB, comment="go")
    await decide(workshop, execution, CLEO)
    assert await decide(workshop, execution, BOB, comment="again") == first
    with pytest.raises(ConflictError, match="approved step 'ask' already"):
        await decide(workshop, execution, BOB, "rejected")
    assert len(await stored(workshop, "audit")) == 3


async def test_who_executed_decides_only_where_that_is_allowed(workshop: Workshop) -> None:
    execution = await asked(workshop)
    with pytest.raises(ForbiddenError, match="who executes does not decide") as refused:
        await decide(workshop, execution, workshop.ada)
    assert refused.value.policies == ("approval:no-self-approval",)
    other = await workshop.execute({"id": "ask", "action": "approval", "allow_self": True}, name="own")
    await workshop.attempt(other, "ask", first=True)
    assert (await decide(workshop, other, workshop.ada)).status == "approved"


async def test_only_the_approvers_decide(workshop: Workshop) -> None:
    approvers = {"roles": ["approver", "admin"], "attributes": {"department": "finance"}}
    execution = await asked(workshop, approvers=approvers)
    others = (BOB, member("dan", department="sales"), member("eve", "operator", department="finance"))
    for who in others:
        with pytest.raises(ForbiddenError, match="'finance'") as refused:
            await decide(workshop, execution, who)
        assert refused.value.policies == ("approval:approvers",)
    assert not (await decide(workshop, execution, member("fay", department="finance"))).waits


async def test_what_does_not_wait_cannot_be_decided(workshop: Workshop) -> None:
    execution = await workshop.execute(
        {"id": "ask", "action": "approval"}, {"id": "behind", "action": "approval", "depends_on": ["ask"]}
    )
    ids = execution.execution_id
    with pytest.raises(ConflictError, match="does not wait"):
        await workshop.approvals.decide(BOB, ids, "behind", "approved")
    for tenant, execution_id, name in (("acme", ids, "nope"), ("acme", "01J", "ask"), ("globex", ids, "ask")):
        with pytest.raises(NotFoundError):
            await workshop.approvals.decide(member("bob", tenant=tenant), execution_id, name, "approved")
    await workshop.attempt(execution, "ask", first=True)
    await workshop.steering.steer(workshop.ada, ids, "cancel")
    with pytest.raises(ConflictError, match="cancelling"):
        await decide(workshop, execution, BOB)
    await workshop.finish(execution, "cancelled", cancelled=["ask", "behind"])
    with pytest.raises(ConflictError, match="cancelled"):
        await decide(workshop, execution, BOB)
    shown = await step(workshop, execution)
    assert (shown["status"], shown["waiting"], shown["approval"]["status"]) == (
        "cancelled",
        [],
        "withdrawn",
    )


async def test_what_runs_at_last_is_decided_even_when_the_execution_is_being_cancelled(
    workshop: Workshop,
) -> None:
    ask = {"id": "ask", "action": "approval"}
    definition = {"steps": [{"id": "first", "action": "approval"}], "finally": [ask]}
    await workshop.intents.create(workshop.ada, NewIntent(name="tidy", definition=definition))
    execution = await workshop.executions.execute(workshop.ada, "tidy", {})
    await workshop.attempt(execution, "first", first=True)
    await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")
    assert (await workshop.attempt(execution, "ask", ending="cancelled"))["status"] == "pending"
    assert (await decide(workshop, execution, BOB)).status == "approved"
    outcome = await workshop.attempt(execution, "ask", token="asked", ending="cancelled")
    assert outcome["status"] == "completed"


@pytest.mark.parametrize(
    ("on_expiry", "status", "decision"),
    [("reject", "failed", "rejected"), ("approve", "completed", "approved")],
)
async def test_what_nobody_decides_in_time_is_decided_as_it_says(
    workshop: Workshop, on_expiry: str, status: str, decision: str
) -> None:
    execution = await asked(workshop, expires_in="1m", on_expiry=on_expiry)
    workshop.clock.advance(59)
    assert (await polled(workshop, execution))["delay"] == 1
    workshop.clock.advance(1)
    with pytest.raises(ConflictError, match="expired"):
        await decide(workshop, execution, BOB)
    assert (await polled(workshop, execution))["status"] == status
    shown = (await step(workshop, execution))["approval"]
    assert (shown["status"], shown["expired"], shown["decisions"]) == (decision, True, [])
    decided = [one for one in await workshop.events(execution) if one["type"] == "approval_decided"]
    assert [one["approval"]["expired"] for one in decided] == [True]


async def test_decisions_at_the_same_time_count_once_each_and_no_more_than_are_needed(
    workshop: Workshop,
) -> None:
    execution = await asked(workshop, required=3)
    everyone = [member(f"m{number}") for number in range(6)] * 2
    results = await asyncio.gather(
        *(decide(workshop, execution, who) for who in everyone), return_exceptions=True
    )
    assert all(isinstance(one, Approval | ConflictError) for one in results)
    shown = (await step(workshop, execution))["approval"]
    assert (shown["status"], shown["have"]) == ("approved", 3)
    assert len({one["by"] for one in shown["decisions"]}) == 3
    assert len(await stored(workshop, "audit")) == 1 + 3
    assert len(workshop.orchestrations.events) == 1


async def test_of_a_decision_and_the_expiry_one_wins_and_everybody_is_told_the_same(
    workshop: Workshop,
) -> None:
    execution = await asked(workshop, expires_in=60)
    workshop.clock.advance(59.999)
    deciding = asyncio.gather(
        *(decide(workshop, execution, who) for who in (BOB, CLEO)), return_exceptions=True
    )
    workshop.clock.advance(1)
    outcome, _ = await asyncio.gather(polled(workshop, execution), deciding)
    shown = (await step(workshop, execution))["approval"]
    assert outcome["status"] == ("failed" if shown["expired"] else "completed")
    assert len(shown["decisions"]) == (0 if shown["expired"] else 1)


async def test_a_nudge_that_is_lost_is_sent_by_recovery(workshop: Workshop) -> None:
    execution = await asked(workshop)
    workshop.orchestrations.reachable = False
    assert (await decide(workshop, execution, BOB)).status == "approved"
    workshop.orchestrations.reachable = True
    workshop.clock.advance(60)
    assert await workshop.steering.tell_left(workshop.ada.scope, before=workshop.clock.now()) == 1
    assert workshop.orchestrations.events == [(execution.execution_id, "nudge", {"step": "ask"})]


async def test_a_delivery_that_comes_after_the_end_asks_nobody(workshop: Workshop) -> None:
    execution = await workshop.execute({"id": "ask", "action": "approval"})
    await workshop.finish(execution, "cancelled", cancelled=["ask"])
    late = await workshop.attempt(execution, "ask", first=True)
    assert late["status"] != "pending"
    assert (await workshop.types(execution))[-1] == "execution_cancelled"
    approval = await workshop.approvals.ask(workshop.ada.scope, execution.execution_id, "ask", Question())
    assert approval.status == "withdrawn"
    assert await stored(workshop, "approval") == []


async def test_a_step_that_asks_again_asks_the_same(workshop: Workshop) -> None:
    execution = await asked(workshop, expires_in=60)
    workshop.clock.advance(30)
    again = await workshop.forgetful().run(
        {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "ask", "attempt": 1}
    )
    assert (again["status"], again["token"]) == ("pending", "asked")
    assert (await step(workshop, execution))["waiting"][0]["until"] == "2026-01-02T03:05:05.000000Z"
    assert (await workshop.types(execution)).count("approval_requested") == 1


async def test_neither_the_question_nor_a_comment_is_kept_with_a_secret_of_the_plan(
    workshop: Workshop,
) -> None:
    value = "hunter2-and-more"
    await workshop.secrets.put(workshop.ada, "TOKEN", NewSecret(value))
    workshop.catalogue.add("send", lambda *_: Completed({}))
    execution = await workshop.execute(
        {"id": "ask", "action": "approval", "message": "with ${{ parameters.note }}?"},
        {"id": "send", "action": "send", "token": "${{ secrets.TOKEN }}"},
        note=f"token={value}",
    )
    await workshop.attempt(execution, "ask", first=True)
    approval = await decide(workshop, execution, BOB, comment=f"yes, {base64.b64encode(value.encode())!r}")
    assert approval.question.message == "with token=***TOKEN***?"
    assert approval.decisions[0].comment == "yes, b'***TOKEN***=='"
    assert await decide(workshop, execution, BOB, comment=f"yes, with {value}") == approval
    await polled(workshop, execution)
    everything = await workshop.documents.query(workshop.ada.scope, Query(EXECUTIONS, None, limit=1000))
    kept = [one.body for one in everything.items if one.body["kind"] not in {"execution", "plan"}]
    assert {"approval", "audit", "event", "step"} <= {body["kind"] for body in kept}
    record = max(await stored(workshop, "audit"), key=lambda body: body["number"])
    assert record["after"]["comment"] == "yes, b'***TOKEN***=='"
    assert not leaks(json.dumps([body for body in kept if not _parameters(body)]), [value])


def _parameters(body: Mapping[str, Any]) -> bool:
    """Whether it is the record of the beginning, which has the parameters, and those are no secrets."""
    return bool(body["kind"] == "audit" and body["action"] == "execution.create")
