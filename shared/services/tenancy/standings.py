"""What follows from a change of how a tenant stands, in other partitions than the tenant's own.

A change is written with an audit record in the tenant's partition: that decides. What follows is a record in
the chain of the platform's tenant, the directory's entry, and the first member of a new tenant. What is left
of it is written down with the change, and before the change that there may be something left (a *note*, in
the directory). Whoever makes the change settles it at once; if it dies, the recovery timer finds the note.
All of it is harmless when it was done before.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from shared.domain.errors import (
    DocumentError,
    DocumentExistsError,
    DocumentMissingError,
    QuantumError,
    UnavailableError,
)
from shared.domain.members import NewMember
from shared.domain.standings import PLATFORM, Administrator, standing_of
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import (
    TENANCY,
    Create,
    Delete,
    Document,
    Documents,
    Operation,
    Patch,
    Query,
    Replace,
)
from shared.security.decisions import Decision
from shared.security.permissions import keeper_of
from shared.security.principals import Origin, Principal
from shared.security.scope import TenantScope
from shared.services.audit.chains import RECORD, Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.paging import bodies
from shared.services.tenancy.directory import DIRECTORY, Directory
from shared.services.tenancy.members import Members
from shared.services.tenancy.tenants import TENANT, Tenants

RECORDS: Final = "tenants"
"""The partition of the platform's tenant with the chain of what was made of all others."""
NOTES: Final = "unsettled"
"""The directory's partition with the notes; also their kind."""
ATTEMPTS: Final = 5
"""Of a change that others' changes get in the way of."""
TOLD_LIFE: Final = 30 * 24 * 3600
"""Seconds for which it is known that the platform's chain has a record: far longer than it is told for."""
PAGE: Final = 50

_LEFT: Final = ("untold", "administrator")
"""The fields of a tenant's document that say what is left to be done."""
_DIRECTORY: Final = TenantScope(DIRECTORY)


_log = logging.getLogger(__name__)


