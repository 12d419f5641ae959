"""What feeds the host's triggers: changes and events of every store that one machine can have, in order."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localhost.azure import changes as azure_changes
from localhost.azure import events as azure_events
from localhost.sqlite import sources as sqlite
from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from localhost.triggers.feeds import Batch, Event, Source
from shared.adapters.cosmos.account import Account
from shared.adapters.cosmos.containers import DEFINITIONS
from shared.adapters.cosmos.documents import CosmosDocuments
from shared.adapters.eventhubs.events import EventHubsEvents
from shared.ports.documents import EXECUTIONS, REGISTRY, TENANCY, Container, Create, Documents
from shared.ports.events import Events
from shared.security.scope import TenantScope
from shared.settings import Connection
from tests.contracts.shelf import ACME, GLOBEX, Shelf
from tests.contracts.test_events import event
from tests.cosmos.server import CosmosServer
from tests.eventhubs.hub import Hub
from tests.eventhubs.peer import Peer

DEADLINE = 60.0
"""Seconds in which what was written must come."""


@dataclass(frozen=True)
class Store:
    """Documents, and the source of a container's changes."""

    documents: Documents
    changes: "Sources"


type Sources = dict[str, Source[Any]]


@pytest.fixture(params=["sqlite", "cosmos"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    containers = (EXECUTIONS, REGISTRY, TENANCY)
    if request.param == "sqlite":
        local = SqliteDocuments(tmp_path / "documents.db")
        yield Store(local, {one.name: sqlite.ChangeSource(local, one) for one in containers})
        local.close()
        return
    server: CosmosServer = request.getfixturevalue("cosmos_server")
    account = Account(server.endpoint, uuid.uuid4().hex, key=server.key)
    server.make(account.database, DEFINITIONS)
    documents, feed = CosmosDocuments(account, patience=DEADLINE), azure_changes.open_feed(account)
    yield Store(documents, {one.name: azure_changes.ChangeSource(feed, one) for one in containers})
    await feed.close()
    await documents.close()


@dataclass(frozen=True)
class Log:
    """Events, and the source that reads them."""

    events: Events
    source: Source[Event]


@pytest.fixture(params=["sqlite", "eventhubs"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Log]:
    if request.param == "sqlite":
        local = SqliteEvents(tmp_path / "events.db")
        yield Log(local, sqlite.EventSource(local))
        local.close()
        return
    async with peer() as remote:
        events = EventHubsEvents(hub="quantum", connection=remote.connection_string())
        yield Log(events, azure_events.EventSource(Connection(remote.connection_string()), "quantum"))
        await events.close()


@asynccontextmanager
async def peer() -> AsyncIterator[Peer]:
    remote = Peer(Hub("quantum"))
    await remote.start()
    yield remote
    await remote.stop()


async def next_of[T](batches: AsyncGenerator[Batch[T]]) -> Batch[T]:
    async with asyncio.timeout(DEADLINE):
        return await anext(batches)


async def items_of[T](batches: AsyncGenerator[Batch[T]], count: int) -> list[T]:
    """The next so many items, in as many batches as it takes."""
    found: list[T] = []
    while len(found) < count:
        found += (await next_of(batches)).items
    return found


def shelf(
    store: Store, scope: TenantScope = ACME, container: Container = EXECUTIONS, key: str = "one"
) -> Shelf:
    return Shelf(store.documents, scope, container, key)


async def test_a_containers_changes_are_read_over_all_tenants(store: Store) -> None:
    await shelf(store).create("a")
    await shelf(store, container=REGISTRY).create("elsewhere")
    await shelf(store, GLOBEX).create("b")
    source = store.changes[EXECUTIONS.name]
    (partition,) = await source.partitions()
    async with aclosing(source.read(partition, after=None, limit=10)) as batches:
        items = await items_of(batches, 2)
    found = {(item["tenant_id"], item["execution_id"], item["id"], item["kind"]) for item in items}
    assert found == {("acme", "one", "a", "thing"), ("globex", "one", "b", "thing")}
    assert len({item["_etag"] for item in items}) == 2
    assert all(isinstance(item["_lsn"], int) for item in items)


async def test_changes_of_a_partition_come_in_the_order_of_their_writes(store: Store) -> None:
    source = store.changes[EXECUTIONS.name]
    keys = [f"execution-{n}" for n in range(8)]  # of acme, whose keys are in several physical partitions
    for transaction in range(3):
        for key in keys:
            bodies = [{"id": f"{transaction}-{n}", "kind": "event"} for n in (2, 0, 1)]
            await shelf(store, key=key).transact(*map(Create, bodies))
    async with aclosing(source.read("0", after=None, limit=4)) as batches:
        items = await items_of(batches, 9 * len(keys))
    for key in keys:
        ids = [item["id"] for item in items if item["execution_id"] == key]
        assert ids == [f"{transaction}-{n}" for transaction in range(3) for n in (2, 0, 1)]


async def test_changes_are_resumed_behind_a_cursor_and_awaited(store: Store) -> None:
    source = store.changes[EXECUTIONS.name]
    for key in "abcdef":
        await shelf(store, key=key).create("x")
    seen: list[str] = []
    cursor: str | None = None
    while len(seen) < 6:  # a new reader for every batch, as after so many restarts
        async with aclosing(source.read("0", after=cursor, limit=2)) as batches:
            batch = await next_of(batches)
        assert 1 <= len(batch.items) <= 2
        seen += [item["execution_id"] for item in batch.items]
        cursor = batch.cursor
    assert sorted(seen) == list("abcdef")
    async with aclosing(source.read("0", after=cursor, limit=2)) as batches:
        coming = asyncio.create_task(next_of(batches))
        await asyncio.sleep(0)
        await shelf(store, key="g").create("y")
        assert [item["execution_id"] for item in (await coming).items] == ["g"]


async def test_a_transaction_over_the_limit_is_handed_out_in_parts(store: Store) -> None:
    source = store.changes[EXECUTIONS.name]
    await shelf(store).transact(*(Create({"id": str(n), "kind": "event"}) for n in range(7)))
    async with aclosing(source.read("0", after=None, limit=3)) as batches:
        parts = [(await next_of(batches)).items for _ in range(3)]
    assert [[item["id"] for item in part] for part in parts] == [list("012"), list("345"), ["6"]]


async def test_the_latest_cursor_is_after_everything_there_is(store: Store) -> None:
    source = store.changes[EXECUTIONS.name]
    for key in "abcdef":
        await shelf(store, key=key).create("before")
    async with aclosing(source.read("0", after=await source.latest("0"), limit=10)) as batches:
        coming = asyncio.create_task(next_of(batches))
        await asyncio.sleep(0)
        await shelf(store, key="f").create("after")
        assert [item["id"] for item in (await coming).items] == ["after"]


async def test_what_a_store_keeps_for_itself_is_nobodys_change(store: Store) -> None:
    await shelf(store, container=TENANCY).create("a")
    async with aclosing(store.changes[TENANCY.name].read("0", after=None, limit=10)) as batches:
        items = await items_of(batches, 1)
        await shelf(store, container=TENANCY).create("b")
        items += await items_of(batches, 1)
    assert [(item["tenant_id"], item["id"]) for item in items] == [("acme", "a"), ("acme", "b")]


async def latest(log: Log) -> dict[str, str]:
    numbers = await log.source.partitions()
    return dict(zip(numbers, await asyncio.gather(*map(log.source.latest, numbers)), strict=True))


async def test_events_are_read_from_their_partitions(log: Log) -> None:
    partitions = await log.source.partitions()
    assert partitions == ["0", "1", "2", "3"]
    before = await latest(log)
    await log.events.publish([event(str(n)) for n in range(3)])
    after = await latest(log)
    (partition,) = [number for number in partitions if before[number] != after[number]]
    for cursor in (None, before[partition]):
        async with aclosing(log.source.read(partition, after=cursor, limit=2)) as batches:
            first, second = await next_of(batches), await next_of(batches)
        found = [*first.items, *second.items]
        assert (len(first.items), len(found), second.cursor) == (2, 3, after[partition])
        assert [one.sequence_number - found[0].sequence_number for one in found] == [0, 1, 2]
        assert [f'"id":"{n}"'.encode() in one.body for n, one in enumerate(found)] == [True] * 3
        assert {one.partition_key for one in found} == {"acme/one"}
        assert all(one.enqueued_at.tzinfo is not None for one in found)
        assert found[0].properties["content-type"].startswith("application/cloudevents+json")


async def test_events_are_resumed_behind_a_cursor_and_awaited(log: Log) -> None:
    before = await latest(log)
    await log.events.publish([event("a")])
    after = await latest(log)
    (partition,) = [number for number in before if before[number] != after[number]]
    async with aclosing(log.source.read(partition, after=None, limit=10)) as batches:
        cursor = (await next_of(batches)).cursor
    async with aclosing(log.source.read(partition, after=cursor, limit=10)) as batches:
        coming = asyncio.create_task(next_of(batches))
        await asyncio.sleep(0)
        await log.events.publish([event("b")])
        (found,) = (await coming).items
    assert b'"id":"b"' in found.body
