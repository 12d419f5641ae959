"""Berths: how many event streams of a tenant are open, over all instances.

Every instance has a document of the tenant's with how many it may have open, its *berths*; they are all in
one partition, beside a *gate*. Who wants more adds them to its own under the condition that nobody has
written the gate since it looked at all of them: the sum never passes the limit. It takes some at a time, so
that most streams are opened without asking the store, and less the fewer are left.

Each instance renews its documents and puts back what it does not use; those of an instance that has died
expire. One that cannot reach the store for as long keeps the streams it has, which others may have taken the
places of: then there are more for a while, and none is opened until there are fewer again.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Final

from shared import logs
from shared.domain.errors import DocumentMissingError, QuotaExceededError, UnavailableError
from shared.ports.clock import Ids
from shared.ports.documents import (
    COUNTERS,
    Create,
    Delete,
    Document,
    Documents,
    Operation,
    Patch,
    Query,
    Replace,
)
from shared.security.scope import TenantScope
from shared.services.quotas import Room
from shared.services.settling import Settling

PARTITION: Final = "streams"
GATE: Final = "gate"
BERTHS: Final = "berths"
RENEWED: Final = 10.0
"""Seconds after which an instance says again what it has open, and puts back what it does not use."""
LIFE: Final = 30
"""Seconds for which the word of an instance counts."""
GATE_LIFE: Final = 24 * 3600
SHARE: Final = 10
"""An instance takes at most this part of the limit at a time,"""
NEAR: Final = 4
"""and at most this part of what is left."""
INSTANCES: Final = 1000
"""Most instances that are looked at."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Fleet:
    """What this instance has of one tenant's: ``held`` berths, in ``open`` of which there is a stream."""

    scope: TenantScope
    held: int = 0
    open: int = 0


@dataclass(slots=True)
class Berth:
    """The place of one open stream."""

    fleet: Fleet
    left: bool = False

    def leave(self) -> None:
        """Give it back; to do so again does nothing."""
        if not self.left:
            self.left = True
            self.fleet.open -= 1


class Berths:
    def __init__(self, documents: Documents, *, room: Room, ids: Ids) -> None:
        self._documents = documents
        self._room = room
        self._own = f"{BERTHS}:{ids.new()}"
        self._settling = Settling()
        self._fleets: dict[str, Fleet] = {}
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, scope: TenantScope) -> Berth:
        """A place for one more stream, until it is left.

        Raises:
            QuotaExceededError: as many are open as may be.
        """
        fleet = self._fleets.get(scope.tenant_id)
        if fleet is None or fleet.open >= fleet.held:
            fleet = await self._settling.settled(scope, partial(self._grown, scope))
        # Nothing is awaited since it was looked at: no other stream has had the place.
        fleet.open += 1
        if self._renewing is None or self._renewing.done():
            # It is for all tenants: nothing that it logs is of the request that happens to begin it.
            self._renewing = asyncio.create_task(self._renew_ever(), context=Context())
        return Berth(fleet)

    async def used(self, scope: TenantScope) -> int:
        """How many are open, as each instance said it within the last ``RENEWED`` seconds."""
        return sum(one.body["open"] for one in await self._all(scope))

    async def renew(self) -> None:
        """Say what is open, and put back what is not used; what fails is said the next time."""
        for fleet in list(self._fleets.values()):
            with logs.about(tenant_id=fleet.scope.tenant_id):
                try:
                    await self._settling.settled(fleet.scope, partial(self._say, fleet))
                except UnavailableError:
                    _log.warning("the open streams of %s could not be counted", fleet.scope.tenant_id)

    async def _renew_ever(self) -> None:
        while self._fleets:
            await asyncio.sleep(RENEWED)
            await self.renew()

    async def _grown(self, scope: TenantScope) -> Fleet:
        """The tenant's, with a berth that is free."""
        fleet = self._fleets.get(scope.tenant_id) or Fleet(scope)
        if fleet.open < fleet.held:
            return fleet  # another that waited has got some
        limit = await self._room.limit(scope, "event_streams")
        gate, others = await self._seen(scope)
        there = others + fleet.open
        if there >= limit:
            raise QuotaExceededError(
                f"{there} event streams of this tenant are open, and there may be {limit}: close one, or "
                "follow one execution after the other",
                violated=["event_streams"],
                retry_after=int(RENEWED),
            )
        more = max(1, min(limit // SHARE, (limit - there) // NEAR))
        await self._put(fleet, gate, held=fleet.open + more, open=fleet.open + 1)
        self._fleets[scope.tenant_id] = fleet
        return fleet

    async def _say(self, fleet: Fleet) -> None:
        """Write down what is open here."""
        # First here, so that no stream is opened without asking while it is written.
        now = fleet.held = fleet.open
        if not now:
            with suppress(DocumentMissingError):
                await self._write(fleet.scope, Delete(self._own))
            del self._fleets[fleet.scope.tenant_id]
            return
        try:
            await self._write(fleet.scope, Patch(self._own, set={("held",): now, ("open",): now}))
        except DocumentMissingError:  # it took so long that it expired: these are open all the same
            gate, _ = await self._seen(fleet.scope)
            await self._put(fleet, gate, held=now, open=now)

    async def _seen(self, scope: TenantScope) -> tuple[Document | None, int]:
        """The gate, and how many berths the other instances have behind it."""
        gate = await self._documents.read(scope, container=COUNTERS, partition=PARTITION, id=GATE)
        others = [one for one in await self._all(scope) if one.body["id"] != self._own]
        return gate, sum(one.body["held"] for one in others)

    async def _put(self, fleet: Fleet, gate: Document | None, *, held: int, open: int) -> None:
        """Have so many berths, if nobody has passed the gate meanwhile."""
        passed: Operation = Create({"id": GATE, "kind": GATE, "passed": 1}, ttl=GATE_LIFE)
        if gate is not None:
            body = {**gate.body, "passed": gate.body["passed"] + 1}
            passed = Replace(body, if_match=gate.etag, ttl=GATE_LIFE)
        said = {"id": self._own, "kind": BERTHS, "held": held, "open": open}
        try:
            await self._write(fleet.scope, passed, Replace(said, ttl=LIFE))
        except DocumentMissingError as error:
            if error.index != 1:
                raise  # the gate has just expired
            await self._write(fleet.scope, passed, Create(said, ttl=LIFE))
        fleet.held = held

    async def _all(self, scope: TenantScope) -> Sequence[Document]:
        query = Query(COUNTERS, BERTHS, partition=PARTITION, limit=INSTANCES)
        return (await self._documents.query(scope, query)).items

    async def _write(self, scope: TenantScope, *operations: Operation) -> None:
        await self._documents.transact(scope, container=COUNTERS, partition=PARTITION, operations=operations)
