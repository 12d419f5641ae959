"""Executions that steps ask for: each attempt has one child, which ends by itself and tells its parent."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from shared.domain.children import MAX_DEPTH, MAX_DESCENDANTS
from shared.domain.executions import Attempt, Execution, ExecutionFilter
from shared.domain.intents import NewIntent
from shared.domain.places import Place
from shared.modules.children import RunIntent
from shared.ports.actions import ActionError, Completed
from shared.ports.children import ChildRefusedError
from shared.ports.documents import EXECUTIONS, TENANCY, Delete, Patch, Query
from shared.services.callers import Caller
from shared.services.executions.runs import Runs
from shared.services.steps.attempts import AttemptRecord
from tests.services.conftest import Workshop, caller
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

STEP: dict[str, Any] = {"id": "sub", "action": "run-intent", "intent": "child"}
OUTPUTS = {"said": "${{ steps.say.outputs.text }}, ${{ parameters.who }}"}


@pytest.fixture(autouse=True)
async def child(workshop: Workshop) -> None:
    """An intent to run, and a member who may run it."""
    workshop.catalogue.use(RunIntent())
    workshop.catalogue.add("say", lambda _, __: Completed({"text": "hello"}))
    await workshop.tenants.ensure("acme")
    await member(workshop)
    definition = {"steps": [{"id": "say", "action": "say"}], "outputs": OUTPUTS}
    await workshop.intents.create(workshop.ada, NewIntent("child", definition))


async def member(workshop: Workshop, *roles: str, subject: str = "ada") -> None:
    await workshop.members.ensure_member(
        "acme", user="ada", roles=roles or ["operator"], issuer="urn:test", subject=subject
    )


async def begun(workshop: Workshop, **step: Any) -> tuple[Execution, Execution]:
    """An execution whose step ``sub`` waits for its child, and that."""
    parent = await workshop.execute({**STEP, "parameters": {"parameters": {"who": "ada"}}, **step})
    outcome = await workshop.attempt(parent, "sub", first=True)
    assert outcome["status"] == "pending"
    return parent, await workshop.executions.get(workshop.ada, outcome["token"])


async def polled(workshop: Workshop, parent: Execution, child: Execution, **more: Any) -> dict[str, Any]:
    return await workshop.attempt(parent, "sub", token=child.execution_id, **more)


async def completed(workshop: Workshop, child: Execution) -> None:
    await workshop.attempt(child, "say", first=True)
    await workshop.finish(child, "completed")


async def children(workshop: Workshop, parent: Execution) -> list[Execution]:
    return (await workshop.executions.list(workshop.ada, ExecutionFilter(parent=parent.execution_id)))[0]


async def audit(workshop: Workshop, execution: Execution) -> list[Mapping[str, Any]]:
    query = Query(EXECUTIONS, "audit", partition=execution.execution_id)
    return [item.body for item in (await workshop.documents.query(workshop.ada.scope, query)).items]


async def test_a_child_has_a_record_of_its_own_that_names_its_parent(workshop: Workshop) -> None:
    parent, child = await begun(workshop)
    place = {"execution_id": parent.execution_id, "step": "sub", "item": None}
    assert child.parent == {**place, "root": parent.execution_id, "depth": 1}
    assert (child.intent_id, child.created_by, child.parameters) == ("child-v1", "ada@acme", {"who": "ada"})
    assert child.execution_id in workshop.orchestrations.started
    assert [one.execution_id for one in await children(workshop, parent)] == [child.execution_id]
    assert (await workshop.events(child))[0]["parent"] == child.parent
    (record,) = await audit(workshop, child)
    assert record["principal"] == f"execution:{parent.execution_id}@acme"
    assert record["after"]["created_by"] == "ada@acme"
    assert record["decision"] == record["decision"] | {
        "operation": "intents.execute",
        "policies": ["role-operator"],
    }
    found = await workshop.executions.get(workshop.ada, parent.execution_id)
    assert (found.parent, found.steps[0].status, found.steps[0].child) == (
        None,
        "waiting",
        child.execution_id,
    )


async def test_its_end_wakes_the_step_which_completes_with_its_outputs(workshop: Workshop) -> None:
    parent, child = await begun(workshop)
    assert (await polled(workshop, parent, child))["status"] == "pending"
    await completed(workshop, child)
    assert workshop.orchestrations.events == [(parent.execution_id, "nudge", {"step": "sub"})]
    assert await polled(workshop, parent, child) == {"status": "completed"}
    found = await workshop.executions.get(workshop.ada, parent.execution_id)
    outputs = {"execution_id": child.execution_id, "status": "completed", "outputs": {"said": "hello, ada"}}
    assert found.steps[0].outputs == outputs
    assert found.steps[0].child == child.execution_id


async def test_large_outputs_come_whole_from_the_child_and_are_kept_by_the_parent(workshop: Workshop) -> None:
    text = "hello" * 20_000
    workshop.catalogue.add("say", lambda _, __: Completed({"text": text}))
    parent, child = await begun(workshop)
    await completed(workshop, child)
    assert await polled(workshop, parent, child) == {"status": "completed"}
    whole = await workshop.outputs.of_step(workshop.ada, parent.execution_id, "sub")
    assert orjson.loads(whole.text)["outputs"] == {"said": f"{text}, ada"}


async def test_an_end_is_told_again_when_its_activity_is_delivered_again(workshop: Workshop) -> None:
    """Who recorded the end may have died before it could tell."""
    _, child = await begun(workshop)
    await completed(workshop, child)
    await workshop.finish(child, "completed")
    assert [name for _, name, _ in workshop.orchestrations.events] == ["nudge", "nudge"]


async def test_however_often_an_attempt_is_delivered_it_has_one_child_which_is_counted_once(
    workshop: Workshop,
) -> None:
    parent, child = await begun(workshop)
    payload = {"tenant_id": "acme", "execution_id": parent.execution_id, "step": "sub", "attempt": 1}
    workshop.orchestrations.started.clear()
    place = Place(parent.execution_id, "sub", 1)
    again = await workshop.children.begin(workshop.ada.scope, place, "child", {})
    assert (await workshop.forgetful().run(payload))["token"] == again.execution_id == child.execution_id
    assert child.execution_id in workshop.orchestrations.started, "it was stranded, and is brought back"
    assert len(await children(workshop, parent)) == 1
    assert (await workshop.head(parent))["descendants"] == 1


async def test_a_bad_end_fails_the_step_and_names_the_child_and_its_cause(workshop: Workshop) -> None:
    parent, child = await begun(workshop)

    def bad(_: Any, __: Any) -> Completed:
        raise ActionError("BROKEN", "it broke", retryable=False)

    workshop.catalogue.add("say", bad)
    await workshop.attempt(child, "say", first=True)
    await workshop.finish(child, "failed", failed=["say"])
    error = (await polled(workshop, parent, child))["error"]
    assert error["code"] == "CHILD_FAILED"
    assert (
        error["message"]
        == f"the execution {child.execution_id} of child-v1 failed: step 'say': BROKEN: it broke"
    )
    assert error["child"]["error"] == {"step": "say", "code": "BROKEN", "message": "it broke"}
    found = await workshop.executions.get(workshop.ada, parent.execution_id)
    assert found.steps[0].child == child.execution_id


async def test_a_child_that_somebody_cancels_fails_the_step_for_good(workshop: Workshop) -> None:
    parent, child = await begun(workshop, retry={"max_attempts": 3})
    await workshop.steering.steer(workshop.ada, child.execution_id, "cancel")
    await workshop.finish(child, "cancelled", cancelled=["say"])
    outcome = await polled(workshop, parent, child)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "CHILD_CANCELLED")


async def test_another_attempt_has_another_child(workshop: Workshop) -> None:
    parent, child = await begun(workshop, retry={"max_attempts": 2})
    await workshop.attempt(child, "say", first=True)
    await workshop.finish(child, "failed", failed=["say"])
    assert (await polled(workshop, parent, child))["status"] == "retry"
    second = await workshop.attempt(parent, "sub", 2)
    assert second["token"] != child.execution_id
    assert {one.execution_id for one in await children(workshop, parent)} == {
        child.execution_id,
        second["token"],
    }


async def test_each_item_of_a_list_has_a_child_and_its_end_wakes_that_item(workshop: Workshop) -> None:
    given = {"parameters": {"who": "${{ item }}"}}
    parent = await workshop.execute({**STEP, "foreach": ["ada", "bob"], "parameters": given})
    await workshop.attempt(parent, "sub", first=True)
    for place in (0, 1):
        child = (await workshop.attempt(parent, "sub", item=place))["token"]
        found = await workshop.executions.get(workshop.ada, child)
        assert found.parent is not None
        assert (found.parent["item"], found.parameters["who"]) == (place, ["ada", "bob"][place])
        await completed(workshop, found)
        assert workshop.orchestrations.events[-1] == (
            parent.execution_id,
            "nudge",
            {"step": "sub", "item": place},
        )
        assert (await workshop.attempt(parent, "sub", item=place, token=child))["status"] == "completed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"roles": ["viewer"]}, "ada@acme may not do intents.execute"),
        ({"subject": "another"}, "ada@acme, in whose name this is executed, is a member no more"),
    ],
)
async def test_it_runs_in_the_name_of_who_executed_the_parent_who_must_still_be_allowed_to(
    workshop: Workshop, change: dict[str, Any], message: str
) -> None:
    parent = await workshop.execute(STEP)
    await dismissed(workshop)
    await member(workshop, *change.get("roles", ()), subject=change.get("subject", "ada"))
    outcome = await workshop.attempt(parent, "sub", first=True)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "CHILD_REFUSED")
    assert message in outcome["error"]["message"]
    assert await children(workshop, parent) == []


async def dismissed(workshop: Workshop) -> None:
    """Ada's name is free for somebody else."""
    await workshop.documents.transact(
        workshop.ada.scope, container=TENANCY, partition="members", operations=[Delete("ada")]
    )


