"""One attempt of one step: what is recorded, once, however often it is delivered."""

import asyncio
from pathlib import Path
from typing import Any, override

import pytest

from localhost.sqlite.documents import SqliteDocuments
from shared.domain.actions import SideEffect
from shared.domain.errors import UnavailableError
from shared.ports.actions import ActionContext, ActionError, Completed, Pending
from shared.security.scope import TenantScope
from tests.services.conftest import Workshop
from tests.stores import BOTH_STORES

EFFECTS: list[SideEffect] = ["pure", "idempotent", "compensatable", "irreversible"]


def give(**outputs: Any) -> Any:
    return lambda _parameters, _context: Completed(outputs)


def fail(*, retryable: bool, code: str = "BROKEN", retry_after: float = 0) -> Any:
    def behaviour(_parameters: Any, _context: ActionContext) -> Completed:
        raise ActionError(code, "it broke", retryable=retryable, retry_after=retry_after)

    return behaviour


@pytest.mark.parametrize("effect", EFFECTS)
async def test_a_step_is_recorded_with_its_events_and_the_progress(
    workshop: Workshop, effect: SideEffect
) -> None:
    workshop.catalogue.add("act", give(image="shop:1"), side_effect=effect)
    execution = await workshop.execute({"id": "a", "action": "act"})
    assert await workshop.attempt(execution, "a", first=True) == {"status": "completed"}
    assert await workshop.types(execution) == ["execution_started", "step_started", "step_completed"]
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.status, found.progress.completed) == ("running", 1)
    assert found.steps[0].outputs == {"image": "shop:1"}
    assert found.started_at is not None


@pytest.mark.parametrize("effect", EFFECTS)
async def test_a_second_delivery_answers_the_same_and_records_nothing(
    workshop: Workshop, effect: SideEffect
) -> None:
    action = workshop.catalogue.add("act", give(x=1), side_effect=effect)
    execution = await workshop.execute({"id": "a", "action": "act"})
    first = await workshop.attempt(execution, "a", first=True)
    events = await workshop.events(execution)
    again = await workshop.forgetful().run(
        {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "a", "attempt": 1}
    )
    assert again == first
    assert await workshop.events(execution) == events
    assert (await workshop.head(execution))["progress"]["completed"] == 1
    assert len(action.runs) == (2 if effect == "pure" else 1)


def in_turn(*behaviours: Any) -> Any:
    """The first run does as the first of them, and so on."""
    left = list(behaviours)

    def behaviour(parameters: Any, context: ActionContext) -> Completed:
        done: Completed = left.pop(0)(parameters, context)
        return done

    return behaviour


@BOTH_STORES
@pytest.mark.parametrize("effect", ["pure", "idempotent"])
async def test_of_two_deliveries_at_the_same_time_one_records_whatever_the_other_comes_to(
    workshop: Workshop, effect: SideEffect
) -> None:
    action = workshop.catalogue.add("act", in_turn(give(x=1), fail(retryable=False)), side_effect=effect)
    action.gate.clear()
    execution = await workshop.execute({"id": "a", "action": "act"})
    both = [asyncio.create_task(workshop.attempt(execution, "a", first=True)) for _ in range(2)]
    await action.began.acquire()
    await action.began.acquire()
    action.gate.set()
    one, other = await asyncio.gather(*both)
    assert one == other
    assert await workshop.types(execution) == ["execution_started", "step_started", f"step_{one['status']}"]
    assert (await workshop.head(execution))["progress"][one["status"]] == 1


@BOTH_STORES
async def test_of_two_looks_at_what_goes_on_elsewhere_one_records_whatever_the_other_sees(
    workshop: Workshop,
) -> None:
    action = workshop.catalogue.add("act", lambda *_: Pending(30, "job"))
    execution = await workshop.execute({"id": "a", "action": "act", "retry": {"max_attempts": 3}})
    await workshop.attempt(execution, "a", first=True)
    action.behaviour = in_turn(give(x=1), fail(retryable=True))
    steps, ids = workshop.forgetful(), {"tenant_id": "acme", "execution_id": execution.execution_id}
    looks = [steps.run({**ids, "step": "a", "attempt": 1, "token": "job"}) for _ in range(2)]
    one, other = await asyncio.gather(*looks)
    assert one["status"] == other["status"]
    told = {"completed": "step_completed", "retry": "step_retrying"}[one["status"]]
    assert await workshop.types(execution) == ["execution_started", "step_started", told]


