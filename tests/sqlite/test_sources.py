"""The local stores as sources of triggers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from localhost.sqlite.sources import ChangeSource, EventSource
from localhost.triggers.feeds import Batch, Event, Source
from shared.ports.documents import EXECUTIONS, REGISTRY
from tests.contracts.shelf import GLOBEX, Shelf
from tests.contracts.test_events import event


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[SqliteDocuments]:
    store = SqliteDocuments(tmp_path / "documents.db")
    yield store
    store.close()


@pytest.fixture
def events(tmp_path: Path) -> Iterator[SqliteEvents]:
    store = SqliteEvents(tmp_path / "events.db")
    yield store
    store.close()


async def next_of[T](batches: AsyncIterator[Batch[T]]) -> Batch[T]:
    async with asyncio.timeout(5):
        return await anext(batches)


async def test_a_containers_changes_are_read_over_all_tenants_in_order(documents: SqliteDocuments) -> None:
    await Shelf(documents).create("a")
    await Shelf(documents, container=REGISTRY).create("elsewhere")
    await Shelf(documents, scope=GLOBEX).create("b")
    source = ChangeSource(documents, EXECUTIONS)
    (partition,) = await source.partitions()
    batch = await next_of(source.read(partition, after=None, limit=10))
    assert [(item["tenant_id"], item["id"]) for item in batch.items] == [("acme", "a"), ("globex", "b")]
    assert batch.items[0]["_etag"] != batch.items[1]["_etag"]


async def test_changes_are_resumed_behind_a_cursor_and_awaited(documents: SqliteDocuments) -> None:
    source: Source[object] = ChangeSource(documents, EXECUTIONS)
    (partition,) = await source.partitions()
    shelf = Shelf(documents)
    for name in "abc":
        await shelf.create(name)
    batches = source.read(partition, after=None, limit=2)
    first = await next_of(batches)
    assert len(first.items) == 2
    resumed = source.read(partition, after=first.cursor, limit=2)
    assert (await next_of(resumed)).items == (await next_of(batches)).items
    coming = asyncio.create_task(next_of(resumed))
    await asyncio.sleep(0)
    await shelf.create("d")
    assert len((await coming).items) == 1


async def test_the_latest_cursor_is_after_everything_there_is(documents: SqliteDocuments) -> None:
    source = ChangeSource(documents, EXECUTIONS)
    await Shelf(documents).create("before")
    batches = source.read("0", after=await source.latest("0"), limit=10)
    coming = asyncio.create_task(next_of(batches))
    await asyncio.sleep(0)
    await Shelf(documents).create("after")
    assert [item["id"] for item in (await coming).items] == ["after"]


async def test_events_are_read_from_their_partitions(events: SqliteEvents) -> None:
    source: Source[Event] = EventSource(events)
    assert await source.partitions() == ["0", "1", "2", "3"]
    await events.publish([event(str(n)) for n in range(3)])
    partition = str(events.partition_of("acme/one"))
    batches = source.read(partition, after=None, limit=2)
    first, second = await next_of(batches), await next_of(batches)
    assert [found.sequence_number for found in (*first.items, *second.items)] == [1, 2, 3]
    assert second.cursor == await source.latest(partition)
    assert first.items[0].partition_key == "acme/one"
