"""Who may do what: the question asked before anything is done, and the policies that a tenant adds."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from shared.domain.errors import (
    FieldError,
    ValidationFailedError,
)
from shared.domain.intents import Intent
from shared.domain.metrics import DECISIONS_DENIED
from shared.domain.paging import Cursors
from shared.domain.policies import NewPolicy, Policy, policy_errors
from shared.domain.quotas import MOST_POLICIES
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Create, Delete, Document, Documents, Operation, Replace
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.authorization import (
    ANYTHING,
    Authorizer,
    Circumstances,
    Resource,
    refusal,
)
from shared.security.decisions import Decision
from shared.security.permissions import OPERATIONS
from shared.security.policy_sets import authorizer_of, keeps_open
from shared.security.policy_texts import faults
from shared.security.principals import Principal
from shared.security.scope import TenantScope
from shared.services.audit.chains import Chains
from shared.services.callers import Caller
from shared.services.etags import IfMatch, require_match
from shared.services.receipts import Record
from shared.services.shelves import Change, Shelf, fields, first, nothing
from shared.services.tenancy.membership import PARTITION as MEMBERS
from shared.services.tenancy.membership import member_of, principal_of
from shared.services.tenancy.quotas import Room

PARTITION: Final = "policies"
"""A tenant's policies and the chain of their audit records."""
EXECUTE: Final = "intents.execute"
USE: Final = "secrets.use"
LIFE: Final = 5.0
"""Seconds for which a tenant's policies are remembered: how long a change may take to be felt."""
TENANTS_KEPT: Final = 1024
_log = logging.getLogger(__name__)
_AUDITED: Final = fields("name", "policy", "description", "enabled")


@dataclass(frozen=True, slots=True)
class _Set:
    """A tenant's policies as they were read: the etags of those that are enabled, and what they decide."""

    read_at: float
    state: Mapping[str, str]
    authorizer: Authorizer