async def test_an_interrupted_attempt_is_run_again_unless_its_action_is_irreversible(
    workshop: Workshop,
) -> None:
    """The process dies while the action runs: the attempt is announced, and has no end."""
    for effect, status in (("idempotent", "completed"), ("irreversible", "failed")):
        action = workshop.catalogue.add(effect, give(x=1), side_effect=effect)  # type: ignore[arg-type]  # one of the literals
        action.gate.clear()
        execution = await workshop.execute({"id": "a", "action": effect}, name=effect)
        dying = asyncio.create_task(workshop.attempt(execution, "a", first=True))
        await action.began.acquire()
        dying.cancel()
        await asyncio.wait({dying})
        action.gate.set()
        outcome = await workshop.attempt(execution, "a", first=True)
        assert outcome["status"] == status, outcome
        assert (await workshop.types(execution)).count("step_started") == 1
    assert outcome["error"]["code"] == "INTERRUPTED"


async def test_a_failure_is_tried_again_after_a_growing_delay_until_the_attempts_are_spent(
    workshop: Workshop,
) -> None:
    workshop.catalogue.add("act", fail(retryable=True))
    retry = {"max_attempts": 3, "initial_interval": 10, "backoff": 2, "max_interval": 60}
    execution = await workshop.execute({"id": "a", "action": "act", "retry": retry})
    first = await workshop.attempt(execution, "a", 1, first=True)
    second = await workshop.attempt(execution, "a", 2)
    last = await workshop.attempt(execution, "a", 3)
    assert (first["status"], second["status"], last["status"]) == ("retry", "retry", "failed")
    assert 8 <= first["delay"] <= 12
    assert 16 <= second["delay"] <= 24
    assert await workshop.types(execution) == [
        "execution_started",
        *["step_started", "step_retrying"] * 2,
        "step_started",
        "step_failed",
    ]
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert (found.steps[0].status, found.steps[0].attempts) == ("failed", 3)
    assert found.steps[0].error == {"code": "BROKEN", "message": "it broke"}


async def test_the_other_side_may_ask_for_a_longer_delay(workshop: Workshop) -> None:
    workshop.catalogue.add("act", fail(retryable=True, retry_after=120))
    retry = {"max_attempts": 2, "initial_interval": 1}
    execution = await workshop.execute({"id": "a", "action": "act", "retry": retry})
    assert (await workshop.attempt(execution, "a", first=True))["delay"] == 120


@pytest.mark.parametrize(
    ("behaviour", "retry"),
    [
        (fail(retryable=False), {"max_attempts": 5}),
        (fail(retryable=True, code="NEVER"), {"max_attempts": 5, "non_retryable": ["NEVER"]}),
        (fail(retryable=True), {"max_attempts": 1}),
    ],
    ids=["not retryable by nature", "not retryable by policy", "no attempts left"],
)
async def test_what_cannot_be_mended_by_another_attempt_fails_at_once(
    workshop: Workshop, behaviour: Any, retry: dict[str, Any]
) -> None:
    workshop.catalogue.add("act", behaviour)
    execution = await workshop.execute({"id": "a", "action": "act", "retry": retry})
    assert (await workshop.attempt(execution, "a", first=True))["status"] == "failed"


@pytest.mark.parametrize("effect", ["pure", "idempotent"])
async def test_no_attempt_begins_once_the_budget_of_all_of_them_is_over(
    workshop: Workshop, effect: SideEffect
) -> None:
    workshop.catalogue.add("act", fail(retryable=True), side_effect=effect)
    retry = {"max_attempts": 9, "initial_interval": 10, "backoff": 1, "jitter": 0, "budget": 35}
    execution = await workshop.execute({"id": "a", "action": "act", "retry": retry})
    outcomes = []
    for attempt in (1, 2, 3, 4):
        outcomes.append(await workshop.attempt(execution, "a", attempt))
        workshop.clock.advance(10)
    assert [one["status"] for one in outcomes] == ["retry", "retry", "retry", "failed"]
    assert {one.get("delay") for one in outcomes[:3]} == {10}


