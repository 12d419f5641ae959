"""The whole platform in this process, behind its HTTP functions, over stores that fail when told to."""

import asyncio
import json
import random
import sqlite3
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx

from localhost.azure import changes
from localhost.sqlite import sources
from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from localhost.triggers.feeds import Batch
from shared.adapters.cosmos.account import Account
from shared.adapters.cosmos.bodies import commit_order
from shared.adapters.cosmos.containers import DEFINITIONS
from shared.adapters.cosmos.documents import CosmosDocuments
from shared.adapters.eventhubs.events import EventHubsEvents
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.adapters.system import RandomIds, SystemClock
from shared.bootstrap import Application, compose
from shared.domain.errors import UnavailableError
from shared.domain.rates import NO_LIMITS
from shared.ports.adapters import Adapters
from shared.ports.documents import Container, Documents
from shared.ports.events import Events
from shared.ports.tokens import Tokens
from shared.services.delivery.relay import RELAYED
from shared.services.executions.recovery import Recovery
from shared.settings import Settings
from tests.cosmos.server import CosmosServer
from tests.eventhubs.hub import Hub
from tests.eventhubs.peer import Peer
from tests.http.harness import URL, Identity, app_of, people
from tests.workflow.live import LiveEngine

HUB = "quantum"
DATABASE = "faults"
QUIET = 60.0
"""Seconds that everything has to come to rest, once nothing fails any more."""

type Body = Mapping[str, Any]


class Stores(Protocol):
    """Documents and events, what can be wrong with them, and what is in them in truth."""

    @property
    def documents(self) -> Documents: ...

    @property
    def events(self) -> Events: ...

    def source(self, container: Container) -> Callable[[str | None], AsyncGenerator[Batch[Body]]]:
        """The container's change feed, behind a cursor."""
        ...

    def stored(self, container: Container) -> Mapping[tuple[str, str], list[Body]]:
        """The documents of each partition (tenant, key), in the order of the feed."""
        ...

    async def published(self) -> Mapping[str, list[str]]:
        """The ids of the events of each key, in order, repeats and all."""
        ...