class Policies:
    """Each method is about the caller's own tenant."""

    def __init__(
        self,
        *,
        documents: Documents,
        chains: Chains,
        cursors: Cursors,
        clock: Clock,
        room: Room,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._documents = documents
        self._shelf = Shelf(documents, chains, cursors, room, PARTITION, "policy", _AUDITED)
        self._clock = clock
        self._telemetry = telemetry
        self._sets: OrderedDict[str, _Set] = OrderedDict()
        self._changes = 0

    async def permitted(self, caller: Caller) -> list[str]:
        """The operations that the policies permit the caller, whatever they are done to."""
        authorizer = await self._authorizer(caller.scope)
        now = Circumstances(self._clock.now(), caller.address)
        return [
            operation
            for operation in sorted(OPERATIONS)
            if authorizer.decide(caller.principal, operation, ANYTHING, now).allowed
        ]

    async def require(self, caller: Caller, operation: str, resource: Resource = ANYTHING) -> Caller:
        """The caller with the decision, if the policies permit it to do that to ``resource``.

        They are those that were stored up to ``LIFE`` seconds ago. Who is denied is in the log.

        Raises:
            ForbiddenError: they do not; ``policies`` names what forbids it, or that nothing permits it.
            UnavailableError: the tenant's policies cannot be had.
        """
        authorizer = await self._authorizer(caller.scope)
        circumstances = Circumstances(self._clock.now(), caller.address)
        decision = authorizer.decide(caller.principal, operation, resource, circumstances)
        if decision.allowed:
            return replace(caller, decision=decision)
        _log.info(
            "denied: %s to %s, by %s of %s",
            operation, caller.principal.name, ", ".join(decision.policies), decision.version,
            extra={
                "operation": operation,
                "principal": caller.principal.name,
                "resource": resource.id,
                "policies": list(decision.policies),
                "policy_set": decision.version,
            },
        )  # fmt: skip
        self._telemetry.record(
            DECISIONS_DENIED, 1, {"tenant_id": caller.scope.tenant_id, "operation": operation}
        )
        raise refusal(caller.principal, decision)

    async def allows(self, caller: Caller, operation: str, resource: Resource = ANYTHING) -> bool:
        """Whether :meth:`require` would let it pass; nobody is denied anything.

        Raises:
            UnavailableError: the tenant's policies cannot be had.
        """
        circumstances = Circumstances(self._clock.now(), caller.address)
        decision = await self.decide(caller.scope, caller.principal, operation, resource, circumstances)
        return decision.allowed

    async def decide(
        self,
        scope: TenantScope,
        principal: Principal,
        operation: str,
        resource: Resource,
        circumstances: Circumstances,
    ) -> Decision:
        """What the policies say to that.

        Raises:
            ValueError: there is no such operation.
            UnavailableError: the tenant's policies cannot be had.
        """
        authorizer = await self._authorizer(scope)
        return authorizer.decide(principal, operation, resource, circumstances)

    async def _authorizer(self, scope: TenantScope) -> Authorizer:
        now = self._clock.now().timestamp()
        known = self._sets.get(scope.tenant_id)
        if known is not None and 0 <= now - known.read_at < LIFE:
            return known.authorizer
        changes = self._changes
        found = [one for one in await self._stored(scope) if one.body["enabled"]]
        state = {one.body["name"]: one.etag for one in found}
        authorizer = known.authorizer if known and known.state == state else authorizer_of(_texts(found))
        if changes == self._changes:  # else what was read may be from before
            self._sets[scope.tenant_id] = _Set(now, state, authorizer)
            self._sets.move_to_end(scope.tenant_id)
            if len(self._sets) > TENANTS_KEPT:
                self._sets.popitem(last=False)
        return authorizer

    async def put(self, caller: Caller, name: str, new: NewPolicy, *, if_match: IfMatch = None) -> Policy:
        """Make the policy, or change it. Felt by this process at once, by others within ``LIFE`` seconds.

        Raises:
            ValidationFailedError: it breaks rules, or with it the caller could not manage policies any more.
            StaleError: it is none of ``if_match``.
            QuotaExceededError: the tenant has as many policies as it may have.
        """
        errors = policy_errors(name, new)
        if not errors:
            # On a thread: to find places takes up to a fifth of a second, in which other requests go on.
            found = await asyncio.to_thread(faults, new.text)
            errors = [FieldError("/policy", "INVALID", str(fault), span=fault.span) for fault in found]
        if errors:
            raise ValidationFailedError(errors=errors)

        async def done(_: Record) -> Policy:
            return await self.get(caller, name)

        work = first(partial(self._put, caller, name, new, if_match))
        return await self._shelf.once(caller, work, done=done)

    async def _put(self, caller: Caller, name: str, new: NewPolicy, if_match: IfMatch) -> Policy | None:
        before = await self._shelf.find(caller.scope, name)
        require_match(before, if_match)
        body = self._body(caller, name, new, before)
        operation = Replace(body, if_match=before.etag) if before else Create(body)
        stored = await self._store(caller, "policy.put", name, before, body, operation)
        return _policy(stored) if stored is not None else None

    def _body(self, caller: Caller, name: str, new: NewPolicy, before: Document | None) -> dict[str, Any]:
        now, who = rfc3339(self._clock.now()), caller.principal.name
        return {
            "id": name,
            "kind": "policy",
            "name": name,
            "policy": new.text,
            "description": new.description,
            "enabled": new.enabled,
            "created_at": before.body["created_at"] if before else now,
            "created_by": before.body["created_by"] if before else who,
            "updated_at": now,
            "updated_by": who,
        }

    async def get(self, caller: Caller, name: str) -> Policy:
        """The policy of that name.

        Raises:
            NotFoundError: the tenant has none.
        """
        return _policy(await self._shelf.existing(caller.scope, name))

    async def list(
        self, caller: Caller, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Policy], str | None]:
        """A page of the tenant's policies by name, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list.
        """
        found, following = await self._shelf.page(caller, limit=limit, cursor=cursor)
        return [_policy(document) for document in found], following

    async def delete(self, caller: Caller, name: str, *, if_match: IfMatch = None) -> None:
        """Remove the policy.

        Raises:
            NotFoundError: the tenant has none of that name.
            StaleError: it is none of ``if_match``.
            ValidationFailedError: without it the caller could not manage policies any more.
        """
        work = first(partial(self._delete, caller, name, if_match))
        await self._shelf.once(caller, work, done=nothing)

    async def _delete(self, caller: Caller, name: str, if_match: IfMatch) -> Document | None:
        before = await self._shelf.existing(caller.scope, name)
        require_match(before, if_match)
        operation = Delete(name, if_match=before.etag)
        return await self._store(caller, "policy.delete", name, before, None, operation)

    async def _store(
        self,
        caller: Caller,
        action: str,
        name: str,
        before: Document | None,
        after: Mapping[str, Any] | None,
        operation: Operation,
    ) -> Document | None:
        """Store a change with which the caller could still manage policies, or None if another came first."""
        change = Change(caller.scope, action, caller.origin, self._clock.now(), before, after)

        async def check() -> None:
            others = [one for one in await self._stored(caller.scope) if one.body["id"] != name]
            changed = {after["name"]: after["policy"]} if after and after["enabled"] else {}
            await self._check(caller, _texts(others) | changed, name)

        stored = await self._shelf.store(change, operation, check=check)
        if stored is not None:
            self._changes += 1
            self._sets.pop(caller.scope.tenant_id, None)
        return stored

    async def _check(self, caller: Caller, texts: Mapping[str, str], name: str) -> None:
        """Let pass a set with which the caller, as it is stored now, could still manage policies."""
        stored = await self._documents.read(
            caller.scope, container=TENANCY, partition=MEMBERS, id=caller.principal.user
        )
        principal = principal_of(caller.scope.tenant_id, member_of(stored)) if stored else caller.principal
        circumstances = Circumstances(self._clock.now(), caller.address)
        if not keeps_open(authorizer_of(texts), principal, [name], circumstances):
            message = "with this you could not manage policies any more, this one among them"
            raise ValidationFailedError(errors=[FieldError("/policy", "LOCKS_OUT", message)])

    async def keepers(self, caller: Caller) -> Callable[[Principal], bool] | None:
        """Who may manage the tenant's policies as they are stored now, from where the caller is.

        None: there are none, so whoever has the role may.
        """
        stored = await self._stored(caller.scope)
        texts = _texts(stored)
        if not texts:
            return None
        names = [one.body["name"] for one in stored]
        circumstances = Circumstances(self._clock.now(), caller.address)
        authorizer = authorizer_of(texts)
        return lambda principal: keeps_open(authorizer, principal, names, circumstances)

    async def _stored(self, scope: TenantScope) -> Sequence[Document]:
        return (await self._documents.query(scope, self._shelf.query(limit=MOST_POLICIES))).items


def intent_resource(intent: Intent) -> Resource:
    """The intent as policies see it."""
    attributes = {"created_by": intent.created_by}
    if (target := intent.definition.get("target")) is not None:
        attributes["target"] = target
    return Resource(intent.name, attributes, intent.labels, intent.tenant_id)


def _texts(documents: Sequence[Document]) -> dict[str, str]:
    """Of those that are asked."""
    return {one.body["name"]: one.body["policy"] for one in documents if one.body["enabled"]}


def _policy(document: Document) -> Policy:
    body = document.body
    return Policy(
        name=body["name"],
        text=body["policy"],
        description=body["description"],
        enabled=body["enabled"],
        created_at=body["created_at"],
        created_by=body["created_by"],
        updated_at=body["updated_at"],
        updated_by=body["updated_by"],
        etag=document.etag,
    )
