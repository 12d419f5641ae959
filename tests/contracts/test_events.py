"""The events port: what is published comes out, in order per key."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.domain.errors import TooLargeError
from shared.ports.events import MAX_EVENT_BYTES, CloudEvent
from tests.contracts.logs import LOGS, Log, RemoteHub, remote_hub

TIME = datetime(2024, 1, 4, 12, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture(scope="module", name="remote_hub")
def a_remote_hub() -> Iterator[RemoteHub]:
    with remote_hub() as hub:
        yield hub


@pytest.fixture(params=LOGS)
async def log(request: pytest.FixtureRequest) -> AsyncIterator[Log]:
    async with LOGS[request.param](request) as opened:
        yield opened


def event(id: str, key: str = "acme/one", *, text: str = "é") -> CloudEvent:
    return CloudEvent(
        id=id,
        type="com.quantum.step_completed",
        source="/tenants/acme/executions",
        subject="one",
        time=TIME,
        data={"step": "build", "text": text},
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


async def test_more_than_a_message_can_hold_comes_out_whole_and_in_order(log: Log) -> None:
    text = "x" * 100_000
    await log.events.publish([event(str(n), f"acme/{n % 2}", text=text) for n in range(30)])
    partitions = await log.consumed()
    for key, first in (("acme/0", 0), ("acme/1", 1)):
        found = [e["id"] for partition in partitions for e in partition if e["partitionkey"] == key]
        assert found == [str(n) for n in range(first, 30, 2)]


async def test_a_key_of_any_length_has_one_partition(log: Log) -> None:
    key = "acme/" + "é" * 300
    for n in range(3):
        await log.events.publish([event(str(n), key)])
    (found,) = filter(None, await log.consumed())
    assert [(e["id"], e["partitionkey"]) for e in found] == [(str(n), key) for n in range(3)]


async def test_events_that_are_too_large_are_all_named_and_nothing_is_published(log: Log) -> None:
    large = "x" * MAX_EVENT_BYTES
    with pytest.raises(TooLargeError) as refused:
        await log.events.publish([event("1"), event("2", text=large), event("3"), event("4", text=large)])
    assert [error.pointer for error in refused.value.errors] == ["/1", "/3"]
    assert not any(await log.consumed())


async def test_an_event_just_within_the_limit_is_published(log: Log) -> None:
    room = MAX_EVENT_BYTES - len(json.dumps(event("1", text="").to_json(), separators=(",", ":")))
    await log.events.publish([event("1", text="x" * room)])
    assert sum(map(len, await log.consumed())) == 1
    with pytest.raises(TooLargeError):
        await log.events.publish([event("1", text="x" * (room + 1))])
