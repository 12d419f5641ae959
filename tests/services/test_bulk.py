"""Steering many executions at once: each for itself, a page at a time, and once."""

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.bulk import BulkResult, BulkVerb, BulkWish
from shared.domain.errors import (
    BadCursorError,
    ForbiddenError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.executions import Execution, ExecutionFilter
from shared.domain.intents import NewIntent
from shared.ports.actions import Completed
from shared.security.principals import Turn
from shared.services.callers import Caller
from tests.services.conftest import Workshop, caller
from tests.services.test_executions import audit
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

STEP = {"id": "a", "action": "act"}


@pytest.fixture(autouse=True)
def act(workshop: Workshop) -> None:
    workshop.catalogue.add("act", lambda _parameters, _context: Completed())


async def executed(workshop: Workshop, *intents: str) -> list[Execution]:
    """One execution of each, every one a second younger than the one before."""
    made = []
    for name in intents:
        if not (await workshop.executions.list(workshop.ada, ExecutionFilter(intent=name)))[0]:
            await workshop.intents.create(workshop.ada, NewIntent(name=name, definition={"steps": [STEP]}))
        made.append(await workshop.executions.execute(workshop.ada, name, {}))
        workshop.clock.advance(1)
    return made


async def steer(
    workshop: Workshop,
    verb: BulkVerb,
    *,
    by: Caller | None = None,
    cursor: str | None = None,
    limit: int = 50,
    **conditions: Any,
) -> BulkResult:
    wish = BulkWish(verb, ExecutionFilter(**conditions), "maintenance", limit, cursor)
    return await workshop.bulk.steer(by or workshop.ada, wish)


def told(result: BulkResult) -> list[tuple[str, str | None]]:
    return [(one.execution_id, one.error.code if one.error else one.status) for one in result.done]


async def test_each_of_those_that_are_selected_is_steered_with_its_own_record(workshop: Workshop) -> None:
    one, other, two = await executed(workshop, "one", "other", "one")
    result = await steer(workshop, "pause", intent="one")
    assert told(result) == [(two.execution_id, "paused"), (one.execution_id, "paused")]
    assert result.next_cursor is None
    assert (await workshop.head(other))["status"] == "pending"
    for execution in (one, two):
        record = (await audit(workshop, execution.execution_id))[-1]
        assert (record["action"], record["principal"]) == ("execution.pause", "ada@acme")
        assert record["after"] == {"status": "paused", "reason": "maintenance"}
    assert told(await steer(workshop, "resume", status="paused")) == [
        (two.execution_id, "pending"),
        (one.execution_id, "pending"),
    ]


async def test_what_cannot_be_done_to_one_says_so_and_stops_no_other(workshop: Workshop) -> None:
    cancelled, running, ended = await executed(workshop, "one", "two", "three")
    await workshop.steering.steer(workshop.ada, cancelled.execution_id, "cancel")
    await workshop.finish(ended, "completed")
    result = await steer(workshop, "pause")
    assert told(result) == [(running.execution_id, "paused"), (cancelled.execution_id, "CONFLICT")]
    assert result.done[1].to_json()["error"] == {
        "code": "CONFLICT",
        "message": "The execution is being cancelled: there is nothing to pause",
    }
    assert told(await steer(workshop, "cancel", status="completed")) == [(ended.execution_id, "CONFLICT")]


async def test_they_come_in_pages_that_hold_for_their_filter_only(workshop: Workshop) -> None:
    made = [one.execution_id for one in await executed(workshop, *"abcde")]
    seen, cursor = [], None
    while True:
        result = await steer(workshop, "cancel", limit=2, cursor=cursor)
        seen += told(result)
        if (cursor := result.next_cursor) is None:
            break
        with pytest.raises(BadCursorError):
            await steer(workshop, "cancel", limit=2, cursor=cursor, intent="a")
    assert seen == [(one, "cancelling") for one in reversed(made)]


async def test_every_execution_is_only_meant_where_that_is_said() -> None:
    every, some = BulkWish("cancel", ExecutionFilter()), ExecutionFilter(dry_run=False)
    with pytest.raises(ValidationFailedError) as refused:
        every.require_meant(all=False)
    (error,) = refused.value.errors
    assert error.pointer == "/filter"
    assert '"all": true' in error.message
    every.require_meant(all=True)
    BulkWish("cancel", some).require_meant(all=False)


async def test_a_request_that_is_done_again_is_about_the_same_executions(workshop: Workshop) -> None:
    """However many of them somebody has resumed since, and although there is another that it would find."""
    for number in itertools.count():
        names = [f"{letter}{number}" for letter in "abc"]
        made = await executed(workshop, *names)
        turn = Turn(f"turn-{number}", workshop.clock.now() + timedelta(seconds=20))
        ada = replace(workshop.ada, turn=turn)
        first = await steer(workshop, "pause", by=ada, limit=2, since=made[0].created_at)
        (later,) = await executed(workshop, f"later{number}")
        for one in made[:number]:
            await workshop.steering.steer(workshop.ada, one.execution_id, "resume")
        again = await steer(workshop, "pause", by=ada, limit=2, since=made[0].created_at)
        assert [one.execution_id for one in again.done] == [one.execution_id for one in first.done]
        assert again.next_cursor == first.next_cursor
        assert (await workshop.head(later))["status"] == "pending"
        for one in made:
            records = [record["action"] for record in await audit(workshop, one.execution_id)]
            assert records.count("execution.pause") <= 1, "it was paused again by the same request"
        if number == 3:
            return


async def test_an_answer_that_is_not_the_last_word_about_one_is_not_kept(workshop: Workshop) -> None:
    one, two = await executed(workshop, "one", "two")
    await workshop.steering.steer(workshop.ada, one.execution_id, "pause")
    over = Turn("over", workshop.clock.now() - timedelta(seconds=1))  # nothing may be begun with it any more
    with pytest.raises(UnavailableError, match="1 of 2 executions"):
        await steer(workshop, "pause", by=replace(workshop.ada, turn=over))
    assert (await workshop.head(two))["status"] == "pending"


async def test_who_may_not_do_it_to_one_may_not_do_it_to_many(workshop: Workshop) -> None:
    (one,) = await executed(workshop, "one")
    viewer = replace(workshop.ada, principal=replace(workshop.ada.principal, roles=frozenset({"viewer"})))
    for verb in ("cancel", "pause", "resume", "terminate"):
        with pytest.raises(ForbiddenError):
            await steer(workshop, verb, by=viewer)
    assert (await workshop.head(one))["status"] == "pending"


async def test_another_tenants_are_not_among_them(workshop: Workshop) -> None:
    (one,) = await executed(workshop, "one")
    assert told(await steer(workshop, "terminate", by=caller("globex", "eve"))) == []
    assert (await workshop.head(one))["status"] == "pending"


async def test_those_that_failed_are_retried_each_by_an_execution_of_its_own(workshop: Workshop) -> None:
    first, second, well = await executed(workshop, "deploy", "deploy", "deploy")
    for execution in (first, second):
        await workshop.finish(execution, "failed", failed=["a"])
    await workshop.finish(well, "completed")
    rehearsed = await workshop.executions.execute(workshop.ada, "deploy", {}, dry_run=True)
    await workshop.finish(rehearsed, "failed", failed=["a"])
    turn = Turn("01HKAJ5W1QZ5M5V7YB4W6N8T2C", workshop.clock.now() + timedelta(minutes=1))
    by = replace(workshop.ada, turn=turn)
    result = await steer(workshop, "retry", by=by, intent="deploy")
    assert told(result) == [(second.execution_id, "pending"), (first.execution_id, "pending")]
    for one, old in zip(result.done, (second, first), strict=True):
        assert one.retried_by is not None
        made = await workshop.executions.get(workshop.ada, one.retried_by)
        assert made.retry_of == old.execution_id
    again = await steer(workshop, "retry", by=by, intent="deploy")
    assert [one.to_json() for one in again.done] == [one.to_json() for one in result.done]
    refused = await steer(workshop, "retry", intent="deploy")
    assert told(refused) == [(second.execution_id, "CONFLICT"), (first.execution_id, "CONFLICT")]
    approver = replace(workshop.ada.principal, roles=frozenset({"approver"}))
    with pytest.raises(ForbiddenError):
        await steer(workshop, "retry", by=replace(workshop.ada, principal=approver), intent="deploy")


async def test_many_are_retried_from_a_step_and_what_has_it_not_says_so(workshop: Workshop) -> None:
    for name, steps in (("deploy", ("a", "b")), ("other", ("b",))):
        execution = await workshop.execute(*({"id": one, "action": "act"} for one in steps), name=name)
        for step in steps:
            await workshop.attempt(execution, step, first=step == steps[0])
        await workshop.finish(execution, "failed", failed=["b"])
        workshop.clock.advance(1)
    wish = BulkWish("retry", ExecutionFilter(status="failed"), origin="a")
    other, deploy = (await workshop.bulk.steer(workshop.ada, wish)).done
    assert other.error is not None
    assert other.error.code == "VALIDATION_FAILED"
    made = await workshop.executions.get(workshop.ada, str(deploy.retried_by))
    assert [step.status for step in made.steps] == ["pending", "pending"]