async def test_an_item_and_a_compensation_have_their_own_budgets(workshop: Workshop) -> None:
    workshop.catalogue.add("act", give())
    workshop.catalogue.add("broken", fail(retryable=True))
    retry = {"max_attempts": 9, "initial_interval": 10, "jitter": 0, "budget": 15}
    execution = await workshop.execute(
        {"id": "a", "action": "act", "compensate": {"action": "broken", "retry": retry}},
        {"id": "b", "action": "broken", "foreach": [1, 2], "retry": retry},
    )
    await workshop.attempt(execution, "a")
    await workshop.attempt(execution, "b")
    workshop.clock.advance(60)
    for more in ({"item": 1}, {"compensates": True, "ending": "failed"}):
        step = "b" if "item" in more else "a"
        assert (await workshop.attempt(execution, step, **more))["status"] == "retry"
        workshop.clock.advance(10)
        assert (await workshop.attempt(execution, step, 2, **more))["status"] == "failed"


async def test_an_action_with_a_fault_of_its_own_fails_the_step_and_tells_nothing_of_the_fault(
    workshop: Workshop,
) -> None:
    def broken(_parameters: Any, _context: ActionContext) -> Completed:
        raise ZeroDivisionError("internals")

    workshop.catalogue.add("act", broken)
    execution = await workshop.execute({"id": "a", "action": "act"})
    outcome = await workshop.attempt(execution, "a", first=True)
    assert outcome["status"] == "failed"
    assert outcome["error"]["code"] == "INTERNAL"
    assert "internals" not in outcome["error"]["message"]


@pytest.mark.parametrize("value", [2**70, "x" * (17 << 20)], ids=["a huge number", "a huge text"])
async def test_outputs_that_no_store_can_keep_fail_the_step(workshop: Workshop, value: Any) -> None:
    workshop.catalogue.add("act", give(value=value))
    execution = await workshop.execute({"id": "a", "action": "act"})
    outcome = await workshop.attempt(execution, "a", first=True)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "OUTPUTS")


async def test_a_step_that_takes_longer_than_its_timeout_is_given_up(workshop: Workshop) -> None:
    action = workshop.catalogue.add("act", give())
    action.gate.clear()
    execution = await workshop.execute({"id": "a", "action": "act", "timeout": 1})
    outcome = await workshop.attempt(execution, "a", first=True)
    assert outcome["error"]["code"] == "TIMEOUT"


async def test_what_goes_on_elsewhere_is_polled_with_its_token_until_it_is_done(workshop: Workshop) -> None:
    def behaviour(_parameters: Any, context: ActionContext) -> Completed | Pending:
        return Completed({"done": True}) if len(action.polls) > 1 else Pending(30, {"job": 7})

    action = workshop.catalogue.add("act", behaviour)
    execution = await workshop.execute({"id": "a", "action": "act"})
    pending = await workshop.attempt(execution, "a", first=True)
    assert pending == {"status": "pending", "delay": 30, "token": {"job": 7}}
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.steps[0].status == "waiting"
    assert await workshop.attempt(execution, "a", first=True) == {"status": "pending", "token": {"job": 7}}
    assert (await workshop.attempt(execution, "a", token={"job": 7}))["status"] == "pending"
    assert (await workshop.attempt(execution, "a", token={"job": 7}))["status"] == "completed"
    assert await workshop.attempt(execution, "a", token={"job": 7}) == {"status": "completed"}
    assert action.polls == [{"job": 7}] * 2
    assert action.runs == [1]
    assert await workshop.types(execution) == ["execution_started", "step_started", "step_completed"]


