"""Timer triggers: when they run, what they are told, and what is remembered."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.functions.timer import TimerRequest

from localhost.app.functions import RetryPolicy
from localhost.triggers.state import StateFile
from localhost.triggers.timers import Timer, Timers
from tests.host.clock import ManualClock, settle
from tests.host.functions import make_function

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Recorder:
    """A timer's function that records when it ran; it can be made to wait and to fail."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.runs: list[tuple[str, bool]] = []
        self.takes = 0.0
        self.failures = 0
        self.requests: list[TimerRequest] = []

    async def run(self, value: TimerRequest) -> None:
        self.requests.append(value)
        self.runs.append((f"{self.clock.now():%H:%M:%S}", value.past_due))
        if self.takes:
            await self.clock.sleep(self.takes)
        if self.failures:
            self.failures -= 1
            raise ValueError("not now")

    @property
    def times(self) -> list[str]:
        return [time for time, _ in self.runs]


class Bench:
    """Timers over one state file and one clock, which can be started again."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOON)
        self.recorder = Recorder(self.clock)
        self._folder = folder
        self._timers = Timers(())

    async def start(self, schedule: str, retry: RetryPolicy | None = None, **properties: Any) -> None:
        function = make_function(
            "timerTrigger", self.recorder.run, retry=retry, schedule=schedule, **properties
        )
        state = StateFile(self._folder / "timers.json")
        timer = Timer(function, self.recorder.run, UTC, state, self.clock)
        self._timers = Timers([timer])
        self._timers.start()
        await settle()

    async def stop(self) -> None:
        await self._timers.stop()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.stop()


async def test_a_timer_fires_at_each_occurrence(bench: Bench) -> None:
    await bench.start("0 */5 * * * *")

    await bench.clock.advance(minutes=16)

    assert bench.recorder.times == ["12:05:00", "12:10:00", "12:15:00"]


async def test_a_run_that_outlasts_occurrences_skips_them_and_never_overlaps(bench: Bench) -> None:
    bench.recorder.takes = 150
    await bench.start("0 * * * * *")

    await bench.clock.advance(minutes=7)

    assert bench.recorder.times == ["12:01:00", "12:04:00", "12:07:00"]


async def test_run_on_startup_runs_at_once(bench: Bench) -> None:
    await bench.start("0 0 0 * * *", runOnStartup=True)

    assert bench.recorder.runs == [("12:00:00", False)]


async def test_what_was_missed_while_the_host_was_down_runs_once_and_is_past_due(bench: Bench) -> None:
    await bench.start("0 */5 * * * *")
    await bench.clock.advance(minutes=6)
    await bench.stop()
    await bench.clock.advance(hours=2)

    await bench.start("0 */5 * * * *")

    assert bench.recorder.runs == [("12:05:00", False), ("14:06:00", True)]


@pytest.mark.parametrize(
    ("first", "second", "properties"),
    [
        ("0 */5 * * * *", "0 */5 * * * *", {"useMonitor": False}),
        ("0 */5 * * * *", "0 */7 * * * *", {}),
        ("*/10 * * * * *", "*/10 * * * * *", {}),
    ],
    ids=["not monitored", "another schedule", "more often than each minute"],
)
async def test_nothing_is_past_due_when(
    bench: Bench, first: str, second: str, properties: dict[str, Any]
) -> None:
    await bench.start(first, **properties)
    await bench.clock.advance(minutes=6)
    await bench.stop()
    await bench.clock.advance(hours=2)
    before = len(bench.recorder.runs)

    await bench.start(second, **properties)

    assert len(bench.recorder.runs) == before


async def test_the_function_is_told_its_last_and_next_occurrence(bench: Bench) -> None:
    await bench.start("0 */5 * * * *")

    await bench.clock.advance(minutes=11)

    status = bench.recorder.requests[-1].schedule_status
    assert (status["Last"], status["Next"]) == ("2026-01-01T12:05:00+00:00", "2026-01-01T12:10:00+00:00")


async def test_a_failed_run_is_tried_again_by_its_policy_and_the_timer_goes_on(bench: Bench) -> None:
    bench.recorder.failures = 3
    policy = RetryPolicy(max_retries=2, first_delay=timedelta(seconds=5), max_delay=timedelta(seconds=5))
    await bench.start("0 */5 * * * *", retry=policy)

    await bench.clock.advance(minutes=11)

    assert bench.recorder.times == ["12:05:00", "12:05:05", "12:05:10", "12:10:00"]


async def test_stopping_ends_a_run_that_is_under_way(bench: Bench) -> None:
    bench.recorder.takes = 1000
    await bench.start("0 * * * * *")
    await bench.clock.advance(minutes=1)

    await asyncio.wait_for(bench.stop(), 60)

    assert bench.recorder.times == ["12:01:00"]
