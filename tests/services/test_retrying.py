"""Retrying: a new execution of the same plan that keeps what went well, wherever the process dies."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import (
    ConflictError,
    IrreversibleError,
    NotExecutableError,
    NotFoundError,
    ValidationFailedError,
)
from shared.domain.executions import Execution
from shared.domain.intents import NewIntent, NewVersion
from shared.domain.retrying import Retrial
from shared.domain.times import rfc3339
from shared.modules.children import RunIntent
from shared.ports.actions import ActionError, Completed
from shared.ports.documents import EXECUTIONS, Documents
from shared.security.principals import Origin
from shared.services.executions.retry_orders import Order
from tests.fakes.clock import FrozenClock
from tests.fakes.documents import InterruptedDocuments, Killed, Moment
from tests.services.conftest import Workshop, caller, composed
from tests.services.running import run, states
from tests.stores import BOTH_STORES, opened

pytestmark = BOTH_STORES


@pytest.fixture(autouse=True)
def actions(workshop: Workshop) -> None:
    equip(workshop)


def equip(workshop: Workshop) -> None:
    """Actions that work; ``broken`` does once it is mended."""
    workshop.catalogue.add("make", lambda parameters, _: Completed({"made": parameters.model_dump()}))
    workshop.catalogue.add("undo", lambda _parameters, _context: Completed({}))
    workshop.catalogue.add("send", lambda _parameters, _context: Completed({}), side_effect="irreversible")
    workshop.catalogue.add("broken", fail)


def fail(_parameters: Any, _context: Any) -> Completed:
    raise ActionError("BROKEN", "it broke", retryable=False)


def mend(workshop: Workshop) -> Any:
    return workshop.catalogue.add("broken", lambda _parameters, _context: Completed({"mended": True}))


async def retry(workshop: Workshop, old: Execution, *origin: str, **more: Any) -> Execution:
    return await workshop.retrying.retry(workshop.ada, old.execution_id, Retrial(origin, **more))


CHAIN: list[dict[str, Any]] = [
    {"id": "a", "action": "make", "name": "${{ parameters.who }}"},
    {"id": "skipped", "action": "make", "when": "false", "depends_on": ["a"]},
    {"id": "b", "action": "broken", "depends_on": ["a", "skipped"]},
    {"id": "c", "action": "make", "of": "${{ steps.a.outputs.made.name }}", "depends_on": ["b"]},
]


async def test_what_failed_and_what_was_blocked_runs_again_and_the_rest_is_kept(workshop: Workshop) -> None:
    old = await run(workshop, await workshop.execute(*CHAIN, who="Ada"))
    assert states(old) == {"a": "completed", "skipped": "skipped", "b": "failed", "c": "skipped"}
    mend(workshop)
    new = await retry(workshop, old)
    assert (new.status, new.retry_of, new.parameters) == ("pending", old.execution_id, {"who": "Ada"})
    assert new.progress.to_json() == {"total": 4, "completed": 1, "failed": 0, "skipped": 1, "percent": 50}
    ended = await run(workshop, new)
    assert (ended.status, states(ended)) == (
        "completed",
        {"a": "completed", "skipped": "skipped", "b": "completed", "c": "completed"},
    )
    kept = {step.id: step.kept_from for step in ended.steps}
    assert kept == {"a": old.execution_id, "skipped": old.execution_id, "b": None, "c": None}
    assert [step.started_at for step in ended.steps[:2]] == [step.started_at for step in old.steps[:2]]
    assert ended.steps[3].outputs == {"made": {"of": "Ada"}}
    assert ended.progress.percent == 100
    assert (await workshop.executions.get(workshop.ada, old.execution_id)).retried_by == new.execution_id


async def test_its_events_tell_what_was_kept_before_anything_begins(workshop: Workshop) -> None:
    old = await run(workshop, await workshop.execute(*CHAIN, who="Ada"))
    mend(workshop)
    new = await run(workshop, await retry(workshop, old))
    events = await workshop.events(new)
    assert [event["type"] for event in events] == [
        *("execution_started", "step_kept", "step_kept"),
        *["step_started", "step_completed"] * 2,
        "execution_completed",
    ]
    assert events[0]["retry_of"] == old.execution_id
    told = [(event["step"], event["status"], event["kept_from"]) for event in events[1:3]]
    assert sorted(told) == [
        ("a", "completed", old.execution_id),
        ("skipped", "skipped", old.execution_id),
    ]
    assert [event["progress"]["percent"] for event in events if "progress" in event] == [25, 50, 75, 100, 100]


async def test_from_a_step_it_and_what_depends_on_it_runs_again(workshop: Workshop) -> None:
    mend(workshop)
    old = await run(workshop, await workshop.execute(*CHAIN, who="Ada"))
    assert old.status == "completed"
    with pytest.raises(ConflictError, match="name them in from"):
        await retry(workshop, old)
    new = await run(workshop, await retry(workshop, old, "b"))
    assert [step.kept_from is not None for step in new.steps] == [True, True, False, False]
    again = await run(workshop, await retry(workshop, new, "a"))
    assert [step.kept_from is not None for step in again.steps] == [False, False, False, False]


async def test_a_retry_is_retried_and_says_where_each_step_ran(workshop: Workshop) -> None:
    old = await run(workshop, await workshop.execute(*CHAIN, who="Ada"))
    second = await run(workshop, await retry(workshop, old))
    assert second.status == "failed"
    mend(workshop)
    third = await run(workshop, await retry(workshop, second))
    assert (third.status, third.retry_of) == ("completed", second.execution_id)
    assert third.steps[0].kept_from == old.execution_id
    with pytest.raises(ConflictError, match=f"retried already, by {second.execution_id}"):
        await retry(workshop, old)


async def test_what_has_not_ended_is_not_retried(workshop: Workshop) -> None:
    execution = await workshop.execute(*CHAIN, who="Ada")
    with pytest.raises(ConflictError, match="is pending"):
        await retry(workshop, execution)
    with pytest.raises(NotFoundError):
        await workshop.retrying.retry(caller("globex", "eve"), execution.execution_id, Retrial())


async def test_the_plan_travels_with_the_execution_whatever_the_intent_is_by_then(workshop: Workshop) -> None:
    old = await run(workshop, await workshop.execute(*CHAIN, who="Ada"))
    other = {"target": "elsewhere", "steps": [{"id": "other", "action": "make"}]}
    await workshop.versions.put(workshop.ada, "deploy", NewVersion(other), if_match={"*"})
    mend(workshop)
    new = await run(workshop, await retry(workshop, old))
    assert (new.intent_id, new.plan_hash, states(new).keys()) == (
        "deploy-v1",
        old.plan_hash,
        states(old).keys(),
    )


async def test_of_an_archived_intent_or_with_a_forbidden_action_nothing_is_retried(
    workshop: Workshop,
) -> None:
    old = await run(workshop, await workshop.execute(*CHAIN, who="Ada"))
    await workshop.tenants.ensure("acme")
    await workshop.configuration.configure(workshop.ada, "acme", {"forbidden_actions": ["make"]})
    with pytest.raises(NotExecutableError, match="forbid"):
        await retry(workshop, old)
    await workshop.configuration.configure(workshop.ada, "acme", {"forbidden_actions": None})
    await workshop.lifecycle.archive(workshop.ada, "deploy")
    with pytest.raises(NotExecutableError, match="archived"):
        await retry(workshop, old)


async def test_an_unknown_step_is_refused_with_the_near_one(workshop: Workshop) -> None:
    old = await run(workshop, await workshop.execute(*CHAIN, who="Ada"))
    with pytest.raises(ValidationFailedError) as caught:
        await retry(workshop, old, "skiped")
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/from/0", "UNKNOWN_STEP")
    assert "did you mean 'skipped'" in error.message


SENDING: list[dict[str, Any]] = [
    {"id": "first", "action": "broken"},
    {"id": "send", "action": "send", "depends_on": []},
    {"id": "late", "action": "send", "depends_on": ["first"]},
]


async def test_an_irreversible_action_that_was_begun_is_not_repeated_unless_told(workshop: Workshop) -> None:
    old = await run(workshop, await workshop.execute(*SENDING))
    assert states(old) == {"first": "failed", "send": "completed", "late": "skipped"}
    with pytest.raises(IrreversibleError, match="'send'") as caught:
        await retry(workshop, old, "send")
    assert [error.code for error in caught.value.errors] == ["IRREVERSIBLE"]
    new = await run(workshop, await retry(workshop, old, "send", repeat=["send"]))
    assert new.steps[1].kept_from is None
    mend(workshop)
    ended = await run(workshop, await retry(workshop, new))  # kept, it is not repeated; late never began
    assert states(ended) == {"first": "completed", "send": "completed", "late": "completed"}


async def test_an_irreversible_action_that_failed_before_it_began_runs_again(workshop: Workshop) -> None:
    step = {"id": "send", "action": "send", "to": "${{ parameters.nobody }}"}
    old = await run(workshop, await workshop.execute(step))
    assert old.steps[0].error is not None
    assert old.steps[0].error["code"] == "EXPRESSION"
    assert (await retry(workshop, old)).status == "pending"


async def test_what_began_in_the_first_of_a_line_is_known_to_the_last(workshop: Workshop) -> None:
    """The step is blocked in the second execution, so that only the first says that it began."""
    workshop.catalogue.add("send", fail, side_effect="irreversible")
    steps: list[dict[str, Any]] = [
        {"id": "gate", "action": "make"},
        {"id": "send", "action": "send", "depends_on": ["gate"]},
    ]
    old = await run(workshop, await workshop.execute(*steps))
    workshop.catalogue.add("make", fail)
    new = await run(workshop, await retry(workshop, old, "gate", repeat=True))
    assert states(new) == {"gate": "failed", "send": "skipped"}
    with pytest.raises(IrreversibleError, match="'send'"):
        await retry(workshop, new)


UNDOABLE: list[dict[str, Any]] = [
    {"id": "one", "action": "make", "compensate": {"action": "undo"}},
    {"id": "two", "action": "make", "compensate": {"action": "undo"}, "depends_on": ["one"]},
    {"id": "three", "action": "make", "compensate": {"action": "undo"}, "depends_on": ["two"]},
    {"id": "last", "action": "broken", "depends_on": ["three"]},
]


async def test_what_was_undone_runs_again_and_what_is_kept_is_undone_if_the_retry_fails(
    workshop: Workshop,
) -> None:
    old = await run(workshop, await workshop.execute(*UNDOABLE))
    assert set(states(old).values()) == {"compensated", "failed"}
    mend(workshop)
    second = await run(workshop, await retry(workshop, old))
    assert [step.kept_from for step in second.steps] == [None] * 4
    assert second.status == "completed"
    workshop.catalogue.add("broken", fail)
    third = await run(workshop, await retry(workshop, second, "three"))
    assert [step.kept_from is not None for step in third.steps] == [True, True, False, False]
    assert list(states(third).values()) == ["compensated", "compensated", "compensated", "failed"]
    undone = [event["step"] for event in await workshop.events(third) if event["type"] == "step_compensated"]
    assert undone == ["three", "two", "one"]


async def test_what_runs_at_last_always_runs_again(workshop: Workshop) -> None:
    definition = {
        "steps": [{"id": "a", "action": "make"}],
        "finally": [{"id": "tidy", "action": "broken"}],
    }
    await workshop.intents.create(workshop.ada, NewIntent(name="tidy", definition=definition))
    old = await run(workshop, await workshop.executions.execute(workshop.ada, "tidy", {}))
    assert (old.status, states(old)) == ("failed", {"a": "completed", "tidy": "failed"})
    mend(workshop)
    new = await run(workshop, await retry(workshop, old))
    assert (new.status, states(new)) == ("completed", {"a": "completed", "tidy": "completed"})
    assert (new.steps[0].kept_from, new.steps[1].kept_from) == (old.execution_id, None)
    assert new.started_at is not None


EACH: dict[str, Any] = {"id": "each", "action": "item", "foreach": ["a", "b", "c"], "name": "${{ item }}"}


@pytest.mark.parametrize("effect", ["pure", "idempotent", "irreversible"])
async def test_of_a_list_the_items_that_completed_are_kept(workshop: Workshop, effect: Any) -> None:
    broken = True

    def act(parameters: Any, context: Any) -> Completed:
        if parameters.name == "c" and broken:
            raise ActionError("BROKEN", "it broke", retryable=False)
        return Completed({"by": context.execution_id})

    action = workshop.catalogue.add("item", act, side_effect=effect)
    old = await run(workshop, await workshop.execute(EACH))
    assert old.status == "failed"
    ran, broken = len(action.runs), False
    if effect == "irreversible":
        with pytest.raises(IrreversibleError):
            await retry(workshop, old)
    new = await run(workshop, await retry(workshop, old, repeat=True))
    assert new.status == "completed"
    assert new.steps[0].outputs is not None
    by = [item["outputs"]["by"] for item in new.steps[0].outputs["items"]]
    assert by == [old.execution_id, old.execution_id, new.execution_id]
    assert len(action.runs) == ran + (3 if effect == "pure" else 1)
    again = await run(workshop, await retry(workshop, new, "each", repeat=True))
    assert again.steps[0].outputs is not None
    assert {item["outputs"]["by"] for item in again.steps[0].outputs["items"]} == {again.execution_id}


async def test_a_cancelled_retry_that_is_not_all_there_yet_is_cancelled_once_it_is(
    workshop: Workshop,
) -> None:
    old = await run(workshop, await workshop.execute(*CHAIN, who="Ada"))
    workshop.orchestrations.reachable = False
    new = await retry(workshop, old)
    workshop.orchestrations.reachable = True
    assert new.execution_id not in workshop.orchestrations.started
    await workshop.steering.steer(workshop.ada, new.execution_id, "cancel")
    await workshop.launcher.recover(workshop.ada.scope, new.execution_id)
    assert new.execution_id in workshop.orchestrations.started
    assert (new.execution_id, "cancel", None) in workshop.orchestrations.events


async def test_the_record_says_who_retried_what_and_why(workshop: Workshop) -> None:
    old = await run(workshop, await workshop.execute(*CHAIN, who="Ada"))
    new = await retry(workshop, old, "a", reason="the disk was full")
    records = await _records(workshop, old.execution_id)
    assert [record["action"] for record in records] == ["execution.create", "execution.retry"]
    assert records[1]["after"] == {
        "retried_by": new.execution_id,
        "from": ["a"],
        "kept": 0,
        "repeated": [],
        "reason": "the disk was full",
    }
    (made,) = await _records(workshop, new.execution_id)
    assert (made["principal"], made["after"]["retry_of"]) == ("ada@acme", old.execution_id)


async def _records(workshop: Workshop, execution_id: str) -> list[dict[str, Any]]:
    changes = await workshop.documents.changes(
        workshop.ada.scope, container=EXECUTIONS, partition=execution_id, kind="audit"
    )
    return [dict(change.document.body) for change in changes]


MANY: list[dict[str, Any]] = [
    *({"id": f"s{n}", "action": "make", "depends_on": []} for n in range(50)),
    {"id": "end", "action": "broken", "depends_on": ["s0"]},
]


@pytest.fixture
async def fragile(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    """A workshop whose store a test can interrupt."""
    clock = FrozenClock()
    async with opened(store, request, tmp_path / "fragile.db", now=clock.now) as real:
        made = composed(InterruptedDocuments(real), clock)
        equip(made)
        yield made


async def test_wherever_the_process_dies_the_retry_is_whole_before_it_starts(fragile: Workshop) -> None:
    """It dies before and after each transaction; then the timer comes."""
    documents: Documents = fragile.documents
    assert isinstance(documents, InterruptedDocuments)
    old = await run(fragile, await fragile.execute(*MANY))
    for point in itertools.count():
        passed = 0

        def interrupt(_: Moment, __: object, *, last: int = point) -> None:
            nonlocal passed
            passed += 1
            if passed == last + 1:
                raise Killed

        documents.interrupt = interrupt
        try:
            await retry(fragile, old)
        except Killed:
            pass
        else:
            break
        finally:
            documents.interrupt = None
        for instance in fragile.orchestrations.started:
            head = await documents.read(
                fragile.ada.scope, container=EXECUTIONS, partition=instance, id="execution"
            )
            assert head is not None
            assert not head.body.get("keeping")
        fragile.clock.advance(11)
        await fragile.retry_orders.carry_out_left(fragile.ada.scope, before=fragile.clock.now())
        found = await fragile.executions.get(fragile.ada, old.execution_id)
        if found.retried_by is not None:
            old = await fragile.executions.get(fragile.ada, found.retried_by)
            assert old.progress.completed == 50
            assert [step.kept_from is not None for step in old.steps] == [True] * 50 + [False]
            assert (await fragile.types(old)).count("step_kept") == 50
            (made, *_) = await _records(fragile, old.execution_id)
            assert made["decision"]["operation"] == "intents.execute"
            old = await run(fragile, old)
    assert point > 10


async def test_an_order_of_a_release_that_kept_no_decision_is_read(workshop: Workshop) -> None:
    body = {"execution_id": "old", "new": "new", "origin": ["ada@acme", "r1", None], "owner": {}}
    body |= {"created_at": rfc3339(workshop.clock.now()), "kept": [], "partly": [], "lists": []}
    assert Order.stored(body | {"begun": [], "trace": {}}).origin == Origin("ada@acme", "r1")


async def test_many_are_kept_in_transactions_of_bounded_size(workshop: Workshop) -> None:
    large = "x" * 300_000
    workshop.catalogue.add("make", lambda _parameters, _context: Completed({"large": large}))
    old = await run(workshop, await workshop.execute(*MANY[:12], MANY[50]))
    new = await retry(workshop, old)
    assert new.progress.completed == 12
    workshop.catalogue.add("make", lambda _parameters, _context: Completed({}))
    many = await run(workshop, await workshop.execute(*MANY, name="many"))
    assert (await retry(workshop, many)).progress.completed == 50


async def test_of_many_who_retry_at_once_one_does(workshop: Workshop) -> None:
    old = await run(workshop, await workshop.execute(*CHAIN, who="Ada"))
    outcomes = await asyncio.gather(*(retry(workshop, old) for _ in range(5)), return_exceptions=True)
    (done,) = [one for one in outcomes if isinstance(one, Execution)]
    assert all(isinstance(one, ConflictError) for one in outcomes if one is not done)
    found, _ = await workshop.executions.list(workshop.ada)
    assert [(one.execution_id, one.retry_of, one.retried_by) for one in found] == [
        (done.execution_id, old.execution_id, None),
        (old.execution_id, None, done.execution_id),
    ]


async def test_large_outputs_are_kept_whole_and_are_read_in_the_new_execution(workshop: Workshop) -> None:
    text = "".join(f"{n:x}" for n in range(100_000))
    workshop.catalogue.add("make", lambda parameters, _: Completed({"text": getattr(parameters, "of", text)}))
    last: dict[str, Any] = {
        "id": "c",
        "action": "make",
        "of": "${{ steps.a.outputs.text }}",
        "depends_on": ["b"],
    }
    broken: dict[str, Any] = {"id": "b", "action": "broken", "depends_on": ["a"]}
    old = await run(workshop, await workshop.execute({"id": "a", "action": "make"}, broken, last))
    mend(workshop)
    new = await run(workshop, await retry(workshop, old))
    assert new.status == "completed"
    kept = await workshop.outputs.of_step(workshop.ada, new.execution_id, "a")
    again = await workshop.outputs.of_step(workshop.ada, new.execution_id, "c")
    assert kept.text == again.text
    assert new.steps[0].outputs is not None
    assert new.execution_id in new.steps[0].outputs["$ref"]
    assert (await workshop.head(new))["weight"] == len(kept.text) + len(again.text)


async def test_the_items_of_a_list_that_is_kept_are_read_in_the_new_execution(workshop: Workshop) -> None:
    workshop.catalogue.add("item", lambda parameters, _: Completed({"said": parameters.name}))
    old = await run(workshop, await workshop.execute(EACH, {"id": "b", "action": "broken"}))
    assert states(old) == {"each": "completed", "b": "failed"}
    mend(workshop)
    new = await run(workshop, await retry(workshop, old))
    assert new.steps[0].kept_from == old.execution_id
    item = await workshop.outputs.of_step(workshop.ada, new.execution_id, "each", 1)
    assert item.text == b'{"said":"b"}'


async def test_what_a_child_has_begun_is_not_repeated_either(workshop: Workshop) -> None:
    await workshop.tenants.ensure("acme")
    await workshop.members.ensure_member(
        "acme", user="ada", roles=["operator"], issuer="urn:test", subject="ada"
    )
    workshop.catalogue.use(RunIntent())
    child: Any = {"steps": [SENDING[1], {**SENDING[0], "depends_on": ["send"]}]}
    await workshop.intents.create(workshop.ada, NewIntent("child", child))
    step = {"id": "sub", "action": "run-intent", "intent": "child"}
    old = await workshop.execute(step)
    begun = await workshop.attempt(old, "sub", first=True)
    ended = await run(workshop, await workshop.executions.get(workshop.ada, begun["token"]))
    assert states(ended) == {"send": "completed", "first": "failed"}
    assert (await workshop.attempt(old, "sub", token=begun["token"]))["status"] == "failed"
    await workshop.finish(old, "failed", failed=["sub"])
    with pytest.raises(IrreversibleError, match="'sub'"):
        await retry(workshop, old)
    assert (await retry(workshop, old, repeat=["sub"])).status == "pending"


async def test_the_items_of_a_list_that_is_kept_are_undone_if_the_retry_fails(workshop: Workshop) -> None:
    undone = workshop.catalogue.add("undo", lambda _parameters, _context: Completed({}))
    workshop.catalogue.add("item", lambda parameters, _: Completed({"said": parameters.name}))
    mend(workshop)
    last: dict[str, Any] = {"id": "last", "action": "broken", "depends_on": ["each"]}
    old = await run(workshop, await workshop.execute({**EACH, "compensate": {"action": "undo"}}, last))
    workshop.catalogue.add("broken", fail)
    new = await run(workshop, await retry(workshop, old, "last"))
    assert states(new) == {"each": "compensated", "last": "failed"}
    assert (new.steps[0].kept_from, len(undone.runs)) == (old.execution_id, 3)
    mend(workshop)
    third = await run(workshop, await retry(workshop, new))
    assert third.status == "completed"
    assert [step.kept_from for step in third.steps] == [None, None]
