"""A step in detail: each attempt that was made, once, and what its action was given."""

from typing import Any

import pytest

from shared.domain.attempts import StepDetail
from shared.domain.errors import NotFoundError
from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.domain.retrying import Retrial
from shared.domain.secrets import NewSecret
from shared.domain.waiting import POLL
from shared.ports.actions import ActionError, Completed, Pending
from shared.services.executions.details import MAX_INPUT_BYTES
from tests.fakes.actions import Scripted
from tests.services.conftest import Workshop
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES
RETRY = {"max_attempts": 3, "initial_interval": 10, "backoff": 2, "jitter": 0}


class Breaking:
    """Fails as often as it is told to."""

    def __init__(self, workshop: Workshop, *, fails: int = 0, undo: bool = False) -> None:
        self.fails = fails
        workshop.catalogue.use(Scripted("act", "idempotent", self._act))

    def _act(self, parameters: Any, context: Any) -> Completed:
        if self.fails:
            self.fails -= 1
            raise ActionError("BROKEN", f"it broke with {parameters.token}", retryable=True)
        return Completed({"said": "done"})


async def detail(workshop: Workshop, execution: Execution, step: str, item: int | None = None) -> StepDetail:
    return await workshop.platform.step_details.get(workshop.ada, execution.execution_id, step, item)


def at(seconds: float) -> str:
    return f"2026-01-02T03:04:{5 + seconds:09.6f}Z"


async def test_each_attempt_says_when_it_ran_why_it_failed_and_when_the_next_was_to_begin(
    workshop: Workshop,
) -> None:
    Breaking(workshop, fails=2)
    await workshop.secrets.put(workshop.ada, "TOKEN", NewSecret("hunter2-and-more"))
    execution = await workshop.execute(
        {"id": "a", "action": "act", "token": "${{ secrets.TOKEN }}", "retry": RETRY}
    )
    shown = await detail(workshop, execution, "a")
    assert (shown.status, shown.attempts, shown.inputs) == ("pending", (), None)
    for number, wait in ((1, 10), (2, 20)):
        assert (await workshop.attempt(execution, "a", number, first=number == 1))["status"] == "retry"
        workshop.clock.advance(wait)
    between = await detail(workshop, execution, "a")
    assert between.status == "retrying"
    assert between.waiting[0]["until"] == between.attempts[1].next_at == at(30)
    await workshop.attempt(execution, "a", 3)
    await workshop.forgetful().run(  # the same is delivered again, to another process
        {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "a", "attempt": 3}
    )
    shown = await detail(workshop, execution, "a")
    broken = {"code": "BROKEN", "message": "it broke with ***TOKEN***"}
    assert [
        (one.number, one.status, one.started_at, one.finished_at, one.next_at) for one in shown.attempts
    ] == [
        (1, "failed", at(0), at(0), at(10)),
        (2, "failed", at(10), at(10), at(30)),
        (3, "completed", at(30), at(30), None),
    ]
    assert [one.error for one in shown.attempts] == [broken, broken, None]
    assert (shown.inputs, shown.outputs) == ({"token": "***TOKEN***"}, {"said": "done"})


async def test_an_attempt_that_goes_on_says_how_it_stands(workshop: Workshop) -> None:
    pending = Scripted("act", "idempotent", lambda *_: Pending(60, "token", POLL))
    workshop.catalogue.use(pending)
    execution = await workshop.execute({"id": "a", "action": "act"})
    await workshop.attempt(execution, "a", first=True)
    shown = await detail(workshop, execution, "a")
    assert [(one.status, one.started_at, one.finished_at) for one in shown.attempts] == [
        ("waiting", at(0), None)
    ]
    assert shown.waiting[0]["for"] == "poll"
    await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")
    workshop.clock.advance(1)
    await workshop.finish(execution, "cancelled", cancelled=["a"])
    shown = await detail(workshop, execution, "a")
    assert [(one.status, one.finished_at) for one in shown.attempts] == [("cancelled", at(1))]


async def test_what_was_skipped_was_given_nothing(workshop: Workshop) -> None:
    Breaking(workshop)
    execution = await workshop.execute(
        {"id": "a", "action": "act", "when": "1 > 2"}, {"id": "b", "action": "act", "depends_on": ["a"]}
    )
    await workshop.attempt(execution, "a", first=True)
    shown = await detail(workshop, execution, "a")
    assert ([one.status for one in shown.attempts], shown.inputs) == (["skipped"], None)
    await workshop.finish(execution, "failed", failed=["a"], blocked=["b"])
    shown = await detail(workshop, execution, "b")
    assert (shown.status, shown.attempts, shown.inputs) == ("skipped", [], None)


