"""The events port: what is published comes out, in order per key."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from localhost.sqlite.events import SqliteEvents
from shared.ports.events import CloudEvent, Events

TIME = datetime(2024, 1, 4, 12, tzinfo=timezone(timedelta(hours=2)))


@dataclass(frozen=True)
class Log:
    """An implementation, and a way to see what consumers are given: partition by partition, in order."""

    events: Events
    consumed: Callable[[], Awaitable[list[list[Mapping[str, Any]]]]]


@pytest.fixture(params=["sqlite"])
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    store = SqliteEvents(tmp_path / "events.db")

    async def consumed() -> list[list[Mapping[str, Any]]]:
        return [
            [json.loads(event.body) for event in await store.read(partition, after=0, limit=1000)]
            for partition in range(store.partitions)
        ]

    yield Log(store, consumed)
    store.close()


def event(id: str, key: str = "acme/one") -> CloudEvent:
    return CloudEvent(
        id=id,
        type="com.quantum.step_completed",
        source="/tenants/acme/executions",
        subject="one",
        time=TIME,
        data={"step": "build", "text": "é"},
        key=key,
    )


async def test_an_event_comes_out_as_a_cloud_event(log: Log) -> None:
    await log.events.publish([event("1")])
    (consumed,) = [found for partition in await log.consumed() for found in partition]
    assert consumed == {
        "specversion": "1.0",
        "id": "1",
        "type": "com.quantum.step_completed",
        "source": "/tenants/acme/executions",
        "subject": "one",
        "time": "2024-01-04T10:00:00.000000Z",
        "datacontenttype": "application/json",
        "partitionkey": "acme/one",
        "data": {"step": "build", "text": "é"},
    }
    assert datetime.fromisoformat(consumed["time"]) == TIME.astimezone(UTC)


async def test_publishing_nothing_changes_nothing(log: Log) -> None:
    await log.events.publish([])
    assert not any(await log.consumed())


async def test_events_of_a_key_stay_in_order_in_one_partition(log: Log) -> None:
    keys = [f"acme/{n}" for n in range(20)]

    async def publish(key: str) -> None:
        for n in range(5):
            await log.events.publish([event(f"{key} {n}.{part}", key) for part in range(3)])

    await asyncio.gather(*map(publish, keys))
    partitions = await log.consumed()
    assert sum(map(len, partitions)) == 300
    for key in keys:
        found = [[e["id"] for e in part if e["partitionkey"] == key] for part in partitions]
        assert [ids for ids in found if ids] == [[f"{key} {n}.{part}" for n in range(5) for part in range(3)]]


async def test_an_event_published_again_comes_again_with_the_same_id(log: Log) -> None:
    await log.events.publish([event("1")])
    await log.events.publish([event("1")])
    assert [e["id"] for partition in await log.consumed() for e in partition] == ["1", "1"]
