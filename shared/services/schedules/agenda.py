"""The agenda: which schedule of which tenant is to be looked at when.

Tenants' schedules are in their own partitions, so no query finds all that are due. The platform's directory
therefore has an entry for each, with the time of the next look, which is never later than the schedule's next
time. There is no transaction over the two, so

- a schedule is written behind an entry that is due at once (``note``);
- an entry is put off (``settle``) by who has looked at its schedule, if nobody has noted it meanwhile, and
  not while it is young: who noted it may be about to write the schedule.

An entry that is due too early costs a look, and one whose schedule is gone is taken out.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.domain.errors import DocumentError, DocumentExistsError, DocumentMissingError, UnavailableError
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Create, Delete, Documents, Operation, Patch, Query, Where
from shared.security.scope import TenantScope
from shared.services.tenancy.directory import DIRECTORY

PARTITION: Final = "agenda"
YOUNG: Final = timedelta(minutes=1)
"""Longer than a request takes (``functions/gateway/edge.py``)."""
PAGE: Final = 100
PAGES: Final = 50
"""Most pages of entries at a time; the rest is due again at once."""
ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """A schedule to look at."""

    scope: TenantScope
    schedule: str
    noted_at: str
    etag: str

    @property
    def id(self) -> str:
        return f"{self.scope.tenant_id}:{self.schedule}"


class Agenda:
    def __init__(self, documents: Documents, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock

    async def note(self, scope: TenantScope, schedule: str) -> None:
        """Have the schedule looked at; to be called before it is written."""
        now = rfc3339(self._clock.now())
        entry = f"{scope.tenant_id}:{schedule}"
        body = {"id": entry, "kind": "due", "tenant": scope.tenant_id, "schedule": schedule}
        for _ in range(ATTEMPTS):
            try:
                return await self._write(Create(body | {"due": now, "noted_at": now}))
            except DocumentExistsError:
                with suppress(DocumentMissingError):  # taken out this moment
                    return await self._write(Patch(entry, set={("due",): now, ("noted_at",): now}))
        raise UnavailableError

    async def due(self, now: datetime) -> AsyncIterator[Sequence[Entry]]:
        """The entries that are due by ``now``, page by page, those that wait longest first."""
        after: str | None = None
        for _ in range(PAGES):
            query = Query(
                TENANCY,
                "due",
                partition=PARTITION,
                where=[Where(("due",), "<=", rfc3339(now))],
                order=[(("due",), "asc")],
                limit=PAGE,
                after=after,
            )
            page = await self._documents.query(TenantScope(DIRECTORY), query)
            yield [
                Entry(TenantScope(one.body["tenant"]), one.body["schedule"], one.body["noted_at"], one.etag)
                for one in page.items
            ]
            if (after := page.after) is None:
                return

    async def settle(self, entry: Entry, look_at: datetime | None) -> None:
        """Look at its schedule again at ``look_at``, or (None) when it is noted again."""
        if self._clock.now() - parse_rfc3339(entry.noted_at) < YOUNG:
            return
        with suppress(DocumentError):  # noted, or looked at by another
            if look_at is None:
                await self._write(Delete(entry.id, if_match=entry.etag))
            else:
                await self._write(Patch(entry.id, set={("due",): rfc3339(look_at)}, if_match=entry.etag))

    async def _write(self, operation: Operation) -> None:
        await self._documents.transact(
            TenantScope(DIRECTORY), container=TENANCY, partition=PARTITION, operations=[operation]
        )