async def test_parameters_that_do_not_fit_fail_the_step_and_say_where(workshop: Workshop) -> None:
    declared = {"type": "object", "required": ["who"], "properties": {"who": {"type": "string"}}}
    definition = {"parameters": declared, "steps": [{"id": "say", "action": "say"}]}
    await workshop.intents.create(workshop.ada, NewIntent("strict", definition))
    parent = await workshop.execute({**STEP, "intent": "strict"})
    error = (await workshop.attempt(parent, "sub", first=True))["error"]
    assert error["code"] == "CHILD_REFUSED"
    assert "/parameters/who" in error["message"]


async def test_a_child_that_takes_too_long_is_cancelled_and_then_the_step_fails(workshop: Workshop) -> None:
    parent, child = await begun(workshop, expires_in="1m")
    workshop.clock.advance(61)
    assert (await polled(workshop, parent, child))["status"] == "pending"
    assert (await workshop.executions.get(workshop.ada, child.execution_id)).status == "cancelling"
    assert workshop.orchestrations.events[-1][:2] == (child.execution_id, "cancel")
    await workshop.finish(child, "cancelled", cancelled=["say"])
    error = (await polled(workshop, parent, child))["error"]
    assert error["code"] == "TIMEOUT"
    assert "was cancelled because its time was over" in error["message"]