async def test_expressions_see_parameters_target_and_what_came_before(workshop: Workshop) -> None:
    workshop.catalogue.add("act", lambda parameters, _: Completed(parameters.model_dump()))
    given = {"id": "b", "action": "act", "text": "${{ parameters.who }} to ${{ target }}"}
    before = {"n": "${{ steps.a.outputs.n + 1 }}", "how": "${{ steps.a.status }}"}
    execution = await workshop.execute(
        {"id": "a", "action": "act", "n": 1}, given | {"parameters": before}, who="ada"
    )
    await workshop.attempt(execution, "a", first=True)
    await workshop.forgetful().run(
        {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "b", "attempt": 1}
    )
    found = await workshop.executions.get(workshop.ada, execution.execution_id)
    assert found.steps[1].outputs == {"text": "ada to production", "n": 2, "how": "completed"}


async def test_an_expression_that_fails_fails_the_step_and_names_itself(workshop: Workshop) -> None:
    workshop.catalogue.add("act", give())
    execution = await workshop.execute({"id": "a", "action": "act", "x": "${{ parameters.nothing }}"})
    outcome = await workshop.attempt(execution, "a", first=True)
    assert outcome["status"] == "failed"
    assert "parameters.nothing" in outcome["error"]["message"]


async def test_a_step_whose_condition_does_not_hold_is_skipped_and_never_begins(workshop: Workshop) -> None:
    action = workshop.catalogue.add("act", give())
    execution = await workshop.execute({"id": "a", "action": "act", "when": "target == 'staging'"})
    assert await workshop.attempt(execution, "a", first=True) == {"status": "skipped"}
    assert action.runs == []
    assert await workshop.types(execution) == ["execution_started", "step_skipped"]
    assert (await workshop.head(execution))["progress"]["skipped"] == 1


@pytest.mark.parametrize("effect", ["pure", "idempotent"])
async def test_a_long_action_is_given_up_for_good_when_its_execution_is_cancelled(
    workshop: Workshop, effect: SideEffect
) -> None:
    action = workshop.catalogue.add("act", give(), side_effect=effect)
    action.gate.clear()
    execution = await workshop.execute({"id": "a", "action": "act"})
    running = asyncio.create_task(workshop.attempt(execution, "a", first=True))
    await action.began.acquire()
    await workshop.steering.steer(workshop.ada, execution.execution_id, "cancel")
    assert await running == {"status": "cancelled"}
    # Delivered again, it is not done after all: nobody waits for it, and nobody would undo it.
    action.gate.set()
    assert await workshop.attempt(execution, "a", first=True) == {"status": "cancelled"}
    assert await workshop.types(execution) == ["execution_started", "step_started"]


async def test_an_attempt_of_an_unknown_execution_is_a_fault_of_the_machinery(workshop: Workshop) -> None:
    with pytest.raises(LookupError, match="no execution"):
        await workshop.steps.run({"tenant_id": "acme", "execution_id": "none", "step": "a", "attempt": 1})


class Away(SqliteDocuments):
    """A store that is away for so many writes, from now on."""

    writes_away = 0

    @override
    async def transact(self, scope: TenantScope, **what: Any) -> Any:
        if self.writes_away > 0:
            self.writes_away -= 1
            raise UnavailableError
        return await super().transact(scope, **what)


async def test_an_action_that_has_run_is_not_run_again_because_the_store_is_away(
    workshop: Workshop, tmp_path: Path
) -> None:
    """Its outcome waits in memory for the store."""
    store = Away(tmp_path / "documents.db", now=workshop.clock.now)

    def behaviour(_parameters: Any, _context: ActionContext) -> Completed:
        store.writes_away = 2
        return Completed({"x": 1})

    action = workshop.catalogue.add("act", behaviour)
    execution = await workshop.execute({"id": "a", "action": "act"})
    steps = workshop.forgetful(store)
    request = {"tenant_id": "acme", "execution_id": execution.execution_id, "step": "a", "attempt": 1}
    assert await steps.run({**request, "first": True}) == {"status": "completed"}
    assert action.runs == [1]
    store.close()


async def test_a_store_that_cannot_answer_is_no_outcome_of_the_step(workshop: Workshop) -> None:
    workshop.catalogue.add("act", give())
    execution = await workshop.execute({"id": "a", "action": "act"})
    assert isinstance(workshop.documents, SqliteDocuments)
    workshop.documents.close()
    with pytest.raises(UnavailableError):
        await workshop.attempt(execution, "a", first=True)
