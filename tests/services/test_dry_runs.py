"""Dry runs: the real graph with the real decisions, nothing done, and nothing told that is not known."""

from collections.abc import Mapping
from typing import Any

import pytest

from shared.domain.dry_runs import UNKNOWN
from shared.domain.errors import ConflictError, StaleError
from shared.domain.executions import Execution, ExecutionFilter, StepState
from shared.domain.intents import NewIntent
from shared.domain.retrying import Retrial
from shared.modules.approvals import ApprovalAction
from shared.modules.children import RunIntent
from shared.modules.core import Assert, Transform, Wait
from shared.modules.http import HttpRequest
from shared.ports.actions import Completed
from shared.ports.documents import EXECUTIONS
from shared.security.egress import EgressPolicy
from shared.services.delivery.relay import Relay
from tests.fakes.actions import Scripted
from tests.fakes.events import FlakyEvents
from tests.services.conftest import Workshop
from tests.services.running import run, states
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES


@pytest.fixture
def acts(workshop: Workshop) -> Scripted:
    """One action that has an effect, beside the real ones; it is what must never run."""
    for action in (
        *(Wait(), Assert(), Transform(), RunIntent()),
        *(ApprovalAction(workshop.approvals), HttpRequest(EgressPolicy.allowing(()))),
    ):
        workshop.catalogue.use(action)
    return workshop.catalogue.add("act", lambda _parameters, _context: Completed({"made": 1}))


async def dry(workshop: Workshop, *steps: dict[str, Any], **definition: Any) -> Execution:
    """How a dry run of these steps ends."""
    new = NewIntent("deploy", {"target": "production", "steps": list(steps), **definition})
    await workshop.intents.create(workshop.ada, new)
    return await run(workshop, await workshop.executions.execute(workshop.ada, "deploy", {}, dry_run=True))


def step_of(execution: Execution, id: str) -> StepState:
    return next(step for step in execution.steps if step.id == id)


async def test_what_is_pure_is_done_and_everything_else_only_said(workshop: Workshop, acts: Scripted) -> None:
    found = await dry(
        workshop,
        {"id": "text", "action": "transform", "value": "${{ target }}"},
        {"id": "act", "action": "act", "of": "${{ steps.text.outputs.value }}"},
        {"id": "off", "action": "act", "when": "target == 'staging'"},
        {"id": "each", "action": "transform", "foreach": [1, 2], "value": "${{ item * 2 }}"},
    )
    assert (found.status, found.dry_run) == ("completed", True)
    assert states(found) == {
        "text": "completed",
        "act": "completed",
        "off": "skipped",
        "each": "completed",
    }
    assert acts.runs == []
    assert step_of(found, "text").outputs == {"value": "production"}
    assert (step_of(found, "act").would, step_of(found, "act").unknown) == ({"run": "act"}, ["/outputs"])
    assert step_of(found, "off").error is None
    outputs = step_of(found, "each").outputs
    assert outputs is not None
    assert [item["outputs"]["value"] for item in outputs["items"]] == [2, 4]
    assert found.undecided == {"steps": [], "outputs": []}


async def test_what_needs_a_result_that_only_a_real_run_has_is_left_open_and_fails_nothing(
    workshop: Workshop, acts: Scripted
) -> None:
    found = await dry(
        workshop,
        {"id": "act", "action": "act"},
        {"id": "input", "action": "transform", "value": "${{ steps.act.outputs.made + 1 }}"},
        {"id": "check", "action": "assert", "condition": "steps.input.outputs.value == 2"},
        {"id": "when", "action": "act", "when": "steps.act.outputs.made > 1"},
        {"id": "each", "action": "act", "foreach": "${{ steps.act.outputs.list }}"},
        {"id": "status", "action": "transform", "value": "${{ steps.act.status }}"},
        {"id": "after", "action": "transform", "value": 1, "depends_on": ["check", "when", "each"]},
        outputs={"made": "${{ steps.input.outputs.value }}", "status": "${{ steps.status.outputs.value }}"},
    )
    assert (found.status, acts.runs) == ("completed", [])
    assert states(found) == {
        **dict.fromkeys(["act", "status", "after"], "completed"),
        **dict.fromkeys(["input", "check", "when", "each"], "skipped"),
    }
    left = [step for step in found.steps if step.status == "skipped"]
    assert {tuple(step.unknown) for step in left} == {("/status", "/outputs")}
    assert {step.error["code"] for step in left if step.error} == {UNKNOWN}
    assert {step.id: step.error["message"] for step in left if step.error} == {
        "input": "its parameters: only a real run can tell steps.act.outputs.made",
        "check": "its parameters: only a real run can tell steps.input.outputs.value",
        "when": "its condition: only a real run can tell steps.act.outputs.made",
        "each": "its items: only a real run can tell steps.act.outputs.list",
    }
    assert found.outputs == {"status": "completed"}
    assert found.undecided == {"steps": ["check", "each", "input", "when"], "outputs": ["made"]}