async def test_what_is_cancelled_before_it_is_there_never_will_be(workshop: Workshop) -> None:
    parent = await workshop.execute(STEP)
    place = Place(parent.execution_id, "sub", 1)
    for _ in range(2):
        assert await workshop.children.stop(workshop.ada.scope, place, "cancel") is None
    with pytest.raises(ChildRefusedError, match="cancelled before it began") as refused:
        await workshop.children.begin(workshop.ada.scope, place, "child", {})
    assert refused.value.code == "CHILD_CANCELLED"
    assert await workshop.children.look(workshop.ada.scope, place) is None
    assert await children(workshop, parent) == []


async def test_cancelling_a_child_is_recorded_as_its_parents_doing(workshop: Workshop) -> None:
    parent, child = await begun(workshop)
    place = Place(parent.execution_id, "sub", 1)
    for _ in range(2):
        standing = await workshop.children.stop(workshop.ada.scope, place, "cancel")
        assert standing is not None
    records = await audit(workshop, child)
    (record,) = [one for one in records if one["action"] == "execution.cancel"]
    assert record["principal"] == f"execution:{parent.execution_id}@acme"


async def test_executions_stand_no_deeper_than_the_bound_and_the_error_tells_the_way(
    workshop: Workshop,
) -> None:
    await workshop.intents.create(workshop.ada, NewIntent("level-0", {"steps": [STEP]}))
    for level in range(1, MAX_DEPTH + 1):
        step = {**STEP, "intent": f"level-{level - 1}"}
        await workshop.intents.create(workshop.ada, NewIntent(f"level-{level}", {"steps": [step]}))
    standing = await workshop.executions.execute(workshop.ada, f"level-{MAX_DEPTH}", {})
    root = standing.execution_id
    for depth in range(1, MAX_DEPTH + 1):
        outcome = await workshop.attempt(standing, "sub", first=True)
        standing = await workshop.executions.get(workshop.ada, outcome["token"])
        assert standing.parent is not None
        assert (standing.parent["root"], standing.parent["depth"]) == (root, depth)
    error = (await workshop.attempt(standing, "sub", first=True))["error"]
    assert error["code"] == "CHILD_DEPTH"
    way = " → ".join(f"level-{level}-v1" for level in range(MAX_DEPTH, -1, -1))
    assert f"{way} → child" in error["message"]


