"""Retention: what finished executions leave behind is forgotten, a bounded part at each tick of a timer.

An execution's documents go when they have been kept for long enough after its end. Its audit records stay for
as long as they are kept by themselves, and the link of their chain moves from the head to a document of its
own, so that the chain verifies as before. The history of an orchestration goes soon after its end, for the
documents say all that is of use.

The head goes first, so that nobody sees half an execution. Whoever dies in between has left a note of what
was begun in the platform's directory, and the next tick goes on with that. Doing it twice is harmless.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from shared.domain.errors import DocumentError, DocumentExistsError, DocumentMissingError
from shared.domain.executions import TERMINAL_STATUSES
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import (
    EXECUTIONS,
    TENANCY,
    Create,
    Delete,
    Document,
    Documents,
    Operation,
    Query,
    Where,
)
from shared.ports.orchestrations import Orchestrations
from shared.security.scope import TenantScope
from shared.services.audit.chains import CHAIN, GRACE, RECEIPT, RECORD
from shared.services.steps.attempts import HEAD
from shared.services.tenancy.directory import DIRECTORY
from shared.services.tenancy.tenants import Tenants

HISTORY_KEPT: Final = timedelta(hours=1)
"""How old an orchestration is at least when its history goes."""
TICK: Final = timedelta(minutes=4)
"""For how long one tick begins to purge executions; the rest waits for the next."""
HISTORY_ROUNDS: Final = 20
"""How often at each tick the durable backend is asked to forget as much as it can in its time."""
BATCH: Final = 50
"""Executions that are noted, and then purged, together."""
AT_ONCE: Final = 8
DOCUMENTS_READ: Final = 25
"""How many documents of an execution are read, and deleted, at a time: each may have half a megabyte."""
PURGES: Final = "purges"
"""The directory's partition with the notes of what was begun."""

NEEDED_BY: Final = "needed_by"
"""In the link that stays of an execution's chain: the executions that may use what it has left elsewhere."""
KNOWN: Final = timedelta(days=7)
"""For how long it is known at least that there was such an execution."""

_KEPT: Final = frozenset({RECORD, RECEIPT, CHAIN})
"""The kinds of documents that outlive their execution; receipts expire by themselves."""

_log = logging.getLogger(__name__)


