"""Orchestrators that live on between their turns come to what their replays come to.

Every turn of these tests is run both ways (see :mod:`tests.durable.sdk`); here the programs are random, and
they are given up, suspended, restarted and terminated at random in between.
"""

import asyncio
import json
import random
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from durabletask import task

from localhost.durable.hub import TaskHub
from localhost.durable.model import Limits
from tests.durable.conftest import DEADLINE, World, until
from tests.durable.programs import EVENTS, functions, random_program


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_a_program_does_and_meets_it_comes_to_what_its_replays_come_to(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    path = tmp_path / "hub.db"
    workers = functions(path)
    limits = Limits(first_retry=0.01, last_retry=0.05, cached_events=dice.choice([500, 5_000, 500_000]))
    ids = [f"program-{n}" for n in range(12)]
    hub = TaskHub(path, workers=workers, limits=limits)
    await hub.start()
    for instance_id in ids:
        written = json.dumps(random_program(dice))
        await hub.start_instance("program", instance_id=instance_id, input=written)
    async with asyncio.timeout(DEADLINE):
        while not await all_ended(hub, ids):
            hub = await meddle(hub, dice, dice.choice(ids))
    assert workers.lived
    await hub.drain(1)


async def all_ended(hub: TaskHub, ids: list[str]) -> bool:
    statuses = [await hub.status(instance_id) for instance_id in ids]
    return all(status is not None and status.terminal for status in statuses)


async def meddle(hub: TaskHub, dice: random.Random, instance_id: str) -> TaskHub:
    """Do something to an instance, or to all of them; the hub, which may be another one then."""
    match dice.choice(["event"] * 8 + ["forget"] * 4 + ["pause"] * 2 + ["restart", "terminate"]):
        case "event":
            every = [status.instance_id for status in (await hub.query(size=1000))[0]]
            for one in every:
                await hub.raise_event(one, dice.choice(EVENTS), "1")
        case "forget":
            hub.engine.cache.forget(instance_id)
        case "pause":
            await hub.suspend(instance_id)
            await asyncio.sleep(0.02 * dice.random())
            await hub.resume(instance_id)
        case "restart":
            await hub.drain(dice.choice([0.0, 0.05]))
            hub = TaskHub(hub._path, workers=hub._workers, limits=hub.limits)
            await hub.start()
        case "terminate" if dice.random() < 0.2:
            await hub.terminate(instance_id)
    await asyncio.sleep(0.01 * dice.random())
    return hub


async def test_a_turn_after_the_first_needs_no_replay(world: World) -> None:
    @world.workers.orchestrator
    def waiting(ctx: task.OrchestrationContext, _: Any) -> Any:
        first = yield ctx.wait_for_external_event("red")
        second = yield ctx.wait_for_external_event("green")
        return [first, second]

    instance_id = await world.start("waiting")
    await world.started(instance_id)
    await world.client.raise_orchestration_event(instance_id, "red", data=1)
    await until(lambda: world.workers.lived == 1)
    await world.client.raise_orchestration_event(instance_id, "green", data=2)
    assert (await world.finished(instance_id)).serialized_output == "[1, 2]"
    assert world.workers.lived == 2


async def test_a_turn_that_was_not_recorded_is_run_again_as_a_replay(world: World) -> None:
    @world.workers.orchestrator
    def waiting(ctx: task.OrchestrationContext, _: Any) -> Any:
        return (yield ctx.wait_for_external_event("red"))

    instance_id = await world.start("waiting")
    await world.started(instance_id)
    world.workers.faults.append(RuntimeError("the machinery failed"))
    await world.client.raise_orchestration_event(instance_id, "red", data=1)
    assert (await world.finished(instance_id)).serialized_output == "1"
    assert len(world.workers.turns) == 3
    assert world.workers.lived == 0


COLOUR: ContextVar[str] = ContextVar("colour", default="none")


async def test_what_an_orchestrator_sets_in_its_context_is_its_own_and_stays(world: World) -> None:
    @world.workers.orchestrator
    def painting(ctx: task.OrchestrationContext, colour: str) -> Any:
        COLOUR.set(colour)
        yield ctx.wait_for_external_event("go")
        return COLOUR.get()

    ids = [await world.start("painting", colour) for colour in EVENTS]
    for instance_id in ids:
        await world.started(instance_id)
        await world.client.raise_orchestration_event(instance_id, "go")
    outputs = [(await world.finished(instance_id)).serialized_output for instance_id in ids]
    assert outputs == ['"red"', '"green"']
    assert COLOUR.get() == "none"
