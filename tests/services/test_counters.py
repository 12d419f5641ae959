"""Counters of days: each event counts once, however often and in whatever batches it comes."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from localhost.sqlite.documents import SqliteDocuments
from shared.domain.stats import COUNTED
from shared.ports.events import CloudEvent
from shared.services.delivery import counters as subject
from shared.services.delivery.counters import Counters
from tests.fakes.clock import FrozenClock
from tests.services.conftest import caller

ADA = caller()
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
DAY = NOON.date()


def event(number: int, type: str = "step_completed", *, at: datetime = NOON, tenant: str = "acme") -> bytes:
    run = f"run-{number % 7}"
    made = CloudEvent(
        id=f"{run}/s{number}/1/{type}",
        type=f"com.quantum.{type}",
        source=f"/tenants/{tenant}/executions/{run}",
        subject=f"s{number}",
        time=at,
        data={"tenant_id": tenant},
        key=f"{tenant}/{run}",
    )
    return orjson.dumps(made.to_json())


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[SqliteDocuments]:
    store = SqliteDocuments(tmp_path / "documents.db")
    yield store
    store.close()


async def counts(counters: Counters, day: date = DAY) -> dict[str, int]:
    days = await counters.days(ADA, since=day, until=day)
    return {name: number for one in days for name, number in one.counts.items() if number}


async def test_each_type_that_is_counted_has_its_counter(documents: SqliteDocuments) -> None:
    counters = Counters(documents, FrozenClock(NOON))
    await counters.count([event(1, kind) for kind in (*COUNTED, "step_started", "intent_created")])
    assert await counts(counters) == dict.fromkeys(COUNTED.values(), 1)


async def test_an_event_that_comes_again_counts_once(documents: SqliteDocuments) -> None:
    rng = random.Random(7)
    events = [event(number) for number in range(60)]
    repeats = [*events, *rng.choices(events, k=200)]
    rng.shuffle(repeats)
    counters = Counters(documents, FrozenClock(NOON))
    while repeats:
        size = rng.randint(1, 20)
        batch, repeats = repeats[:size], repeats[size:]
        await counters.count(batch)
    assert await counts(counters) == {"steps_completed": 60}


async def test_consumers_side_by_side_count_everything_once(documents: SqliteDocuments) -> None:
    events = [event(number) for number in range(80)]
    batches = [events[start : start + 20] for start in range(0, 80, 10)]  # they overlap
    await asyncio.gather(*(Counters(documents, FrozenClock(NOON)).count(batch) for batch in batches))
    assert await counts(Counters(documents, FrozenClock(NOON))) == {"steps_completed": 80}


async def test_days_and_tenants_are_counted_apart(documents: SqliteDocuments) -> None:
    counters = Counters(documents, FrozenClock(NOON))
    tomorrow = NOON + timedelta(days=1)
    await counters.count([event(1), event(2, at=tomorrow), event(3, at=tomorrow), event(4, tenant="globex")])
    days = await counters.days(ADA, since=DAY, until=tomorrow.date())
    assert [(one.date, one.counts["steps_completed"]) for one in days] == [
        ("2026-01-02", 1),
        ("2026-01-03", 2),
    ]
    assert await counts(counters, DAY - timedelta(days=1)) == {}


async def test_a_long_day_remembers_only_the_last_events(
    documents: SqliteDocuments,
) -> None:
    counters = Counters(documents, FrozenClock(NOON))
    total = subject.WINDOW + 100
    events = [event(number * 7) for number in range(total)]  # all of one execution, so of one shard
    for start in range(0, total, 100):
        await counters.count(events[start : start + 100])
    await counters.count(events[-subject.WINDOW :])
    assert await counts(counters) == {"steps_completed": total}


async def test_what_is_so_old_that_it_may_have_been_forgotten_is_not_counted(
    documents: SqliteDocuments,
) -> None:
    counters = Counters(documents, FrozenClock(NOON + subject.OLDEST))
    await counters.count([event(1), event(2, at=NOON + timedelta(seconds=1))])
    assert await counts(counters) == {"steps_completed": 1}
