"""The use cases of schedules: which intent is executed when, by itself."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from shared.domain.errors import (
    DocumentError,
    FieldError,
    NotExecutableError,
    NotFoundError,
    StaleError,
    UnavailableError,
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
from shared.ports.documents import TENANCY, Create, Delete, Document, Documents, Operation, Query, Replace
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.receipts import Record, once
from shared.services.registry.intents import Intents
from shared.services.registry.validation import Validation
from shared.services.schedules.agenda import Agenda
from shared.services.tenancy.quotas import Room

PARTITION: Final = "schedules"
"""A tenant's schedules and the chain of their audit records."""
ATTEMPTS: Final = 5
"""Of a change that firings or others' changes get in the way of."""

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
        self._documents = documents
        self._agenda = agenda
        self._chains = chains
        self._intents = intents
        self._validation = validation
        self._cursors = cursors
        self._clock = clock
        self._room = room

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
        return await once(self._documents, _chain(caller.scope), caller.turn, work, done=done)

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
        for _ in range(ATTEMPTS):
            before = await find_schedule(self._documents, caller.scope, name)
            old = schedule_of(before) if before else None
            if if_match is not None and not _matches(old, if_match):
                raise StaleError
            body = self._body(caller, name, wanted, old)
            operation = Replace(body, if_match=before.etag) if before else Create(body)
            if await self._commit(caller, "schedule.put", before, body, operation):
                return await self._shown(caller, schedule_of(Document(body, "")))
        raise UnavailableError

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
        return await self._shown(caller, schedule_of(await self._existing(caller.scope, name)))

    async def list(
        self, caller: Caller, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Schedule], str | None]:
        """A page of the tenant's schedules by name, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list.
        """
        of = [caller.scope.tenant_id, "schedules"]
        query = Query(
            TENANCY,
            "schedule",
            partition=PARTITION,
            order=[(("name",), "asc")],
            limit=limit,
            after=self._cursors.open(cursor, of=of) if cursor else None,
        )
        page = await self._documents.query(caller.scope, query)
        following = self._cursors.seal(page.after, of=of) if page.after else None
        return await asyncio.gather(
            *(self._shown(caller, schedule_of(document)) for document in page.items)
        ), following

    async def delete(self, caller: Caller, name: str) -> None:
        """Remove the schedule; what it has started goes on.

        Raises:
            NotFoundError: the tenant has none of that name.
        """

        async def done(_: Record) -> None:
            return None

        work = self._delete(caller, name)
        await once(self._documents, _chain(caller.scope), caller.turn, work, done=done)

    async def _delete(self, caller: Caller, name: str) -> None:
        for _ in range(ATTEMPTS):
            before = await self._existing(caller.scope, name)
            delete = Delete(name, if_match=before.etag)
            if await self._commit(caller, "schedule.delete", before, None, delete):
                return
        raise UnavailableError

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

    async def _commit(
        self,
        caller: Caller,
        action: str,
        before: Document | None,
        after: Mapping[str, Any] | None,
        operation: Operation,
    ) -> bool:
        """Store a change with its audit record; False if something else was stored first."""
        act = Act(action, caller.origin, _audited(before.body if before else None), _audited(after))
        record = await self._chains.linked(self._documents, _chain(caller.scope), act, now=self._clock.now())
        if before is None:
            await self._room.require(caller.scope, "schedules")
        try:
            await self._documents.transact(
                caller.scope, container=TENANCY, partition=PARTITION, operations=[operation, *record]
            )
        except DocumentError:
            return False
        return True

    async def _existing(self, scope: TenantScope, name: str) -> Document:
        document = await find_schedule(self._documents, scope, name)
        if document is None:
            raise NotFoundError(f"There is no schedule {name!r}")
        return document


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


def _chain(scope: TenantScope) -> Chain:
    return Chain(scope, TENANCY, PARTITION)


def _matches(old: Schedule | None, if_match: frozenset[str]) -> bool:
    return old is not None and ("*" in if_match or old.etag in if_match)


def _audited(body: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if body is None else {"name": body["name"], **body["wanted"]}
