"""The platform over a store, with all that leaves it in the test's hands: answers, events, webhooks, logs.

Time stands still between requests, and nothing runs behind anybody's back: the engine works when told to.
"""

import asyncio
import heapq
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import azure.functions as func
import httpx
import orjson
from azure.functions._eventhub import EventHubEvent
from starlette.types import ASGIApp, Scope

from functions.gateway.streams import HEARTBEAT
from localhost.identity.minting import mint
from localhost.sqlite.events import SqliteEvents
from shared import logs
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.bootstrap import Application, compose
from shared.domain.ids import RANDOM_BYTES, ulid
from shared.domain.rates import RateLimits
from shared.ports.adapters import Adapters
from shared.ports.documents import EXECUTIONS, REGISTRY, Container, Document, Documents, Operation
from shared.security.scope import TenantScope
from shared.services.delivery.webhooks import ORCHESTRATOR
from shared.services.watched import WatchedDocuments
from shared.settings import Settings
from tests.fakes.clock import FrozenClock
from tests.fakes.contexts import KeptContexts
from tests.fakes.secrets import KeptSecrets
from tests.fakes.telemetry import RecordedTelemetry
from tests.fakes.webhooks import ScriptedReceiver
from tests.http.harness import MAX_BODY, STARTER, URL, Identity, app_of, conforms, functions, serving
from tests.http.isolation.actors import SHARED_USER, TAG_BYTES, USERS, Actor
from tests.workflow.live import LiveEngine, Unreliability

START: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LIMITS: Final = RateLimits(hour=100_000, burst=10_000, tenant_hour=200_000)
"""High enough to refuse nothing, and there: what is left of them is in every answer."""

acting: ContextVar[bytes] = ContextVar("acting", default=b"")
"""The tag of the tenant in whose request, or in whose execution, something happens."""


class TaggedIds:
    """Ids that follow from who makes them, and from how many it has made."""

    def __init__(self, clock: FrozenClock) -> None:
        self._clock = clock
        self._made: dict[bytes, int] = {}

    def new(self) -> str:
        tag = acting.get().ljust(TAG_BYTES, b"-")
        number = self._made[tag] = self._made.get(tag, 0) + 1
        return ulid(self._clock.now(), tag + number.to_bytes(RANDOM_BYTES - TAG_BYTES))


class ClockedEngine(LiveEngine):
    """The durable engine in the test's hands: it does one thing after the other, and only when it is told to.

    Its time is that of a clock that stands still. Deliveries of webhooks are only written down.
    """

    def __init__(self, clock: FrozenClock) -> None:
        super().__init__(Random(0), Unreliability(twice=0))
        self._clock = clock
        self._next: deque[tuple[Context, Callable[[], None]]] = deque()
        self._timers: list[tuple[float, int, Context, Callable[[], None]]] = []
        self._set = 0
        self.deliveries: dict[str, Any] = {}

    @property
    def now(self) -> float:
        return (self._clock.now() - START).total_seconds()

    async def work(self) -> None:
        """Do all that there is to do now."""
        while self._next or self._is_due():
            context, happen = self._next.popleft() if self._next else heapq.heappop(self._timers)[2:]
            context.run(self._happen, happen)
            while tasks := [task for server in self._servers for task in server.tasks]:
                await asyncio.wait(tasks)
        for failure in self.failures:
            raise failure

    async def start(self, *, instance_id: str, orchestrator: str, input: Any) -> None:
        if orchestrator == ORCHESTRATOR:
            self.deliveries.setdefault(instance_id, input)
        else:
            await super().start(instance_id=instance_id, orchestrator=orchestrator, input=input)

    async def purge_ended(self, *, created_before: datetime) -> bool:
        del created_before
        return True

    def _is_due(self) -> bool:
        return bool(self._timers) and self._timers[0][0] <= self.now

    def _later(self, delay: float, happen: Callable[[], None]) -> None:
        """In the name of whoever it is done for."""
        if delay <= 0:
            self._next.append((copy_context(), happen))
        else:
            self._set += 1
            heapq.heappush(self._timers, (self.now + delay, self._set, copy_context(), happen))


class RecordingDocuments(WatchedDocuments):
    """Another store; ``events`` are the events that were stored, as a change feed hands them over.

    ``counts`` are how many there were, by their partitions.
    """

    def __init__(self, documents: Documents) -> None:
        super().__init__(documents)
        self.events: dict[Container, list[dict[str, Any]]] = {REGISTRY: [], EXECUTIONS: []}
        self.counts: Counter[str] = Counter()

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        stored = await super().transact(
            scope, container=container, partition=partition, operations=operations
        )
        if container in self.events:
            found = [dict(one.body) for one in stored if one is not None and one.body["kind"] == "event"]
            self.events[container] += found
            self.counts[partition] += len(found)
        return stored


PLATFORM = ("shared", "functions")
"""Whose loggers are the platform's."""


