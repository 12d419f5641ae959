"""Berths: how many event streams of a tenant are open, over all instances.

Every instance has a document of the tenant's with how many it may have open, its *berths*; they are all in
one partition, beside a *gate*. Who wants more adds them to its own under the condition that nobody has
written the gate since it looked at all of them: the sum never passes the limit. It takes some at a time, so
that most streams are opened without asking the store, and less the fewer are left.

The streams renew their instance's document, which then has what is open and no more; that of an instance
that has died or has no stream any more expires. One that cannot reach the store for as long keeps the streams
it has, which others may have taken the places of: then there are more for a while, and none is opened until
there are fewer again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from shared.domain.errors import DocumentMissingError, QuotaExceededError, UnavailableError
from shared.ports.clock import Clock, Ids
from shared.ports.documents import (
    COUNTERS,
    Create,
    Document,
    Documents,
    Operation,
    Patch,
    Query,
    Replace,
)
from shared.security.scope import TenantScope
from shared.services.settling import Settling
from shared.services.tenancy.quotas import Room

PARTITION: Final = "streams"
GATE: Final = "gate"
BERTHS: Final = "berths"
RENEWED: Final = 10.0
"""Seconds after which an instance says again what it has open, and puts back what it does not use."""
LIFE: Final = 30
"""Seconds for which its word counts with others;"""
TRUSTED: Final = 20.0
"""and for which it relies on that itself."""
GATE_LIFE: Final = 24 * 3600
SHARE: Final = 10
"""An instance takes at most this part of the limit at a time,"""
NEAR: Final = 4
"""and at most this part of what is left."""
FLEETS_KEPT: Final = 4096
"""Tenants of which it is remembered what this instance has, though no stream is open any more."""
INSTANCES: Final = 1000
"""Most instances that are looked at."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Fleet:
    """What this instance has of one tenant's: ``held`` berths, in ``open`` of which there is a stream."""

    scope: TenantScope
    held: int = 0
    open: int = 0
    said_at: float = 0.0
    """When that was stored (Unix time)."""
    tried_at: float = 0.0

    def free(self, now: float) -> bool:
        """Whether a stream may be opened without asking."""
        return self.open < self.held and 0 <= now - self.said_at < TRUSTED


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
    def __init__(self, documents: Documents, *, room: Room, clock: Clock, ids: Ids) -> None:
        self._documents = documents
        self._room = room
        self._clock = clock
        self._own = f"{BERTHS}:{ids.new()}"
        self._settling = Settling()
        self._fleets: dict[str, Fleet] = {}

    async def take(self, scope: TenantScope) -> Berth:
        """A place for one more stream, until it is left.

        Raises:
            QuotaExceededError: as many are open as may be.
        """
        fleet = self._fleets.get(scope.tenant_id)
        if fleet is None or not fleet.free(self._now()):
            fleet = await self._settling.settled(scope, partial(self._grown, scope))
        # Nothing is awaited since it was looked at: no other stream has had the place.
        fleet.open += 1
        return Berth(fleet)

    async def used(self, scope: TenantScope) -> int:
        """How many are open; in other instances, as far as they have said."""
        fleet = self._fleets.get(scope.tenant_id)
        others = [one for one in await self._all(scope) if one.body["id"] != self._own]
        elsewhere: int = sum(one.body["open"] for one in others)
        return elsewhere + (fleet.open if fleet else 0)

    async def renew(self, scope: TenantScope) -> None:
        """Say what is open of the tenant's, if that is due; what fails is said a while later."""
        fleet, now = self._fleets.get(scope.tenant_id), self._now()
        if fleet is None or now - max(fleet.said_at, fleet.tried_at) < RENEWED:
            return
        fleet.tried_at = now
        try:
            await self._settling.settled(scope, partial(self._say, fleet))
        except UnavailableError:
            _log.warning("the open event streams of %s could not be counted", scope.tenant_id)

    async def _grown(self, scope: TenantScope) -> Fleet:
        """The tenant's, with a berth that is free."""
        fleet = self._fleets.get(scope.tenant_id) or Fleet(scope)
        if fleet.free(self._now()):
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
        if len(self._fleets) >= FLEETS_KEPT:
            self._fleets = {name: one for name, one in self._fleets.items() if one.open}
        self._fleets[scope.tenant_id] = fleet
        return fleet

    async def _say(self, fleet: Fleet) -> None:
        """Write down what is open here."""
        # First here, so that no stream is opened without asking while it is written.
        open_ = fleet.held = fleet.open
        now = self._now()
        try:
            said = Patch(self._own, set={("held",): open_, ("open",): open_})
            await self._write(fleet.scope, said)
            fleet.said_at = now
        except DocumentMissingError:  # it took so long that it expired: these are open all the same
            gate, _ = await self._seen(fleet.scope)
            await self._put(fleet, gate, held=open_, open=open_)

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
        now = self._now()
        said = {"id": self._own, "kind": BERTHS, "held": held, "open": open}
        try:
            await self._write(fleet.scope, passed, Replace(said, ttl=LIFE))
        except DocumentMissingError as error:
            if error.index != 1:
                raise  # the gate has just expired
            await self._write(fleet.scope, passed, Create(said, ttl=LIFE))
        fleet.held, fleet.said_at = held, now

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _all(self, scope: TenantScope) -> Sequence[Document]:
        query = Query(COUNTERS, BERTHS, partition=PARTITION, limit=INSTANCES)
        return (await self._documents.query(scope, query)).items

    async def _write(self, scope: TenantScope, *operations: Operation) -> None:
        await self._documents.transact(scope, container=COUNTERS, partition=PARTITION, operations=operations)
