"""The use cases of subscriptions: which of a tenant's events go to which address, signed with what."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.domain.errors import (
    DocumentError,
    FieldError,
    NotFoundError,
    UnavailableError,
    ValidationFailedError,
)
from shared.domain.paging import Cursors
from shared.domain.quotas import MOST_SUBSCRIPTIONS
from shared.domain.subscriptions import (
    Delivery,
    DeliveryStatus,
    NewSubscription,
    Subscription,
    subscription_errors,
)
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import (
    TENANCY,
    Create,
    Delete,
    Document,
    Documents,
    Operation,
    Query,
    Replace,
    Where,
)
from shared.security.principals import PLATFORM, Origin
from shared.security.scope import TenantScope
from shared.security.webhooks import GENERATED_BYTES, secret_key, spelled_secret
from shared.services.audit.chains import Act, Chain, Chains
from shared.services.callers import Caller
from shared.services.receipts import Record, once
from shared.services.secrets.sealing import Sealer
from shared.services.tenancy.quotas import Room

PARTITION: Final = "subscriptions"
"""A tenant's subscriptions and the chain of their audit records."""
LIFE: Final = 5.0
"""Seconds for which a tenant's subscriptions are remembered: how long a change may take to be felt."""
TENANTS_KEPT: Final = 4096
ATTEMPTS: Final = 5
"""Of a change that others' changes get in the way of."""

_AUDITED = ("url", "events", "enabled", "description", "disabled_reason")


