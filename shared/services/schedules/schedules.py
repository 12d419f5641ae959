"""The use cases of schedules: which intent is executed when, by itself."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from shared.domain.errors import (
    FieldError,
    NotExecutableError,
    NotFoundError,
    StaleError,
    ValidationFailedError,
)
from shared.domain.lifecycle import require_executable
from shared.domain.paging import Cursors
from shared.domain.parameters import validate_parameters
from shared.domain.schedules import (
    SHOWN,
    Firings,
    NewSchedule,
    Schedule,
    begun,
    schedule_errors,
    time_errors,
    timetable,
)
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Create, Delete, Document, Documents, Replace
from shared.security.scope import TenantScope
from shared.services.audit.chains import Chains
from shared.services.callers import Caller
from shared.services.receipts import Record
from shared.services.registry.intents import Intents
from shared.services.registry.validation import Validation
from shared.services.schedules.agenda import Agenda
from shared.services.shelves import Change, Shelf, first, nothing
from shared.services.tenancy.quotas import Room

PARTITION: Final = "schedules"
"""A tenant's schedules and the chain of their audit records."""

type IfMatch = frozenset[str] | None


class Schedules:
    def __init__(
        self,
        *,
        documents: Documents,
        agenda: Agenda,
        chains: Chains,
        intents: Intents,
        validation: Validation,
        cursors: Cursors,
        clock: Clock,
        room: Room,
    ) -> None:
        self._agenda = agenda
        self._intents = intents
        self._validation = validation
        self._clock = clock
        self._shelf = Shelf(documents, chains, cursors, room, PARTITION, "schedule", _audited)

    async def put(
        self, caller: Caller, name: str, wanted: NewSchedule, *, if_match: IfMatch = None
    ) -> Schedule:
        """Make the schedule, or change it: from now on it executes in the caller's name.

        A paused one is not asked whether its intent can be executed; one that goes on is.

        Raises:
            ValidationFailedError: it breaks rules; all of them are listed.
            StaleError: it is none of ``if_match``.
            QuotaExceededError: the tenant has as many schedules as it may have.
        """
        errors = schedule_errors(name, wanted)
        if not wanted.paused:
            errors += await self._intent_errors(caller, wanted)
        if errors:
            raise ValidationFailedError(errors=errors)

        async def done(_: Record) -> Schedule:
            return await self.get(caller, name)

        work = self._put(caller, name, wanted, if_match)
        return await self._shelf.once(caller, work, done=done)

    def preview(self, wanted: NewSchedule) -> Sequence[str]:
        """The next times of such a schedule, whatever its intent and parameters are.

        Raises:
            ValidationFailedError: it breaks rules; all of them are listed.
        """
        errors = time_errors(wanted)
        if errors:
            raise ValidationFailedError(errors=errors)
        return timetable(wanted).after(self._clock.now(), SHOWN)

    async def _intent_errors(self, caller: Caller, wanted: NewSchedule) -> list[FieldError]:
        try:
            intent = await self._intents.get(caller, wanted.intent)
            require_executable(intent)
            await self._validation.require_executable_by(caller.scope, intent.definition)
        except NotFoundError:
            message = f"there is no intent {wanted.intent!r}; name one, or a version of one as 'deploy-v2'"
            return [FieldError("/intent", "UNKNOWN", message)]
        except NotExecutableError as error:
            return [FieldError("/intent", error.code, error.message)]
        return validate_parameters(intent.definition.get("parameters"), wanted.parameters)[1]

    async def _put(self, caller: Caller, name: str, wanted: NewSchedule, if_match: IfMatch) -> Schedule:
        if not wanted.paused:
            await self._agenda.note(caller.scope, name)
        return await first(partial(self._change, caller, name, wanted, if_match))

    async def _change(
        self, caller: Caller, name: str, wanted: NewSchedule, if_match: IfMatch
    ) -> Schedule | None:
        before = await self._shelf.find(caller.scope, name)
        old = schedule_of(before) if before else None
        if if_match is not None and not _matches(old, if_match):
            raise StaleError
        body = self._body(caller, name, wanted, old)
        change = Change(caller.scope, "schedule.put", caller.origin, self._clock.now(), before, body)
        operation = Replace(body, if_match=before.etag) if before else Create(body)
        stored = await self._shelf.store(change, operation)
        return await self._shown(caller, schedule_of(stored)) if stored is not None else None

    def _body(self, caller: Caller, name: str, wanted: NewSchedule, old: Schedule | None) -> dict[str, Any]:
        now = self._clock.now()
        principal = caller.principal
        return {
            "id": name,
            "kind": "schedule",
            "name": name,
            "wanted": wanted.to_json(),
            "firings": begun(wanted, old, now).to_json(),
            "owner": principal.identity,
            "created_at": old.created_at if old else rfc3339(now),
            "created_by": old.created_by if old else principal.name,
            "updated_at": rfc3339(now),
            "updated_by": principal.name,
        }

    async def get(self, caller: Caller, name: str) -> Schedule:
        """The schedule of that name.

        Raises:
            NotFoundError: the tenant has none.
        """
        return await self._shown(caller, schedule_of(await self._shelf.existing(caller.scope, name)))

    async def list(
        self, caller: Caller, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Schedule], str | None]:
        """A page of the tenant's schedules by name, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list.
        """
        found, following = await self._shelf.page(caller, limit=limit, cursor=cursor)
        return await asyncio.gather(*(self._shown(caller, schedule_of(one)) for one in found)), following

    async def delete(self, caller: Caller, name: str) -> None:
        """Remove the schedule; what it has started goes on.

        Raises:
            NotFoundError: the tenant has none of that name.
        """
        await self._shelf.once(caller, first(partial(self._delete, caller, name)), done=nothing)

    async def _delete(self, caller: Caller, name: str) -> Document | None:
        before = await self._shelf.existing(caller.scope, name)
        change = Change(caller.scope, "schedule.delete", caller.origin, self._clock.now(), before, None)
        return await self._shelf.store(change, Delete(name, if_match=before.etag))

    async def _shown(self, caller: Caller, schedule: Schedule) -> Schedule:
        """The schedule with its times to come, and what is in its way."""
        if schedule.wanted.paused:
            return schedule
        upcoming = timetable(schedule.wanted).after(self._clock.now(), SHOWN)
        return replace(schedule, upcoming=upcoming, obstacle=await self._obstacle(caller, schedule.wanted))

    async def _obstacle(self, caller: Caller, wanted: NewSchedule) -> str | None:
        try:
            require_executable(await self._intents.get(caller, wanted.intent))
        except (NotFoundError, NotExecutableError) as error:
            return error.message
        return None


async def find_schedule(documents: Documents, scope: TenantScope, name: str) -> Document | None:
    """The stored schedule of that name."""
    document = await documents.read(scope, container=TENANCY, partition=PARTITION, id=name)
    return document if document and document.body["kind"] == "schedule" else None


def schedule_of(document: Document) -> Schedule:
    body = document.body
    return Schedule(
        name=body["name"],
        wanted=NewSchedule(**body["wanted"]),
        firings=Firings.from_json(body["firings"]),
        created_at=body["created_at"],
        created_by=body["created_by"],
        updated_at=body["updated_at"],
        updated_by=body["updated_by"],
    )


def _matches(old: Schedule | None, if_match: frozenset[str]) -> bool:
    return old is not None and ("*" in if_match or old.etag in if_match)


def _audited(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": body["name"], **body["wanted"]}