async def test_items_and_undoing_have_attempts_of_their_own(workshop: Workshop) -> None:
    breaking = Breaking(workshop, fails=1)
    each = {"id": "each", "action": "act", "foreach": ["x", "y"], "name": "${{ item }}", "retry": RETRY}
    undo = {"compensate": {"action": "act", "retry": RETRY}}
    execution = await workshop.execute({**each, "token": "t", **undo})
    await workshop.attempt(execution, "each", first=True)
    assert (await workshop.attempt(execution, "each", item=0))["status"] == "retry"
    for number, place in ((2, 0), (1, 1)):
        await workshop.attempt(execution, "each", number, item=place)
    await workshop.attempt(execution, "each", collect=True)
    whole, first, second = [await detail(workshop, execution, "each", item) for item in (None, 0, 1)]
    assert [one.status for one in whole.attempts] == ["completed"]
    assert [one.status for one in first.attempts] == ["failed", "completed"]
    assert [one.status for one in second.attempts] == ["completed"]
    assert (whole.inputs, second.inputs) == (None, {"name": "y", "token": "t"})
    breaking.fails = 1
    await workshop.attempt(execution, "each", ending="failed", compensates=True)
    for number in (1, 2):
        await workshop.attempt(execution, "each", number, item=1, ending="failed", compensates=True)
    second = await detail(workshop, execution, "each", 1)
    assert [one.status for one in second.undoing] == ["failed", "completed"]
    assert (second.status, [one.number for one in second.attempts]) == ("compensated", [1])


async def test_what_an_action_was_given_is_made_of_what_earlier_steps_came_to(workshop: Workshop) -> None:
    Breaking(workshop)
    long = "x" * MAX_INPUT_BYTES
    execution = await workshop.execute(
        {"id": "a", "action": "act"},
        {"id": "b", "action": "act", "name": "${{ steps.a.outputs.said }} ${{ parameters.n + 1 }}"},
        {"id": "c", "action": "act", "name": f"${{{{ steps.a.outputs.said }}}}{long}"},
        n=1,
    )
    for step in ("a", "b", "c"):
        await workshop.attempt(execution, step, first=step == "a")
    assert (await detail(workshop, execution, "b")).inputs == {"name": "done 2"}
    assert (await detail(workshop, execution, "c")).inputs is None


async def test_what_runs_at_last_is_shown_with_what_it_was_given_once_the_end_is_known(
    workshop: Workshop,
) -> None:
    Breaking(workshop)
    last = {"id": "last", "action": "act", "name": "${{ execution.status }}"}
    definition = {"steps": [{"id": "a", "action": "act"}], "finally": [last]}
    await workshop.intents.create(workshop.ada, NewIntent(name="tidy", definition=definition))
    execution = await workshop.executions.execute(workshop.ada, "tidy", {})
    await workshop.attempt(execution, "a", first=True)
    await workshop.attempt(execution, "last", ending="completed")
    assert (await detail(workshop, execution, "last")).inputs is None
    await workshop.finish(execution, "completed")
    assert (await detail(workshop, execution, "last")).inputs == {"name": "completed"}


async def test_a_step_that_a_retry_has_kept_says_where_it_ran(workshop: Workshop) -> None:
    breaking = Breaking(workshop)
    execution = await workshop.execute(
        {"id": "a", "action": "act"}, {"id": "b", "action": "act", "token": "t"}
    )
    await workshop.attempt(execution, "a", first=True)
    breaking.fails = 1
    await workshop.attempt(execution, "b")
    await workshop.finish(execution, "failed", failed=["b"])
    again = await workshop.retrying.retry(workshop.ada, execution.execution_id, Retrial())
    shown = await detail(workshop, again, "a")
    assert (shown.kept_from, shown.attempts, shown.inputs) == (execution.execution_id, [], None)
    assert shown.outputs == {"said": "done"}


async def test_what_is_not_there_is_not_found(workshop: Workshop) -> None:
    Breaking(workshop)
    execution = await workshop.execute({"id": "a", "action": "act", "foreach": [1], "name": "${{ item }}"})
    for step, item in (("nope", None), ("a", 0), ("a", 7)):
        with pytest.raises(NotFoundError):
            await detail(workshop, execution, step, item)
    with pytest.raises(NotFoundError):
        await workshop.platform.step_details.get(workshop.ada, "01J", "a")