class LogLines(logging.Handler):
    """What the platform logs, each record with all that it carries."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logs.JsonLines())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@dataclass
class Tail:
    """An event stream that somebody has open."""

    task: asyncio.Task[None] = field(init=False)
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    chunks: list[bytes] = field(default_factory=list[bytes])
    _began: asyncio.Event = field(default_factory=asyncio.Event)
    _left: asyncio.Event = field(default_factory=asyncio.Event)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def began(self) -> None:
        """Wait for what is there already, which comes with the head of the answer."""
        await self._began.wait()
        for _ in range(20):
            await asyncio.sleep(0)

    async def told(self, events: int) -> None:
        """Wait until so many events were told."""
        async with asyncio.timeout(60):
            while sum(chunk.count(b"\nevent: ") for chunk in self.chunks) < events:
                self._more.clear()
                await self._more.wait()

    async def close(self) -> str:
        """Go away; all that was told but for signs of life."""
        self._left.set()
        await self.task
        return b"".join(self.chunks).replace(HEARTBEAT, b"").decode()

    async def receive(self) -> Any:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
            self._began.set()
        else:
            self.chunks.append(message.get("body", b""))
            self._more.set()


@dataclass
class Stage:
    """Everything that comes out of the platform comes out here."""

    platform: Application
    documents: RecordingDocuments
    events: SqliteEvents
    engine: ClockedEngine
    receiver: ScriptedReceiver
    telemetry: RecordedTelemetry
    clock: FrozenClock
    http: httpx.AsyncClient
    app: ASGIApp
    identity: Identity
    log: LogLines
    _read: dict[int, int] = field(default_factory=dict[int, int])
    _tokens: dict[str, str] = field(default_factory=dict[str, str])

    async def tick(self, seconds: float) -> None:
        """Let time pass, the timers run, and what was stored be told to everybody who wants it."""
        self.clock.advance(seconds)
        await self.engine.work()
        for timer in ("fire_schedules", "recover_executions", "purge_executions"):
            await self._call(timer, timer=None, starter=STARTER)
            await self.engine.work()
        await self._publish()

    async def _publish(self) -> None:
        for container, stored in self.documents.events.items():
            if stored:
                changes = func.DocumentList([func.Document.from_dict(body) for body in stored])
                stored.clear()
                await self._call(f"relay_{container.name}", changes=changes)
        bodies = [body async for body in self._published()]
        events = [EventHubEvent(body=body) for body in bodies]
        await self._call("notify_subscribers", events=events, starter=STARTER)
        await self._call("count_events", events=events)
        for _, work in sorted(self.engine.deliveries.items()):
            await self._call("deliver_webhook", payload=work | {"attempt": 1})
        self.engine.deliveries.clear()

    async def _published(self) -> AsyncIterator[bytes]:
        """What is new in the hub."""
        for partition in range(self.events.partitions):
            found = await self.events.read(partition, after=self._read.get(partition, 0), limit=10_000)
            for event in found:
                self._read[partition] = event.sequence
                yield event.body

    async def hub(self) -> list[dict[str, Any]]:
        """Everything that was ever published, in structured mode."""
        return [
            orjson.loads(event.body)
            for partition in range(self.events.partitions)
            for event in await self.events.read(partition, after=0, limit=100_000)
        ]

    async def _call(self, name: str, **arguments: Any) -> None:
        trigger = next(one for one in functions() if one.get_function_name() == name)
        with serving(self.platform):
            await trigger.get_user_function()(**arguments)

    def token(self, subject: str) -> str:
        known = self._tokens.get(subject)
        if known is None:
            name, now = self.identity.issuer.url, START.timestamp()
            known = mint(self.identity.keys, issuer=name, subject=subject, now=now, lifetime=10**8)
            self._tokens[subject] = known
        return known

    def watch(self, path: str, query: str, headers: Mapping[str, str]) -> Tail:
        """Ask for a live stream, which stays open while others do something."""
        given = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope: Scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": given,
        }
        tail = Tail()
        tail.task = asyncio.ensure_future(self.app(scope, tail.receive, tail.send))
        return tail

    async def people(self, actors: Sequence[Actor]) -> None:
        """The two tenants, and who is in them."""
        issuer = self.identity.issuer.url
        for actor in actors:
            await self.platform.tenants.ensure(actor.tenant)
            for user, roles in {**USERS, SHARED_USER: ["admin"]}.items():
                await self.platform.members.ensure_member(
                    actor.tenant, user=user, roles=roles, issuer=issuer, subject=actor.subject(user)
                )


@contextmanager
def _logging() -> Iterator[LogLines]:
    """The records of the platform, with the ids that it gives them."""
    lines, factory = LogLines(), logging.getLogRecordFactory()
    ours = [logging.getLogger(name) for name in PLATFORM]
    logs.identify()
    for one in ours:
        one.addHandler(lines)
        one.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        for one in ours:
            one.removeHandler(lines)
            one.setLevel(logging.NOTSET)
        logging.setLogRecordFactory(factory)


@asynccontextmanager
async def staged(
    folder: Path, identity: Identity, documents: Documents, clock: FrozenClock
) -> AsyncIterator[Stage]:
    """A platform over ``documents``, whose time is the clock's."""
    recording, engine, receiver = RecordingDocuments(documents), ClockedEngine(clock), ScriptedReceiver()
    telemetry = RecordedTelemetry()
    with closing(SqliteEvents(folder / "events.db", now=clock.now)) as events, _logging() as log:
        adapters = Adapters(
            documents=recording,
            events=events,
            orchestrations=engine,
            tokens=JwtTokens([identity.issuer], keys=JwksSource(), clock=clock),
            clock=clock,
            ids=TaggedIds(clock),
            cursor_key=b"k" * 32,
            secrets=KeptSecrets(now=clock.now),
            telemetry=telemetry,
        )
        settings = Settings(
            adapters="localhost",
            data=folder,
            host_url=URL,
            max_body_bytes=MAX_BODY,
            rate_limits=LIMITS,
            failed_sign_ins=None,
            anonymous_requests=None,
        )
        platform = compose(adapters, settings, contexts=KeptContexts())
        platform.webhooks._sender = receiver  # who is at the other end is no part of the composition
        engine.serve(platform)
        app = app_of(platform)
        hooks = {"response": [conforms]}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=URL, event_hooks=hooks
        ) as http:
            before = asyncio.all_tasks()
            yield Stage(
                platform, recording, events, engine, receiver, telemetry, clock, http, app, identity, log
            )
            for task in asyncio.all_tasks() - before:  # what a platform does for ever
                task.cancel()
        await engine.stop()
