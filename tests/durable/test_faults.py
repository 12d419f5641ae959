"""Everything at once with things going wrong at random, from a seed that can be run again."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from durabletask import task
from durabletask.entities import EntityInstanceId
from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable.hub import TaskHub
from localhost.durable.workers import Answer, LiveOrchestrator
from tests.durable.conftest import QUICK, until
from tests.durable.sdk import SdkWorkers

TOTAL = EntityInstanceId("total", "all")


class Unreliable(SdkWorkers):
    """Workers that break now and then, before or after the function ran."""

    def __init__(self, path: Path, dice: random.Random) -> None:
        super().__init__(path)
        self.dice = dice
        self.breaking = True

    async def _maybe_break(self) -> None:
        if self.breaking and self.dice.random() < 0.08:
            raise RuntimeError("the machinery failed")
        if self.dice.random() < 0.3:
            await asyncio.sleep(self.dice.random() * 0.01)

    async def orchestrate(self, name: str, request: pb.OrchestratorRequest) -> Answer:
        await self._maybe_break()
        answer = await super().orchestrate(name, request)
        await self._maybe_break()
        return Answer(answer.response, answer.live and _Unreliable(self._maybe_break, answer.live))

    async def act(self, request: pb.ActivityRequest) -> pb.ActivityResponse:
        await self._maybe_break()
        response = await super().act(request)
        await self._maybe_break()
        return response

    async def operate(self, name: str, request: pb.EntityBatchRequest) -> pb.EntityBatchResult:
        await self._maybe_break()
        response = await super().operate(name, request)
        await self._maybe_break()
        return response


class _Unreliable:
    """A live orchestrator of theirs, which breaks likewise."""

    def __init__(self, maybe_break: Callable[[], Awaitable[None]], live: LiveOrchestrator) -> None:
        self._maybe_break = maybe_break
        self._live = live

    async def go_on(
        self, confirmed: Sequence[pb.HistoryEvent], events: Sequence[pb.HistoryEvent]
    ) -> pb.OrchestratorResponse:
        await self._maybe_break()
        response = await self._live.go_on(confirmed, events)
        await self._maybe_break()
        return response


def functions(path: Path, dice: random.Random) -> Unreliable:
    workers = Unreliable(path, dice)

    @workers.activity
    async def double(_: task.ActivityContext, n: int) -> int:
        return 2 * n

    @workers.entity
    def total(context: Any, amount: int) -> int:
        value = int(context.get_state(int, 0)) + amount
        context.set_state(value)
        return value

    @workers.orchestrator
    def leaf(ctx: task.OrchestrationContext, n: int) -> Any:
        yield ctx.create_timer(timedelta(milliseconds=n % 20))
        return (yield ctx.call_activity(double, input=n))

    @workers.orchestrator
    def tree(ctx: task.OrchestrationContext, given: list[int]) -> Any:
        n, rounds = given
        doubled = yield task.when_all([ctx.call_activity(double, input=i) for i in range(n)])
        leaves = yield task.when_all([ctx.call_sub_orchestrator(leaf, input=i) for i in range(n)])
        event = yield ctx.wait_for_external_event("go")
        with (yield ctx.lock_entities([TOTAL])):
            before = yield ctx.call_entity(TOTAL, "get", 0)
            after = yield ctx.call_entity(TOTAL, "add", 1)
        if rounds > 1:
            ctx.continue_as_new([n, rounds - 1], save_events=True)
            return None
        return [sum(doubled), sum(leaves), event, after - before]

    return workers


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_breaks_everything_is_done_once(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    path = tmp_path / "hub.db"
    workers = functions(path, dice)
    ids = [f"tree-{n}" for n in range(5)]
    hub = TaskHub(path, workers=workers, limits=QUICK)
    await hub.start()
    for n, instance_id in enumerate(ids):
        await hub.start_instance("tree", instance_id=instance_id, input=f"[{n + 2}, 2]")
        await hub.raise_event(instance_id, "go", "7")
    for _ in range(4):
        await asyncio.sleep(dice.random() * 0.2)
        await hub.drain(dice.choice([0.0, 0.05]))
        hub = TaskHub(path, workers=workers, limits=QUICK)
        await hub.start()
    for instance_id in ids:
        # The second generation waits for an event of its own.
        await hub.raise_event(instance_id, "go", "7")
    async with asyncio.timeout(60):
        results = [await hub.wait(instance_id) for instance_id in ids]
    for n, status in enumerate(results):
        assert status is not None
        count = n + 2
        once = count * (count - 1)
        assert json.loads(status.output or "null") == [once, once, 7, 1], status
    await until(lambda: not hub.engine.running() and hub.engine.locks.idle)
    entity = await hub.entity(str(TOTAL))
    assert entity is not None
    assert entity.state == str(2 * len(ids))
    await until(lambda: hub.engine.store.activities() == [])
    assert hub.engine.store.messages(-1, 2**62) == []
    await hub.drain(1)
