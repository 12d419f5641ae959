"""Schedules through random ticks, deaths, faults and times away: nothing is lost, doubled or out of order."""

import asyncio
import random
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.errors import UnavailableError
from shared.domain.executions import TERMINAL_STATUSES
from shared.domain.schedules import Overlap
from shared.domain.times import parse_rfc3339
from shared.ports.documents import Container
from tests.fakes.documents import Killed, Moment
from tests.services.bench import START, Bench, open_bench

MINUTES = 15
FIRST = START.replace(second=0) + timedelta(minutes=1)


@dataclass
class Storm:
    """Faults by a seed, around any transaction."""

    rng: random.Random

    def __call__(self, moment: Moment, container: Container) -> None:
        if self.rng.random() < 0.12:
            raise Killed if self.rng.random() < 0.5 else UnavailableError


@pytest.mark.parametrize("overlap", ["skip", "queue", "allow"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_time_is_executed_once_in_order_unless_the_overlap_rules_skip_it(
    overlap: Overlap, seed: int
) -> None:
    asyncio.run(play(overlap, random.Random(seed)))


async def play(overlap: Overlap, rng: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_bench(cast("Any", None), "sqlite", Path(folder)) as bench:
            await bench.put(overlap=overlap, catch_up=100)
            end = START + timedelta(minutes=MINUTES)
            while bench.clock.now() < end:
                bench.clock.advance(rng.choice([5, 10, 30, 60, 200]))
                await look(bench, rng)
                await check(bench, overlap)
                if rng.random() < 0.5:
                    await finish(bench)
            await settle(bench, overlap)


async def look(bench: Bench, rng: random.Random) -> None:
    """One or two timers, in a storm or not."""
    bench.documents.interrupt = Storm(rng) if rng.random() < 0.6 else None
    timers = [bench.timer, bench.other_timer][: rng.randint(1, 2)]
    await asyncio.gather(*(survived(timer.run) for timer in timers))
    bench.documents.interrupt = None


async def survived(run: Callable[[], Any]) -> None:
    with suppress(Killed, UnavailableError):
        await run()


async def check(bench: Bench, overlap: Overlap) -> None:
    found = await bench.executions()
    going = [one for one in found if one.status not in TERMINAL_STATUSES]
    assert overlap == "allow" or len(going) <= 1
    times = [one.schedule["scheduled_at"] for one in found if one.schedule]  # the newest first
    assert len(set(times)) == len(times)
    made = sorted(found, key=lambda one: (one.created_at, one.execution_id))
    assert [one.schedule["scheduled_at"] for one in made if one.schedule] == sorted(times)


async def finish(bench: Bench) -> None:
    if (await bench.get()).firings.last_execution is not None:
        await bench.end()


async def settle(bench: Bench, overlap: Overlap) -> None:
    """When the storm is over all is caught up with, and every time is accounted for."""
    for _ in range(3 * MINUTES):
        await bench.tick(10)
        await check(bench, overlap)
        await finish(bench)
    firings = (await bench.get()).firings
    assert (firings.queue, firings.last_error) == ((), None)
    found = {one.schedule["scheduled_at"] for one in await bench.executions() if one.schedule}
    passed = int((bench.clock.now() - FIRST) / timedelta(minutes=1)) + 1
    every = {FIRST + timedelta(minutes=number) for number in range(passed)}
    executed = {parse_rfc3339(time) for time in found}
    assert executed <= every
    if overlap != "skip":
        assert executed == every
    else:
        assert executed
