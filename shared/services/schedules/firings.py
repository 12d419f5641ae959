"""Firing schedules: whose time has come is executed, in the name of who wrote the schedule last.

Nothing here rests on being the only one: a schedule advances by conditional writes, and the id of an
execution follows from schedule and time, so that each time is executed once however many look, and
wherever one of them dies.
"""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from shared.domain.errors import (
    DocumentError,
    DocumentExistsError,
    QuantumError,
    UnavailableError,
)
from shared.domain.executions import TERMINAL_STATUSES
from shared.domain.schedules import Firing, Firings, Schedule, arrived
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, TENANCY, Document, Documents, Replace
from shared.security.scope import TenantScope
from shared.services.executions.executions import Executions
from shared.services.schedules.agenda import Agenda, Entry
from shared.services.schedules.schedules import PARTITION, find_schedule, schedule_of
from shared.services.steps.attempts import HEAD
from shared.services.tenancy.authentication import Authentication
from shared.services.tenancy.tenants import Tenants

AGAIN: Final = timedelta(seconds=10)
"""Until a schedule is looked at again that waits for an execution to end, whose tenant is suspended, or that
could not be served."""
TOGETHER: Final = 16
"""How many schedules are looked at side by side."""
MESSAGE: Final = 1000
"""Most characters of an error that are kept."""

_log = logging.getLogger(__name__)


class FiringSchedules:
    def __init__(
        self,
        *,
        documents: Documents,
        tenants: Tenants,
        agenda: Agenda,
        authentication: Authentication,
        executions: Executions,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._tenants = tenants
        self._agenda = agenda
        self._authentication = authentication
        self._executions = executions
        self._clock = clock

    async def run(self) -> None:
        """Look at every schedule that is due; one that fails keeps no other from its turn."""
        room = asyncio.Semaphore(TOGETHER)

        async def serve(entry: Entry) -> None:
            async with room:
                await self._serve(entry)

        async for page in self._agenda.due(self._clock.now()):
            await asyncio.gather(*map(serve, page))

    async def _serve(self, entry: Entry) -> None:
        try:
            look_at = await self._look(entry.scope, entry.schedule)
        except DocumentError:
            look_at = self._clock.now() + AGAIN  # it was changed, or fired by another
        except Exception as error:  # noqa: BLE001 - whatever it is, the others have their turn
            known = isinstance(error, UnavailableError)
            _log.warning(
                "schedule %s of %s could not be looked at", entry.schedule, entry.scope.tenant_id,
                exc_info=None if known else error,
            )  # fmt: skip
            look_at = self._clock.now() + AGAIN
        try:
            await self._agenda.settle(entry, look_at)
        except UnavailableError:
            _log.warning("the agenda cannot be written; %s is looked at again", entry.id)

    async def _look(self, scope: TenantScope, name: str) -> datetime | None:
        """Fire what is due of a schedule; when to look again."""
        if not (await self._tenants.standing(scope)).served:
            return self._clock.now() + AGAIN  # what comes meanwhile is missed, and may be made up
        document = await find_schedule(self._documents, scope, name)
        if document is None:
            return None
        schedule = schedule_of(document)
        now = self._clock.now()
        waits = schedule.wanted.overlap != "allow"
        busy = waits and _due(schedule.firings, now) and await self._goes_on(scope, schedule.firings)
        firings = arrived(schedule.wanted, schedule.firings, now, busy=busy)
        if firings != schedule.firings:
            document = await self._advance(scope, document, firings)
        while firings.queue and not busy:
            scheduled_at = firings.queue[0]
            firings = await self._fire(scope, document, schedule, firings)
            document = await self._advance(scope, document, firings)
            started = firings.last_execution
            busy = waits and started is not None and started["scheduled_at"] == scheduled_at
        if firings.queue:
            return self._clock.now() + AGAIN
        return parse_rfc3339(firings.next_at) if firings.next_at else None

    async def _goes_on(self, scope: TenantScope, firings: Firings) -> bool:
        if firings.last_execution is None:
            return False
        execution = firings.last_execution["execution_id"]
        head = await self._documents.read(scope, container=EXECUTIONS, partition=execution, id=HEAD)
        return head is not None and head.body["status"] not in TERMINAL_STATUSES

    async def _fire(
        self, scope: TenantScope, document: Document, schedule: Schedule, firings: Firings
    ) -> Firings:
        """Execute the first in the queue; what there is to store of that.

        Raises:
            UnavailableError: whether it was executed is not known; it stays in the queue.
        """
        firing = Firing(schedule.name, firings.queue[0])
        rest = replace(firings, queue=firings.queue[1:])
        time = rfc3339(self._clock.now())
        try:
            caller = await self._authentication.acting(scope, firing, **document.body["owner"])
            await self._executions.execute(caller, schedule.wanted.intent, schedule.wanted.parameters)
        except UnavailableError:
            raise
        except DocumentExistsError:
            pass  # stored by another, or by one that died before it could say so; recovery starts it
        except QuantumError as error:
            _log.warning("schedule %s of %s failed: %s", schedule.name, scope.tenant_id, error.code)
            told = {"time": time, "code": error.code, "message": _told(error)}
            return replace(rest, last_error={"scheduled_at": firing.scheduled_at, **told})
        made = {"execution_id": firing.execution_id(scope.tenant_id), "started_at": time}
        last = {"scheduled_at": firing.scheduled_at, **made}
        return replace(rest, last_execution=last, last_error=None)

    async def _advance(self, scope: TenantScope, document: Document, firings: Firings) -> Document:
        body: dict[str, Any] = {**document.body, "firings": firings.to_json()}
        (stored,) = await self._documents.transact(
            scope, container=TENANCY, partition=PARTITION, operations=[Replace(body, if_match=document.etag)]
        )
        assert stored is not None  # a replace gives back what it stored
        return stored


def _due(firings: Firings, now: datetime) -> bool:
    return bool(firings.queue) or (firings.next_at is not None and parse_rfc3339(firings.next_at) <= now)


def _told(error: QuantumError) -> str:
    places = "; ".join(f"{one.pointer}: {one.message}" for one in error.errors)
    return f"{error.message}: {places}"[:MESSAGE] if places else error.message[:MESSAGE]
