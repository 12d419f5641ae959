"""The local event log beyond its port: reading, waiting, trimming."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from localhost.sqlite.events import SqliteEvents
from shared.domain.errors import UnavailableError
from tests.contracts.conftest import Hands
from tests.contracts.test_events import event

KEY = "acme/one"


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def events(tmp_path: Path, clock: Hands) -> Iterator[SqliteEvents]:
    store = SqliteEvents(tmp_path / "events.db", now=clock.now)
    yield store
    store.close()


async def test_sequence_numbers_count_from_one_in_each_partition(events: SqliteEvents, clock: Hands) -> None:
    await events.publish([event(str(n), KEY) for n in range(3)])
    read = await events.read(events.partition_of(KEY), after=0)
    assert [found.sequence for found in read] == [1, 2, 3]
    assert {found.enqueued_at for found in read} == {clock.time}
    assert sum(events.last_sequence(partition) for partition in range(events.partitions)) == 3


async def test_reading_goes_on_behind_a_sequence_number(events: SqliteEvents) -> None:
    await events.publish([event(str(n), KEY) for n in range(5)])
    partition = events.partition_of(KEY)
    assert [found.sequence for found in await events.read(partition, after=2, limit=2)] == [3, 4]
    assert await events.read(partition, after=5) == []


async def test_a_reader_that_waits_is_woken_by_its_partition(events: SqliteEvents) -> None:
    waiting = asyncio.create_task(events.read(events.partition_of(KEY), after=0, wait=90))
    await asyncio.sleep(0)
    other = next(key for key in map(str, range(100)) if events.partition_of(key) != events.partition_of(KEY))
    await events.publish([event("other", other)])
    await events.publish([event("mine", KEY)])
    async with asyncio.timeout(30):
        assert [found.key for found in await waiting] == [KEY]


async def test_the_log_is_found_again_with_its_own_number_of_partitions(tmp_path: Path) -> None:
    first = SqliteEvents(tmp_path / "log.db", partitions=7)
    await first.publish([event("1", KEY)])
    partition = first.partition_of(KEY)
    first.close()
    second = SqliteEvents(tmp_path / "log.db", partitions=2)
    assert second.partitions == 7
    await second.publish([event("2", KEY)])
    assert [found.sequence for found in await second.read(partition, after=0)] == [1, 2]
    second.close()


async def test_trimming_by_age_keeps_what_is_younger(events: SqliteEvents, clock: Hands) -> None:
    await events.publish([event("old", KEY)])
    clock.forward(3600)
    await events.publish([event("new", KEY)])
    assert await events.trim(keep_for=timedelta(minutes=59)) == 1
    assert [found.sequence for found in await events.read(events.partition_of(KEY), after=0)] == [2]


async def test_trimming_by_count_keeps_the_last_of_each_partition(events: SqliteEvents) -> None:
    await events.publish([event(str(n), str(n)) for n in range(40)])
    before = [events.last_sequence(partition) for partition in range(events.partitions)]
    assert await events.trim(keep=2) == sum(count - 2 for count in before)
    for partition, last in enumerate(before):
        kept = [found.sequence for found in await events.read(partition, after=0)]
        assert kept == [last - 1, last]


async def test_a_log_that_is_told_how_long_deletes_what_is_older_by_the_way(
    tmp_path: Path, clock: Hands
) -> None:
    log = SqliteEvents(tmp_path / "short.db", keep_for=timedelta(hours=1), now=clock.now)
    for _ in range(3):
        await log.publish([event("1", KEY)])
        clock.forward(45 * 60)
    assert [found.sequence for found in await log.read(log.partition_of(KEY), after=0)] == [2, 3]
    log.close()


async def test_sequence_numbers_go_on_after_everything_was_trimmed(events: SqliteEvents) -> None:
    await events.publish([event("1", KEY)])
    await events.trim(keep=0)
    await events.publish([event("2", KEY)])
    assert [found.sequence for found in await events.read(events.partition_of(KEY), after=0)] == [2]


async def test_a_closed_log_is_unavailable_to_those_who_come_and_those_who_wait(tmp_path: Path) -> None:
    store = SqliteEvents(tmp_path / "log.db", now=lambda: datetime(2024, 1, 4, tzinfo=UTC))
    waiting = asyncio.create_task(store.read(0, after=0, wait=90))
    await asyncio.sleep(0)
    store.close()
    with pytest.raises(UnavailableError):
        await waiting
    with pytest.raises(UnavailableError):
        await store.publish([event("1")])