async def test_a_root_has_no_more_below_it_than_the_bound(workshop: Workshop) -> None:
    parent = await workshop.execute({**STEP, "foreach": [1, 2]})
    counted = Patch("execution", set={("descendants",): MAX_DESCENDANTS - 1})
    await workshop.documents.transact(
        workshop.ada.scope, container=EXECUTIONS, partition=parent.execution_id, operations=[counted]
    )
    await workshop.attempt(parent, "sub", first=True)
    assert (await workshop.attempt(parent, "sub", item=0))["status"] == "pending"
    for _ in range(2):
        error = (await workshop.attempt(parent, "sub", item=1))["error"]
        assert error["code"] == "CHILD_LIMIT"
        assert "deploy-v1 → child" in error["message"]
    assert len(await children(workshop, parent)) == 1


async def test_another_tenants_executions_are_nobodys_children(workshop: Workshop) -> None:
    parent, _ = await begun(workshop)
    eve: Caller = caller("globex", "eve")
    assert await workshop.executions.list(eve, ExecutionFilter(parent=parent.execution_id)) == ([], None)
    place = Place(parent.execution_id, "sub", 1)
    assert await workshop.children.look(eve.scope, place) is None


async def test_terminating_the_parent_terminates_the_child(workshop: Workshop) -> None:
    parent, child = await begun(workshop)
    for _ in range(2):
        asked = await polled(workshop, parent, child, gives_up="terminate")
        assert (asked["status"], asked["gives_up"]) == ("pending", True)
    assert workshop.orchestrations.events[-1] == (child.execution_id, "nudge", {"terminate": True})
    await workshop.finish(child, "cancelled", cancelled=["say"])
    assert (await polled(workshop, parent, child, gives_up="terminate"))["status"] == "cancelled"
    found = await workshop.executions.get(workshop.ada, parent.execution_id)
    assert (found.steps[0].status, found.steps[0].child) == ("cancelled", child.execution_id)


async def test_a_child_that_completes_before_it_is_cancelled_completes_the_step(workshop: Workshop) -> None:
    parent, child = await begun(workshop)
    await completed(workshop, child)
    assert await polled(workshop, parent, child, gives_up="cancel") == {"status": "completed"}


async def test_an_attempt_that_was_broken_off_before_its_child_was_there_never_has_one(
    workshop: Workshop,
) -> None:
    parent = await workshop.execute(STEP)
    run = await Runs(workshop.documents).load(workshop.ada.scope, parent.execution_id)
    assert run is not None
    await workshop.documents.transact(  # as a delivery leaves it that dies behind its announcement
        workshop.ada.scope,
        container=EXECUTIONS,
        partition=parent.execution_id,
        operations=AttemptRecord(
            run,
            Attempt("acme", parent.execution_id, "sub", 1),
            run.plan.step("sub"),
            started=workshop.clock.now(),
        ).begin(),
    )
    assert await workshop.attempt(parent, "sub", gives_up="cancel") == {"status": "cancelled"}
    assert await workshop.attempt(parent, "sub", first=True) == {"status": "cancelled"}
    assert await children(workshop, parent) == []


async def test_what_one_delivery_is_refused_no_other_gets_later(workshop: Workshop) -> None:
    """Two run side by side: what forbade it may be gone before the second of them asks."""
    parent = await workshop.execute(STEP)
    place = Place(parent.execution_id, "sub", 1)
    await member(workshop, "viewer")
    with pytest.raises(ChildRefusedError, match=r"may not do intents\.execute"):
        await workshop.children.begin(workshop.ada.scope, place, "child", {})
    await member(workshop)
    with pytest.raises(ChildRefusedError, match="cancelled before it began"):
        await workshop.children.begin(workshop.ada.scope, place, "child", {})
    assert await children(workshop, parent) == []