async def test_an_assertion_that_would_fail_fails_and_blocks_what_it_would_block(
    workshop: Workshop, acts: Scripted
) -> None:
    found = await dry(
        workshop,
        {"id": "made", "action": "act", "compensate": {"action": "act"}},
        {"id": "check", "action": "assert", "condition": "target == 'staging'", "depends_on": ["made"]},
        {"id": "late", "action": "act", "depends_on": ["check"]},
        **{"finally": [{"id": "tidy", "action": "transform", "value": "${{ steps.check.status }}"}]},
    )
    assert (found.status, found.error and found.error["code"]) == ("failed", "ASSERTION_FAILED")
    assert states(found) == {
        "made": "completed",  # and not undone, for nothing was done
        "check": "failed",
        "late": "skipped",
        "tidy": "completed",
    }
    assert step_of(found, "tidy").outputs == {"value": "failed"}
    assert acts.runs == []


async def test_nobody_is_asked_nothing_is_waited_for_and_nothing_is_sent(
    workshop: Workshop, acts: Scripted
) -> None:
    secret = {"Authorization": "Bearer hidden", "X-Key": "hidden", "Accept": "text/plain"}
    found = await dry(
        workshop,
        {"id": "ask", "action": "approval", "approvers": {"roles": ["admin"]}, "required": 2},
        {"id": "wait", "action": "wait", "duration": "10d"},
        {
            "id": "call",
            "action": "http-request",
            "method": "POST",
            "url": "https://example.com/things?token=hidden",
            "headers": secret,
            "body": {"a": 1},
            "expect_status": 201,
        },
        {"id": "know", "action": "transform", "value": "${{ steps.call.outputs.status }}"},
        {"id": "gate", "action": "assert", "condition": "steps.ask.outputs.decision == 'approved'"},
        {"id": "who", "action": "transform", "value": "${{ steps.ask.outputs.decided_by }}"},
    )
    assert states(found) == {
        **dict.fromkeys(["ask", "wait", "call", "know", "gate"], "completed"),
        "who": "skipped",
    }
    ask, call = step_of(found, "ask"), step_of(found, "call")
    assert ask.outputs is not None
    assert (ask.outputs["decision"], ask.outputs["decided_by"], ask.approval) == ("approved", [], None)
    assert ask.would is not None
    assert (ask.would["assumed"], ask.would["required"], ask.would["approvers"]["roles"]) == (
        *("approved", 2),
        ["admin"],
    )
    assert step_of(found, "wait").would == {"wait_seconds": 10 * 86_400}
    assert call.would is not None
    assert (call.would["method"], call.would["url"]) == ("POST", "https://example.com/things?…")
    headers = call.would["headers"]
    assert (headers["authorization"], headers["x-key"], headers["accept"]) == (
        *["(redacted)"] * 2,
        "text/plain",
    )
    assert (call.outputs, call.unknown) == ({"status": 201}, ["/outputs"])
    assert "hidden" not in repr(await everything(workshop, found))
    assert step_of(found, "know").outputs == {"value": 201}


async def everything(workshop: Workshop, execution: Execution) -> list[Mapping[str, Any]]:
    """All documents of an execution but its plan, which is as it was written."""
    changes = await workshop.documents.changes(
        workshop.ada.scope, container=EXECUTIONS, partition=execution.execution_id, limit=1000
    )
    return [change.document.body for change in changes if change.document.body["kind"] != "plan"]


async def test_where_nothing_may_be_sent_it_fails_as_it_would(workshop: Workshop, acts: Scripted) -> None:
    found = await dry(
        workshop, {"id": "call", "action": "http-request", "url": "${{ 'http://169.254.169.254/' }}"}
    )
    assert (found.status, found.error and found.error["code"]) == ("failed", "EGRESS_REFUSED")


async def test_an_action_that_cannot_be_undone_is_not_begun(workshop: Workshop, acts: Scripted) -> None:
    sends = workshop.catalogue.add("send", lambda _p, _c: Completed({}), side_effect="irreversible")
    execution = await workshop.execute({"id": "send", "action": "send"})
    planned = await workshop.plans.preview(workshop.ada, "deploy", {})
    rehearsal = await workshop.executions.execute(
        workshop.ada, "deploy", {}, reviewed=planned.hash, dry_run=True
    )
    assert rehearsal.plan_hash == execution.plan_hash == planned.hash
    for _ in range(2):  # delivered twice
        assert (await workshop.attempt(rehearsal, "send", first=True))["status"] == "completed"
    assert sends.runs == []
    with pytest.raises(StaleError):
        await workshop.executions.execute(
            workshop.ada, "deploy", {}, reviewed="sha256:" + "0" * 64, dry_run=True
        )