class AzureStores:
    """The test servers of Cosmos DB and Event Hubs, each behind the vendor's SDK."""

    def __init__(self, server: CosmosServer, peer: Peer, *, patience: float) -> None:
        self.server = server
        self.peer = peer
        account = Account(server.endpoint, DATABASE, key=server.key)
        self.documents = CosmosDocuments(account, patience=patience)
        self.events = EventHubsEvents(
            hub=HUB, connection=peer.connection_string(), lanes=2, pause=0.01, patience=6.0
        )
        self.feed = changes.open_feed(account)

    def source(self, container: Container) -> Callable[[str | None], AsyncGenerator[Batch[Body]]]:
        source = changes.ChangeSource(self.feed, container)
        return lambda after: source.read("0", after=after, limit=50)

    def stored(self, container: Container) -> Mapping[tuple[str, str], list[Body]]:
        collection, _ = self.server._databases[DATABASE][container.name]
        found: dict[tuple[str, str], list[Body]] = {}
        for one in collection.physical:
            for key, items in one.logical.items():
                ordered = sorted(items.values(), key=lambda item: (item.lsn, commit_order(item.body)))
                found[key[0], key[1]] = [item.body for item in ordered]
        return found

    async def published(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for partition in self.peer.hubs[HUB].partitions:
            for event in partition.events:
                found[str(event.key)].append(event.body()["id"])
        return found


@asynccontextmanager
async def azure_stores(server: CosmosServer, *, patience: float) -> AsyncIterator[AzureStores]:
    """They are empty; ``patience`` is how long a call of a document store is kept up, in seconds."""
    server.reset()
    server.make(DATABASE, DEFINITIONS)
    peer = Peer(Hub(HUB))
    await peer.start()
    stores = AzureStores(server, peer, patience=patience)
    try:
        yield stores
    finally:
        server.faults.clear()
        peer.faults.clear()
        await stores.events.close()
        await peer.stop()
        await stores.documents.close()
        await stores.feed.close()


class LocalStores:
    """The files of one machine; another process holds them, or the disk is full, when a test says so."""

    def __init__(self, folder: Path, *, patience: float) -> None:
        self.folder = folder
        self.documents = SqliteDocuments(folder / "documents.db", patience=patience)
        self.events = SqliteEvents(folder / "events.db", patience=patience)

    def source(self, container: Container) -> Callable[[str | None], AsyncGenerator[Batch[Body]]]:
        source = sources.ChangeSource(self.documents, container)
        return lambda after: source.read("0", after=after, limit=50)

    def stored(self, container: Container) -> Mapping[tuple[str, str], list[Body]]:
        found: dict[tuple[str, str], list[Body]] = defaultdict(list)
        with closing(sqlite3.connect(self.folder / "documents.db")) as connection:
            rows = connection.execute(
                "SELECT tenant_id, partition, body FROM documents WHERE container = ? ORDER BY seq",
                (container.name,),
            )
            for tenant_id, key, body in rows:
                found[tenant_id, key].append(json.loads(body))
        return found

    async def published(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for partition in range(self.events.partitions):
            for event in await self.events.read(partition, after=0, limit=100_000):
                found[event.key].append(json.loads(event.body)["id"])
        return found

    def locked(self, name: str) -> "Lock":
        """Hold a file as another process would."""
        return Lock(self.folder / name)


class Lock:
    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=5, isolation_level=None)
        self._connection.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        self._connection.close()


@dataclass
class Stage:
    """The platform, with an engine that runs its executions and a relay that follows its feeds."""

    platform: Application
    stores: Stores
    engine: LiveEngine
    http: httpx.AsyncClient
    identity: Identity

    async def send(self, user: str | None, method: str, path: str, **options: Any) -> httpx.Response:
        token = {} if user is None else {"Authorization": f"Bearer {self.identity.signed[user]}"}
        headers = {**token, **options.pop("headers", {})}
        return await self.http.request(method, "/api/v1" + path, headers=headers, **options)

    async def served(self, user: str, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, once the store gives its own within a patience that may be short for a busy machine."""
        headers = {"Idempotency-Key": uuid4().hex}
        async with asyncio.timeout(QUIET):
            while True:
                answer = await self.send(user, method, path, headers=headers, **options)
                if answer.status_code != 503:
                    return answer
                await asyncio.sleep(0.02)

    async def ready(self) -> dict[str, Any]:
        body: dict[str, Any] = (await self.send(None, "GET", "/health/ready")).json()
        return body

    async def recover(self) -> None:
        """What the recovery timer does, on a day when every execution is old enough."""
        platform = self.platform
        timer = Recovery(
            documents=platform.adapters.documents,
            tenants=platform.tenants,
            settling=platform.tenant_settling,
            configuration=platform.configuration,
            launcher=platform.launcher,
            limits=platform.limits,
            retry_orders=platform.retry_orders,
            steering=platform.steering,
            clock=Tomorrow(),
        )
        await timer.run()


class Tomorrow:
    def now(self) -> datetime:
        return SystemClock().now() + timedelta(days=1)


@asynccontextmanager
async def staged(
    stores: Stores, identity: Identity, *, seed: int = 0, tokens: Tokens | None = None, heartbeat: float = 15
) -> AsyncIterator[Stage]:
    clock, engine = SystemClock(), LiveEngine(random.Random(seed))
    adapters = Adapters(
        documents=stores.documents,
        events=stores.events,
        orchestrations=engine,
        tokens=tokens or JwtTokens([identity.issuer], keys=JwksSource(), clock=clock),
        clock=clock,
        ids=RandomIds(clock),
        cursor_key=b"k" * 32,
    )
    settings = Settings(
        adapters="localhost",
        data=Path(),
        host_url=URL,
        heartbeat_seconds=heartbeat,
        egress_allow=("127.0.0.0/8",),
        rate_limits=NO_LIMITS,
    )
    platform = compose(adapters, settings)
    engine.serve(platform)
    router = app_of(platform)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.stop)
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(router),
                base_url=URL,
                timeout=None,  # noqa: S113 - in this process, and its time may stand still
            )
        )
        await insist(lambda: people(platform, identity.issuer.url))
        stage = Stage(platform, stores, engine, http, identity)
        for container in RELAYED:
            relay = asyncio.create_task(_relay(stage, container))
            stack.push_async_callback(_ended, relay)
        yield stage


async def _relay(stage: Stage, container: Container) -> None:
    """The change-feed trigger: a batch that fails is handed over again, for ever, and none is skipped."""
    read, cursor = stage.stores.source(container), None
    while True:
        feed = read(cursor)
        try:
            async for batch in feed:
                await insist(lambda items=batch.items: stage.platform.relay.publish(container, items))  # type: ignore[misc]  # the default binds this turn's
                cursor = batch.cursor
        except UnavailableError:
            await asyncio.sleep(0.05)
        finally:
            await feed.aclose()


async def insist[T](call: Callable[[], Awaitable[T]]) -> T:
    """What the call comes to, once it is no more turned away."""
    while True:
        try:
            return await call()
        except UnavailableError:
            await asyncio.sleep(0.05)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


async def until(
    condition: Callable[[], Awaitable[object]], seconds: float = QUIET, *, what: str = ""
) -> None:
    """Wait for a condition, which is asked again and again."""
    async with asyncio.timeout(seconds) as limit:
        try:
            while not await condition():  # noqa: ASYNC110 - what is asked has no event
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            assert not limit.expired(), f"it did not come about in {seconds} s: {what}"
            raise