class Retention:
    """``keep`` is for how long executions are kept after their end; None: for ever."""

    def __init__(
        self,
        *,
        documents: Documents,
        orchestrations: Orchestrations,
        tenants: Tenants,
        clock: Clock,
        keep: timedelta | None,
    ) -> None:
        self._documents = documents
        self._orchestrations = orchestrations
        self._tenants = tenants
        self._clock = clock
        self._keep = keep

    async def run(self) -> int:
        """One tick; how many executions were purged.

        Raises:
            UnavailableError: the store or the durable backend cannot be reached; the next tick goes on.
        """
        now = self._clock.now()
        purged = 0
        async for note in self._begun(now):
            purged += await self._purge_noted(note)
            if self._clock.now() - now > TICK:
                break
        for _ in range(HISTORY_ROUNDS):
            if await self._orchestrations.purge_ended(created_before=now - HISTORY_KEPT):
                break
        return purged

    async def _begun(self, now: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """Notes of what is to be purged: those that there are, then new ones of what is due."""
        async for note in self._notes():
            yield note
        if self._keep is None:
            return
        async for tenant_id in self._tenants.ids():
            async for due in self._due(TenantScope(tenant_id), now - self._keep):
                yield await self._note(tenant_id, due)

    async def _notes(self) -> AsyncIterator[Mapping[str, Any]]:
        """What was begun and is not known to be done."""
        after: str | None = None
        while True:
            query = Query(TENANCY, "purge", partition=PURGES, limit=BATCH, after=after)
            page = await self._documents.query(TenantScope(DIRECTORY), query)
            for document in page.items:
                yield document.body
            if (after := page.after) is None:
                return

    async def _due(self, scope: TenantScope, before: datetime) -> AsyncIterator[Sequence[str]]:
        """Executions that ended before, some at a time, those that were created first first."""
        after: str | None = None
        while True:
            query = Query(
                EXECUTIONS,
                "execution",
                where=[
                    Where(("status",), "in", sorted(TERMINAL_STATUSES)),
                    Where(("created_at",), "<", rfc3339(before)),
                ],
                order=[(("created_at",), "asc")],
                limit=BATCH,
                after=after,
            )
            page = await self._documents.query(scope, query)
            ended = [one.body for one in page.items if one.body["finished_at"] < rfc3339(before)]
            if ended:
                yield [body["execution_id"] for body in ended]
            if (after := page.after) is None:
                return

    async def _note(self, tenant_id: str, executions: Sequence[str]) -> Mapping[str, Any]:
        body = {
            "id": f"{tenant_id}:{executions[0]}",
            "kind": "purge",
            "tenant": tenant_id,
            "executions": executions,
        }
        with suppress(DocumentExistsError):  # of the same page: begun by another timer, or before
            await self._write_note(Create(body))
        return body

    async def _write_note(self, operation: Operation) -> None:
        await self._documents.transact(
            TenantScope(DIRECTORY), container=TENANCY, partition=PURGES, operations=[operation]
        )

    async def _purge_noted(self, note: Mapping[str, Any]) -> int:
        """Purge what the note names, and take it away when all of that is done; how many."""
        scope, places = TenantScope(note["tenant"]), asyncio.Semaphore(AT_ONCE)

        async def one(execution_id: str) -> bool:
            async with places:
                return await self._purge(scope, execution_id)

        work = (one(execution_id) for execution_id in note["executions"])
        outcomes = await asyncio.gather(*work, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        done = [outcome is True for outcome in outcomes]
        if all(done):
            with suppress(DocumentMissingError):  # another timer was faster
                await self._write_note(Delete(note["id"]))
        _log.info("purged %d executions of %s", sum(done), scope.tenant_id)
        return sum(done)

    async def _purge(self, scope: TenantScope, execution_id: str) -> bool:
        """Delete what an execution that has ended consists of; False if another timer is in the way."""
        head = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        if head is not None and head.body["status"] not in TERMINAL_STATUSES:
            return True  # never what runs, whoever noted it
        if head is not None and head.body.get("retrying"):
            return False  # what is kept of it is being copied
        await self._orchestrations.purge(instance_id=execution_id)
        try:
            if head is not None:
                await self._delete_head(scope, execution_id, head)
            await self._delete_rest(scope, execution_id)
        except DocumentError:
            return False
        return True

    async def _delete_head(self, scope: TenantScope, execution_id: str, head: Document) -> None:
        link = head.body["audit"]
        needed_by = _needed_by(head.body)
        left = {"id": CHAIN, "kind": CHAIN, "audit": link, NEEDED_BY: needed_by}
        ttl: int | None = None
        if link["kept"] is None and link["expires_at"] is not None:
            # Longer than its records: what they are held against must not be missed before them.
            until = parse_rfc3339(link["expires_at"]) + 2 * GRACE
            # Whoever needs it is purged some time later; until then it is to be known.
            least = math.ceil((KNOWN + (2 * (self._keep or KNOWN) if needed_by else KNOWN)).total_seconds())
            ttl = max(least, math.ceil((until - self._clock.now()).total_seconds()))
        operations: list[Operation] = [Delete(HEAD, if_match=head.etag), Create(left, ttl=ttl)]
        await self._documents.transact(
            scope, container=EXECUTIONS, partition=execution_id, operations=operations
        )

    async def _delete_rest(self, scope: TenantScope, execution_id: str) -> None:
        position: str | None = None
        while True:
            changes = await self._documents.changes(
                scope, container=EXECUTIONS, partition=execution_id, after=position, limit=DOCUMENTS_READ
            )
            if not changes:
                return
            position = changes[-1].position
            bodies = [change.document.body for change in changes]
            deletes = [Delete(body["id"]) for body in bodies if body["kind"] not in _KEPT]
            if deletes:
                await self._documents.transact(
                    scope, container=EXECUTIONS, partition=execution_id, operations=deletes
                )


def _needed_by(head: Mapping[str, Any]) -> list[str]:
    """Who has kept outputs of it, and who has got them: the retry of an execution, and whose child it was."""
    parent = head.get("parent")
    return [one for one in (head.get("retried_by"), parent and parent.get("execution_id")) if one]
