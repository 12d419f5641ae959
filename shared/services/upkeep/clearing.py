"""Clearing the build registry: what executions have left there goes when retention has purged them.

Once a day every repository of every tenant is looked through, a bounded part at each tick of a timer. What is
taken away is found by the tags that it has there, so there are no notes that could be lost: whoever dies
leaves it to the next tick, and what was left before there was any clearing goes, too.

An execution counts as gone only if this platform knows that it has purged it: by the link of its audit chain,
which stays. What is not known here, because another platform uses the registry, or because the documents are
those of a backup, is left alone. And it is not gone as long as somebody may use what it has left: its retry,
which keeps outputs, and the parent that has got them.

What began before the first round is left alone, too, for until then nobody may have noted what was deployed
of it: unless an operator says that all of that was deployed again since.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import batched
from typing import Any, Final

from shared.domain.errors import DocumentExistsError, DocumentMissingError
from shared.domain.ids import ulid_time
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, TENANCY, Create, Documents, Operation, Replace
from shared.ports.leavings import CannotClearError, Leavings
from shared.security.scope import TenantScope
from shared.services.audit.chains import CHAIN
from shared.services.tenancy.directory import DIRECTORY
from shared.services.tenancy.tenants import Tenants
from shared.services.upkeep.retention import NEEDED_BY

EVERY: Final = timedelta(days=1)
"""How long after one round has begun the next does."""
TICK: Final = timedelta(minutes=3)
"""For how long one tick begins new work."""
CLEARING: Final = "clearing"
"""The directory's partition with the mark of how far the round has come."""
SLACK: Final = timedelta(days=1)
AT_ONCE: Final = 16

_log = logging.getLogger(__name__)


class Clearing:
    """``leavings`` is the build registry, if there is one; ``keep`` is as for retention.

    ``old``: what began before the first round goes, too.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        leavings: Leavings | None,
        tenants: Tenants,
        clock: Clock,
        keep: timedelta | None,
        old: bool = False,
    ) -> None:
        self._documents = documents
        self._leavings = leavings
        self._tenants = tenants
        self._clock = clock
        self._keep = keep
        self._old = old

    async def run(self) -> int:
        """One tick; how many tags were taken away.

        Raises:
            UnavailableError: the store or the registry cannot be reached; the next tick goes on.
        """
        if self._leavings is None or self._keep is None:
            return 0
        now, removed = self._clock.now(), 0
        mark = await self._mark()
        first = {"first": mark.get("first", rfc3339(now))}
        if mark.get("ended"):
            if now - parse_rfc3339(mark["began"]) < EVERY:
                return 0
            mark = first
        begun = first | {"began": mark.get("began", rfc3339(now))}
        try:
            for tenant_id in sorted([one async for one in self._tenants.ids()]):
                if tenant_id < mark.get("tenant", ""):
                    continue
                behind = mark["repository"] if tenant_id == mark.get("tenant") else ""
                removed += await self._clear(TenantScope(tenant_id), behind, begun, now)
                if self._is_over(now):
                    return removed
        except CannotClearError as error:
            _log.warning("what purged executions left in the build registry stays: %s", error.message)
        await self._set_mark(begun | {"ended": True})
        if removed:
            _log.info("took %d tags of purged executions out of the build registry", removed)
        return removed

    async def _clear(self, scope: TenantScope, behind: str, begun: Mapping[str, Any], since: datetime) -> int:
        """Clear the tenant's repositories from ``behind`` on, as far as the time goes."""
        assert self._leavings is not None
        removed, first = 0, parse_rfc3339(begun["first"])

        async def gone(executions: Collection[str]) -> Collection[str]:
            found = set[str]()
            asked = [one for one in sorted(executions) if self._old or ulid_time(one) >= first]
            for some in batched(asked, AT_ONCE, strict=False):
                known = await asyncio.gather(*(self._is_gone(scope, one) for one in some))
                found |= {one for one, is_gone in zip(some, known, strict=True) if is_gone}
            return found

        async for repository in self._leavings.repositories(scope):
            if repository < behind:
                continue
            await self._set_mark({**begun, "tenant": scope.tenant_id, "repository": repository})
            removed += await self._leavings.clear(
                scope, repository, gone=gone, go_on=lambda: not self._is_over(since)
            )
            if self._is_over(since):
                break
        return removed

    def _is_over(self, since: datetime) -> bool:
        return self._clock.now() - since > TICK

    async def _is_gone(self, scope: TenantScope, execution_id: str) -> bool:
        """Whether it was purged, and so was whoever may use what it has left."""
        assert self._keep is not None
        link = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=CHAIN)
        if link is None:
            return False
        needed_by = link.body.get(NEEDED_BY)
        if needed_by is None:  # purged by a release that did not keep this: so are its retries by then
            return self._clock.now() - ulid_time(execution_id) > 2 * self._keep + SLACK
        for one in needed_by:
            if not await self._is_gone(scope, one):
                return False
        return True

    async def _mark(self) -> Mapping[str, Any]:
        document = await self._documents.read(
            TenantScope(DIRECTORY), container=TENANCY, partition=CLEARING, id=CLEARING
        )
        return document.body if document else {}

    async def _set_mark(self, mark: Mapping[str, Any]) -> None:
        body = {"id": CLEARING, "kind": CLEARING, **mark}
        try:
            await self._write(Replace(body))
        except DocumentMissingError:
            with suppress(DocumentExistsError):  # another timer's is as good
                await self._write(Create(body))

    async def _write(self, operation: Operation) -> None:
        await self._documents.transact(
            TenantScope(DIRECTORY), container=TENANCY, partition=CLEARING, operations=[operation]
        )
