"""Schedules over a store that a test can interrupt, and timers to fire them."""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shared.domain.executions import Execution
from shared.domain.intents import NewIntent
from shared.domain.paging import Cursors
from shared.domain.schedules import NewSchedule, Schedule
from shared.domain.times import rfc3339
from shared.ports.documents import EXECUTIONS, TENANCY, Document, Patch, Query
from shared.security.scope import TenantScope
from shared.services.audit.chains import Chains
from shared.services.schedules.agenda import PARTITION, Agenda
from shared.services.schedules.firings import FiringSchedules
from shared.services.schedules.schedules import Schedules
from shared.services.steps.attempts import HEAD
from shared.services.tenancy.authentication import Authentication
from shared.services.tenancy.directory import DIRECTORY
from shared.services.tenancy.members import Members
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.strangers import Strangers
from tests.fakes.clock import FrozenClock
from tests.fakes.documents import InterruptedDocuments, Moment
from tests.services.conftest import Workshop, composed
from tests.stores import opened

START = datetime.fromisoformat("2026-01-02T03:04:05Z")
STEP = {"id": "a", "action": "act"}
ISSUER = "urn:test"


class NoTokens:
    async def verify(self, token: str) -> Any:
        raise AssertionError(f"a timer has no token to verify: {token}")

    @property
    def issuers(self) -> Collection[str]:
        raise AssertionError("a timer asks no issuer")

    async def ready(self) -> None:
        raise AssertionError("a timer asks no issuer")


@dataclass
class Bench:
    """The use cases of schedules; tenant ``acme`` has the administrator ``ada`` and the intent ``deploy``."""

    workshop: Workshop
    documents: InterruptedDocuments
    members: Members
    authentication: Authentication
    schedules: Schedules
    timer: FiringSchedules
    other_timer: FiringSchedules

    @property
    def clock(self) -> FrozenClock:
        return self.workshop.clock

    async def put(self, name: str = "minutely", cron: str = "* * * * *", **fields: Any) -> Schedule:
        wanted = NewSchedule(**{"intent": "deploy", "cron": cron, **fields})
        return await self.schedules.put(self.workshop.ada, name, wanted)

    async def get(self, name: str = "minutely") -> Schedule:
        return await self.schedules.get(self.workshop.ada, name)

    async def tick(self, seconds: float = 0) -> None:
        """Let time pass, and the timer run."""
        self.clock.advance(seconds)
        await self.timer.run()

    async def started(self) -> list[str]:
        """The times of the executions that there are, oldest first: ``03:05``."""
        found, _ = await self.workshop.executions.list(self.workshop.ada, limit=200)
        times = sorted(one.schedule["scheduled_at"] for one in found if one.schedule)
        assert len(set(times)) == len(times)
        return [time[11:16] for time in times]

    async def executions(self) -> list[Execution]:
        return (await self.workshop.executions.list(self.workshop.ada, limit=200))[0]

    async def end(self, name: str = "minutely") -> None:
        """Let the schedule's last execution come to its end."""
        last = (await self.get(name)).firings.last_execution
        assert last is not None
        await self.documents.transact(
            self.workshop.ada.scope,
            container=EXECUTIONS,
            partition=last["execution_id"],
            operations=[Patch(HEAD, set={("status",): "completed"})],
        )

    async def agenda(self) -> Mapping[str, str]:
        """When each schedule is looked at."""
        query = Query(TENANCY, "due", partition=PARTITION, limit=1000)
        page = await self.documents.query(TenantScope(DIRECTORY), query)
        return {document.body["id"]: document.body["due"] for document in page.items}

    async def records(self) -> list[Document]:
        changes = await self.documents.changes(
            self.workshop.ada.scope, container=TENANCY, partition="schedules", kind="audit"
        )
        return [change.document for change in changes]

    def now(self) -> str:
        return rfc3339(self.clock.now())

    @contextmanager
    def interrupted(self, point: int, fault: BaseException) -> Iterator[Callable[[], bool]]:
        """Raise the fault at that moment, two for each transaction; tells whether there was such a moment."""
        passed = 0

        def interrupt(_: Moment, __: object) -> None:
            nonlocal passed
            passed += 1
            if passed == point + 1:
                raise fault

        self.documents.interrupt = interrupt
        try:
            yield lambda: passed > point
        finally:
            self.documents.interrupt = None


@asynccontextmanager
async def open_bench(request: pytest.FixtureRequest, store: str, folder: Path) -> AsyncIterator[Bench]:
    clock = FrozenClock(START)
    async with opened(store, request, folder / "documents.db", now=clock.now) as real:
        documents = InterruptedDocuments(real)
        workshop = composed(documents, clock)
        workshop.catalogue.add("act", lambda _parameters, _context: pytest.fail("nothing runs here"))
        room = Room(documents, workshop.configuration)
        members = Members(documents, chains=Chains(), cursors=Cursors(b"k"), clock=clock, room=room)
        strangers = Strangers(clock, failures=None, requests=None)
        authentication = Authentication(members, workshop.tenants, NoTokens(), clock, strangers)
        agenda = Agenda(documents, clock)
        await workshop.tenants.ensure("acme")
        await members.ensure_member("acme", user="ada", roles=["admin"], issuer=ISSUER, subject="ada")
        await workshop.intents.create(workshop.ada, NewIntent(name="deploy", definition={"steps": [STEP]}))
        schedules = Schedules(
            documents=documents,
            agenda=agenda,
            chains=Chains(),
            intents=workshop.intents,
            validation=workshop.validation,
            cursors=Cursors(b"k" * 32),
            clock=clock,
            room=room,
        )

        def timer() -> FiringSchedules:
            return FiringSchedules(
                documents=documents,
                tenants=workshop.tenants,
                agenda=agenda,
                authentication=authentication,
                executions=workshop.executions,
                clock=clock,
            )

        yield Bench(workshop, documents, members, authentication, schedules, timer(), timer())