def deliveries_of(name: str) -> str:
    """The partition with a subscription's deliveries."""
    return f"deliveries:{name}"


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of one subscription, for the record: who does what, in which request, and when.

    The subscription and its record are of the same time, by which a request that comes again knows what it
    made.
    """

    scope: TenantScope
    name: str
    action: str
    origin: Origin
    at: datetime


class Subscriptions:
    def __init__(
        self,
        *,
        documents: Documents,
        chains: Chains,
        cursors: Cursors,
        clock: Clock,
        sealer: Sealer,
        url_refusal: Callable[[str], str | None],
        room: Room,
    ) -> None:
        """``url_refusal``: why a URL may not be called, as far as the URL itself tells; None if it may."""
        self._documents = documents
        self._chains = chains
        self._cursors = cursors
        self._clock = clock
        self._sealer = sealer
        self._url_refusal = url_refusal
        self._room = room
        self._remembered: OrderedDict[str, tuple[float, Sequence[Subscription]]] = OrderedDict()

    async def put(self, caller: Caller, name: str, new: NewSubscription) -> tuple[Subscription, str | None]:
        """Make the subscription, or change it; and the secret that was made for it, the only time it is seen.

        Putting it as it is enables one that was disabled by its receiver.

        Raises:
            ValidationFailedError: it breaks rules; all of them are listed.
            QuotaExceededError: the tenant has as many subscriptions as it may have.
        """
        self._check(name, new)

        async def done(record: Record) -> tuple[Subscription, str | None]:
            found = await self.get(caller, name)
            made = record["before"] is None and new.secret is None
            mine = made and found.updated_at == record["created_at"]
            return found, self.secret_of(caller.scope, found) if mine else None

        work = self._put(caller, name, new)
        return await once(self._documents, _chain(caller.scope), caller.turn, work, done=done)

    def _check(self, name: str, new: NewSubscription) -> None:
        errors = subscription_errors(name, new)
        if (why := self._url_refusal(new.url)) is not None:
            errors.append(FieldError("/url", "EGRESS", f"{why}; name a public address, or ask an operator"))
        if new.secret is not None:
            try:
                secret_key(new.secret)
            except ValueError as error:
                errors.append(FieldError("/secret", "INVALID", str(error)))
        if errors:
            raise ValidationFailedError(errors=errors)

    async def _put(self, caller: Caller, name: str, new: NewSubscription) -> tuple[Subscription, str | None]:
        change = _Change(caller.scope, name, "subscription.put", caller.origin, self._clock.now())
        for _ in range(ATTEMPTS):
            before = await self._document(caller.scope, name)
            shown = (
                spelled_secret(secrets.token_bytes(GENERATED_BYTES)) if not (before or new.secret) else None
            )
            body = self._body(change, new, shown or new.secret, before)
            operation = Replace(body, if_match=before.etag) if before else Create(body)
            if (stored := await self._commit(change, before, body, operation)) is not None:
                return _subscription(stored), shown
        raise UnavailableError

    def _body(
        self, change: _Change, new: NewSubscription, secret: str | None, before: Document | None
    ) -> dict[str, Any]:
        now = rfc3339(change.at)
        sealed = (
            self._sealer.seal(secret, place=_place(change.scope, change.name))
            if secret
            else before.body["secret"]
            if before
            else None
        )
        return {
            "id": change.name,
            "kind": "subscription",
            "name": change.name,
            "url": new.url,
            "events": list(new.events),
            "enabled": new.enabled,
            "description": new.description,
            "disabled_reason": None,
            "secret": sealed,
            "created_at": before.body["created_at"] if before else now,
            "created_by": before.body["created_by"] if before else change.origin.principal,
            "updated_at": now,
        }

    async def get(self, caller: Caller, name: str) -> Subscription:
        """The subscription of that name.

        Raises:
            NotFoundError: the tenant has none.
        """
        return _subscription(await self._existing(caller.scope, name))

    async def list(
        self, caller: Caller, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Subscription], str | None]:
        """A page of the tenant's subscriptions by name, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list.
        """
        of = [caller.scope.tenant_id, "subscriptions"]
        after = self._cursors.open(cursor, of=of) if cursor else None
        page = await self._documents.query(caller.scope, _query(limit=limit, after=after))
        following = self._cursors.seal(page.after, of=of) if page.after else None
        return [_subscription(document) for document in page.items], following

    async def delete(self, caller: Caller, name: str) -> None:
        """Remove the subscription; what is on its way to it is given up.

        Raises:
            NotFoundError: the tenant has none of that name.
        """

        async def done(_: Record) -> None:
            return None

        work = self._delete(caller, name)
        await once(self._documents, _chain(caller.scope), caller.turn, work, done=done)

    async def _delete(self, caller: Caller, name: str) -> None:
        change = _Change(caller.scope, name, "subscription.delete", caller.origin, self._clock.now())
        for _ in range(ATTEMPTS):
            before = await self._existing(caller.scope, name)
            if await self._commit(change, before, None, Delete(name, if_match=before.etag)) is not None:
                return
        raise UnavailableError

    async def deliveries(
        self,
        caller: Caller,
        name: str,
        *,
        status: DeliveryStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> tuple[Sequence[Delivery], str | None]:
        """A page of what was sent to the subscription, newest first: the dead letters are those ``dead``.

        Raises:
            NotFoundError: the tenant has none of that name.
            BadCursorError: ``cursor`` was not made by this list with this filter.
        """
        await self._existing(caller.scope, name)
        of = [caller.scope.tenant_id, "deliveries", name, status]
        query = Query(
            TENANCY,
            "delivery",
            partition=deliveries_of(name),
            where=[Where(("status",), "=", status)] if status else [],
            order=[(("created_at",), "desc")],
            limit=limit,
            after=self._cursors.open(cursor, of=of) if cursor else None,
        )
        page = await self._documents.query(caller.scope, query)
        following = self._cursors.seal(page.after, of=of) if page.after else None
        return [_delivery(document.body) for document in page.items], following

    async def find(self, scope: TenantScope, name: str) -> Subscription | None:
        """The subscription as it is now, for the platform's own deliveries; None if it is gone."""
        document = await self._document(scope, name)
        return _subscription(document) if document else None

    async def wanting(self, scope: TenantScope, type: str, time: str) -> Sequence[Subscription]:
        """Who wants an event of ``type`` and ``time``, as was stored up to ``LIFE`` seconds ago."""
        now = self._clock.now().timestamp()
        entry = self._remembered.get(scope.tenant_id)
        if entry is None or not 0 <= now - entry[0] < LIFE:
            page = await self._documents.query(scope, _query(limit=MOST_SUBSCRIPTIONS))
            entry = (now, [_subscription(document) for document in page.items])
            self._remembered[scope.tenant_id] = entry
            if len(self._remembered) > TENANTS_KEPT:
                self._remembered.popitem(last=False)
        return [subscription for subscription in entry[1] if subscription.wants(type, time)]

    def secret_of(self, scope: TenantScope, subscription: Subscription) -> str:
        """What its deliveries are signed with."""
        return self._sealer.open(subscription.sealed_secret, place=_place(scope, subscription.name))

    async def disable(self, scope: TenantScope, name: str, *, reason: str) -> None:
        """Send nothing more to it until somebody puts it again; the platform's own doing."""
        change = _Change(scope, name, "subscription.disable", PLATFORM, self._clock.now())
        for _ in range(ATTEMPTS):
            before = await self._document(scope, name)
            if before is None or not before.body["enabled"]:
                return
            body = {**before.body, "enabled": False, "disabled_reason": reason}
            if await self._commit(change, before, body, Replace(body, if_match=before.etag)) is not None:
                return
        raise UnavailableError

    async def _commit(
        self, change: _Change, before: Document | None, after: Mapping[str, Any] | None, operation: Operation
    ) -> Document | None:
        """Store a change with its audit record; what is stored now, or None if another change came first."""
        act = Act(
            change.action,
            change.origin,
            _audited(change.name, before.body if before else None),
            _audited(change.name, after),
        )
        record = await self._chains.linked(self._documents, _chain(change.scope), act, now=change.at)
        if before is None:
            await self._room.require(change.scope, "subscriptions")
        try:
            stored = await self._documents.transact(
                change.scope, container=TENANCY, partition=PARTITION, operations=[operation, *record]
            )
        except DocumentError:
            return None
        self._remembered.pop(change.scope.tenant_id, None)
        return stored[0] or before

    async def _existing(self, scope: TenantScope, name: str) -> Document:
        document = await self._document(scope, name)
        if document is None:
            raise NotFoundError(f"There is no subscription {name!r}")
        return document

    async def _document(self, scope: TenantScope, name: str) -> Document | None:
        document = await self._documents.read(scope, container=TENANCY, partition=PARTITION, id=name)
        return document if document and document.body["kind"] == "subscription" else None