async def test_items_that_need_what_is_not_known_are_left_open(workshop: Workshop, acts: Scripted) -> None:
    found = await dry(
        workshop,
        {"id": "act", "action": "act"},
        {"id": "each", "action": "act", "foreach": [1, 2], "of": "${{ item + steps.act.outputs.made }}"},
        {"id": "count", "action": "transform", "value": "${{ steps.each.outputs.counts.total }}"},
        {"id": "first", "action": "transform", "value": "${{ steps.each.outputs.items[0] }}"},
    )
    assert states(found) == {
        "act": "completed",
        "each": "completed",
        "count": "completed",
        "first": "skipped",
    }
    each = step_of(found, "each")
    assert each.unknown == ["/outputs/items"]
    assert each.outputs is not None
    assert [item["status"] for item in each.outputs["items"]] == ["skipped", "skipped"]
    assert step_of(found, "count").outputs == {"value": 2}


async def test_the_child_of_a_dry_run_is_one_too(workshop: Workshop, acts: Scripted) -> None:
    await workshop.tenants.ensure("acme")
    await workshop.members.ensure_member(
        "acme", user="ada", roles=["operator"], issuer="urn:test", subject="ada"
    )
    outputs = {"made": "${{ steps.act.outputs.made }}", "said": "hello"}
    definition = {"steps": [{"id": "act", "action": "act"}], "outputs": outputs}
    await workshop.intents.create(workshop.ada, NewIntent("child", definition))
    await workshop.intents.create(
        workshop.ada,
        NewIntent("deploy", {"steps": [{"id": "sub", "action": "run-intent", "intent": "child"}]}),
    )
    parent = await workshop.executions.execute(workshop.ada, "deploy", {}, dry_run=True)
    begun = await workshop.attempt(parent, "sub", first=True)
    child = await run(workshop, await workshop.executions.get(workshop.ada, begun["token"]))
    assert (child.dry_run, child.outputs) == (True, {"said": "hello"})
    assert await workshop.attempt(parent, "sub", token=begun["token"]) == {"status": "completed"}
    (sub,) = (await workshop.executions.get(workshop.ada, parent.execution_id)).steps
    assert sub.outputs is not None
    assert (sub.outputs["outputs"], sub.unknown) == ({"said": "hello"}, ["/outputs/outputs"])
    assert acts.runs == []


async def test_every_event_and_the_record_say_so_and_nothing_leaves_by_the_hub(
    workshop: Workshop, acts: Scripted
) -> None:
    real = await run(workshop, await workshop.execute({"id": "act", "action": "act"}, name="real"))
    found = await dry(
        workshop,
        {"id": "act", "action": "act"},
        {"id": "fails", "action": "assert", "condition": "false"},
        {"id": "late", "action": "act", "depends_on": ["fails"]},
    )
    events = await workshop.events(found)
    assert {event["type"] for event in events} == {
        *("execution_started", "step_started", "step_completed", "step_failed", "step_skipped"),
        "execution_failed",
    }
    assert all(event["dry_run"] is True for event in events)
    assert not any("dry_run" in event for event in await workshop.events(real))
    (record,) = [body for body in await everything(workshop, found) if body["kind"] == "audit"]
    assert record["after"]["dry_run"] is True
    hub = FlakyEvents()
    relay = Relay(documents=workshop.documents, events=hub, clock=workshop.clock)
    await relay.publish(EXECUTIONS, [*await everything(workshop, found), *await everything(workshop, real)])
    assert {event.data["execution_id"] for event in hub.published} == {real.execution_id}


async def test_dry_runs_are_listed_with_the_others_by_themselves_or_not_at_all(
    workshop: Workshop, acts: Scripted
) -> None:
    real = await workshop.execute({"id": "act", "action": "act"})
    rehearsal = await workshop.executions.execute(workshop.ada, "deploy", {}, dry_run=True)

    async def listed(dry_run: bool | None) -> set[str]:
        found, _ = await workshop.executions.list(workshop.ada, ExecutionFilter(dry_run=dry_run))
        return {one.execution_id for one in found}

    assert await listed(None) == {real.execution_id, rehearsal.execution_id}
    assert await listed(True) == {rehearsal.execution_id}
    assert await listed(False) == {real.execution_id}


async def test_a_dry_run_is_not_retried(workshop: Workshop, acts: Scripted) -> None:
    found = await dry(workshop, {"id": "check", "action": "assert", "condition": "false"})
    with pytest.raises(ConflictError, match="Execute the intent"):
        await workshop.retrying.retry(workshop.ada, found.execution_id, Retrial())
