from typing import Any

import pytest

from shared.domain.executions import Execution
from shared.domain.intents import NewIntent, NewVersion
from shared.ports.actions import Completed, Pending
from tests.services.conftest import Workshop, caller
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

CHAIN = [
    {"id": "a", "action": "act"},
    {"id": "b", "action": "act", "depends_on": ["a"]},
    {"id": "side", "action": "act"},
]


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    workshop.catalogue.add("act", lambda *_: Completed({}))
    return workshop


async def begun(shop: Workshop, execution: Execution, step: str, **more: Any) -> None:
    """Have an attempt begin, and go on for as long as the clock is moved."""
    shop.catalogue.add("act", lambda *_: Pending(1, token="t"))
    await shop.attempt(execution, step, **more)


async def ended(shop: Workshop, execution: Execution, step: str, **more: Any) -> None:
    """Have what has begun end."""
    await done(shop, execution, step, token="t", **more)


async def done(shop: Workshop, execution: Execution, step: str, **more: Any) -> None:
    """Have it begin and end at once."""
    shop.catalogue.add("act", lambda *_: Completed({}))
    await shop.attempt(execution, step, **more)


async def run(shop: Workshop, name: str = "deploy", *, seconds: float, factor: float = 2) -> Execution:
    """One execution of the chain: ``a`` takes the seconds, ``b`` a multiple of them, ``side`` none."""
    execution = await shop.executions.execute(shop.ada, name, {})
    await done(shop, execution, "side", first=True)
    for step, taken in (("a", seconds), ("b", seconds * factor)):
        await begun(shop, execution, step)
        shop.clock.advance(taken)
        await ended(shop, execution, step)
    await shop.finish(execution, "completed")
    shop.clock.advance(60)
    return execution


async def look(shop: Workshop, execution: Execution) -> Execution:
    return await shop.executions.get(shop.ada, execution.execution_id)


async def create(shop: Workshop, steps: list[dict[str, Any]] | None = None, **more: Any) -> None:
    definition = {"steps": steps or CHAIN, **more}
    await shop.intents.create(shop.ada, NewIntent(name="deploy", definition=definition))


async def test_the_first_execution_of_an_intent_shows_durations_and_no_estimate(shop: Workshop) -> None:
    await create(shop)
    execution = await shop.executions.execute(shop.ada, "deploy", {})
    await begun(shop, execution, "a", first=True)
    shop.clock.advance(3)
    found = await look(shop, execution)
    assert [(step.id, step.duration, step.expected) for step in found.steps] == [
        ("a", 3, None), ("b", None, None), ("side", None, None),
    ]  # fmt: skip
    assert found.estimate.to_json() == {"remaining_seconds": None, "expected_at": None, "based_on": 0}


async def test_what_is_left_follows_from_what_past_ones_took_and_shrinks_as_time_passes(
    shop: Workshop,
) -> None:
    await create(shop)
    for seconds in (10, 12, 500):
        await run(shop, seconds=seconds)
    execution = await shop.executions.execute(shop.ada, "deploy", {})
    found = await look(shop, execution)
    assert [(step.id, step.expected) for step in found.steps] == [("a", 12), ("b", 24), ("side", 0)]
    assert (found.estimate.remaining, found.estimate.based_on) == (36, 3)
    await begun(shop, execution, "a", first=True)
    shop.clock.advance(5)
    found = await look(shop, execution)
    assert (found.steps[0].duration, found.estimate.remaining) == (5, 31)
    shop.clock.advance(100)
    assert (await look(shop, execution)).estimate.remaining == 24
    await ended(shop, execution, "a")
    await begun(shop, execution, "b")
    shop.clock.advance(4)
    assert (await look(shop, execution)).estimate.remaining == 20
    await ended(shop, execution, "b")
    await done(shop, execution, "side")
    await shop.finish(execution, "completed")
    found = await look(shop, execution)
    assert (found.estimate.remaining, found.estimate.expected_at) == (0, found.finished_at)
    assert [step.duration for step in found.steps] == [105, 4, 0]