def _chain(scope: TenantScope) -> Chain:
    return Chain(scope, TENANCY, PARTITION)


def _query(*, limit: int, after: str | None = None) -> Query:
    return Query(
        TENANCY,
        "subscription",
        partition=PARTITION,
        order=[(("name",), "asc")],
        limit=limit,
        after=after,
    )


def _place(scope: TenantScope, name: str) -> str:
    return f"{scope.tenant_id}/{name}"


def _audited(name: str, body: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if body is None else {"name": name, **{field: body[field] for field in _AUDITED}}


def _subscription(document: Document) -> Subscription:
    body = document.body
    return Subscription(
        name=body["name"],
        url=body["url"],
        events=body["events"],
        enabled=body["enabled"],
        description=body["description"],
        disabled_reason=body["disabled_reason"],
        created_at=body["created_at"],
        created_by=body["created_by"],
        updated_at=body["updated_at"],
        etag=document.etag,
        sealed_secret=body["secret"],
    )


def _delivery(body: Mapping[str, Any]) -> Delivery:
    event = body["event"]
    return Delivery(
        id=body["id"],
        event_id=event["id"],
        type=event["type"],
        status=body["status"],
        attempts=body["attempts"],
        last_status=body["last_status"],
        error=body["error"],
        created_at=body["created_at"],
        updated_at=body["updated_at"],
        next_attempt_at=body["next_attempt_at"],
    )