class TenantSettling:
    def __init__(
        self, *, documents: Documents, tenants: Tenants, members: Members, chains: Chains, clock: Clock
    ) -> None:
        self._documents = documents
        self._directory = Directory(documents)
        self._tenants = tenants
        self._members = members
        self._chains = chains
        self._clock = clock

    async def note(self, scope: TenantScope) -> None:
        """Note that there may be something left to do; to be called before a change."""
        now = rfc3339(self._clock.now())
        note = {"id": scope.tenant_id, "kind": NOTES, "noted_at": now}
        for _ in range(ATTEMPTS):
            with suppress(DocumentExistsError):
                return await self._write_note(Create(note))
            with suppress(DocumentMissingError):
                return await self._write_note(Patch(scope.tenant_id, set={("noted_at",): now}))
        raise UnavailableError

    async def settle(self, scope: TenantScope) -> None:
        """Do what is left of changes of the tenant.

        Raises:
            UnavailableError: something cannot be had now; the recovery timer goes on.
        """
        for _ in range(ATTEMPTS):
            note = await self._documents.read(
                _DIRECTORY, container=TENANCY, partition=NOTES, id=scope.tenant_id
            )
            document = await self._tenants.document(scope)
            if document is None or await self._settle(scope, document):
                if note is not None:
                    with suppress(DocumentError):  # a change was noted since it was read, or it is gone
                        await self._write_note(Delete(scope.tenant_id, if_match=note.etag))
                return
        raise UnavailableError

    async def settle_left(self, *, before: datetime) -> int:
        """Do what is left of changes that were noted ``before``; of how many tenants.

        One that it cannot be done of holds up no other, and is looked at again.
        """
        query = Query(TENANCY, NOTES, partition=NOTES, limit=PAGE)
        settled = 0
        async for note in bodies(self._documents, _DIRECTORY, query):
            if note["noted_at"] < rfc3339(before):
                try:
                    await self.settle(TenantScope(note["id"]))
                    settled += 1
                except QuantumError:
                    _log.warning("what is left of changes of %s is not done yet", note["id"], exc_info=True)
        return settled

    async def _settle(self, scope: TenantScope, document: Document) -> bool:
        """Do what the tenant's document says is left; False if it was changed meanwhile."""
        body = document.body
        for left in body.get("untold", ()):
            act = _act(left)
            if act.before is None:
                await self._found(scope, Administrator(**body["administrator"]), act.origin)
            await self._tell(scope, act, left["key"])
        standing = standing_of(body)
        await self._directory.mark_tenant(scope.tenant_id, created_at=body["created_at"], standing=standing)
        if not any(name in body for name in _LEFT):
            return True
        rest = {name: value for name, value in body.items() if name not in _LEFT}
        try:
            await self._documents.transact(
                scope, container=TENANCY, partition=TENANT, operations=[Replace(rest, if_match=document.etag)]
            )
        except DocumentError:
            return False
        return True

    async def _found(self, scope: TenantScope, administrator: Administrator, origin: Origin) -> None:
        """Make the first member of a new tenant."""
        if await self._members.find(scope, administrator.user) is None:
            user, _, tenant_id = origin.principal.partition("@")
            founder = Principal(tenant_id, user, frozenset(), {}, "", "")
            caller = Caller(founder, scope, origin.request_id, origin.address, decision=origin.decision)
            keeper = keeper_of(scope.tenant_id)
            first = NewMember([keeper], {}, issuer=administrator.issuer, subject=administrator.subject)
            await self._members.put(caller, administrator.user, first)

    async def _tell(self, scope: TenantScope, act: Act, key: str) -> None:
        """Add the record to the chain of the platform's tenant, if it is not there.

        It outlives the tenant, so it says nothing of who is in it.
        """
        chain = Chain(TenantScope(PLATFORM), TENANCY, RECORDS)
        before, after = (_outside(scope, one) for one in (act.before, act.after))
        told = Act(act.action, act.origin, before, after)
        marker = Create({"id": f"told:{key}", "kind": "told"}, ttl=TOLD_LIFE)
        for _ in range(ATTEMPTS):
            record = await self._chains.linked(self._documents, chain, told, now=self._clock.now())
            try:
                await self._documents.transact(
                    chain.scope,
                    container=chain.container,
                    partition=chain.partition,
                    operations=[marker, *record],
                )
            except DocumentError as error:
                if isinstance(error, DocumentExistsError) and error.index == 0:
                    return
            else:
                return
        raise UnavailableError

    async def _write_note(self, operation: Create | Patch | Delete) -> None:
        await self._documents.transact(_DIRECTORY, container=TENANCY, partition=NOTES, operations=[operation])


def untold(act: Act, record: Sequence[Operation]) -> dict[str, Any]:
    """The act, as it is kept until the platform's chain has it; ``record`` stores it in the tenant's own."""
    stored = next(one.body for one in record if isinstance(one, Create) and one.body["kind"] == RECORD)
    return kept(act, stored["hash"])


def kept(act: Act, key: str) -> dict[str, Any]:
    """Likewise, of an act that no record in the tenant tells of; ``key`` is this act's and no other's."""
    origin = act.origin
    return {
        "action": act.action,
        "origin": [origin.principal, origin.request_id, origin.address],
        "decision": origin.decision.to_json() if origin.decision else None,
        "before": act.before,
        "after": act.after,
        "key": key,
    }


def _act(left: Mapping[str, Any]) -> Act:
    decision = Decision.permitting(left["decision"]) if left["decision"] else None
    principal, request_id, address = left["origin"]
    origin = Origin(principal, request_id, address, decision=decision)
    return Act(left["action"], origin, left["before"], left["after"])


def _outside(scope: TenantScope, told: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the platform's chain says of a tenant before or after an act."""
    known = {name: told[name] for name in ("status", "reason", "ceiling") if told and name in told}
    return {"tenant": scope.tenant_id, **known}