async def test_the_last_ones_of_the_version_count_and_without_any_those_of_others(shop: Workshop) -> None:
    await create(shop)
    for seconds in [1] * 5 + [7] * 10:
        await run(shop, seconds=seconds)
    found = await look(shop, await shop.executions.execute(shop.ada, "deploy", {}))
    assert (found.estimate.remaining, found.estimate.based_on) == (21, 10)
    await shop.versions.put(shop.ada, "deploy", NewVersion({"steps": CHAIN, "target": "x"}), if_match={"*"})
    found = await look(shop, await shop.executions.execute(shop.ada, "deploy", {}))
    assert (found.estimate.remaining, found.estimate.based_on) == (21, 10)
    await run(shop, seconds=2)
    shop.clock.advance(60)
    found = await look(shop, await shop.executions.execute(shop.ada, "deploy", {}))
    assert (found.estimate.remaining, found.estimate.based_on) == (6, 1)


async def test_a_loop_is_judged_by_its_items_that_are_left(shop: Workshop) -> None:
    parameters = {"type": "object", "properties": {"n": {"type": "array"}}}
    loop = {"id": "each", "action": "act", "foreach": "${{ parameters.n }}"}
    await create(shop, [loop], parameters=parameters)
    past = await shop.executions.execute(shop.ada, "deploy", {"n": [1, 2]})
    await shop.attempt(past, "each", first=True)
    for item in (0, 1):
        await begun(shop, past, "each", item=item)
        shop.clock.advance(4)
        await ended(shop, past, "each", item=item)
    await shop.attempt(past, "each", collect=True)
    await shop.finish(past, "completed")
    execution = await shop.executions.execute(shop.ada, "deploy", {"n": list(range(10))})
    await shop.attempt(execution, "each", first=True)
    for item in range(3):
        await done(shop, execution, "each", item=item)
    found = await look(shop, execution)
    assert (found.steps[0].expected, found.estimate.remaining) == (40, 28)


async def test_what_is_paused_or_waits_for_its_turn_has_work_left_and_no_time_of_its_end(
    shop: Workshop,
) -> None:
    await create(shop, concurrency={"limit": 1})
    await run(shop, seconds=10)
    going = await shop.executions.execute(shop.ada, "deploy", {})
    waits = await shop.executions.execute(shop.ada, "deploy", {})
    assert (await look(shop, going)).estimate.expected_at is not None
    await shop.steering.steer(shop.ada, going.execution_id, "pause")
    for execution in (going, waits):
        found = await look(shop, execution)
        assert (found.estimate.remaining, found.estimate.expected_at) == (30, None)
    await shop.steering.steer(shop.ada, going.execution_id, "cancel")
    assert (await look(shop, going)).estimate.remaining is None


async def test_dry_runs_and_other_tenants_teach_nothing(shop: Workshop) -> None:
    await create(shop)
    eve = caller("globex", "eve")
    await shop.intents.create(eve, NewIntent(name="deploy", definition={"steps": CHAIN}))
    await run(shop, seconds=10)
    dry = await shop.executions.execute(shop.ada, "deploy", {}, dry_run=True)
    assert (await look(shop, dry)).estimate.based_on == 0
    theirs = await shop.executions.execute(eve, "deploy", {})
    found = await shop.executions.get(eve, theirs.execution_id)
    assert found.estimate.based_on == 0


async def test_what_was_learned_is_remembered_for_a_while(shop: Workshop) -> None:
    await create(shop)
    for number in range(3):
        await run(shop, seconds=10)
        if number == 1:
            execution = await shop.executions.execute(shop.ada, "deploy", {})
            assert (await look(shop, execution)).estimate.based_on == 2
            shop.clock.advance(-90)  # as long as the next one takes
    assert (await look(shop, execution)).estimate.based_on == 2
    shop.clock.advance(12)
    assert (await look(shop, execution)).estimate.based_on == 3
