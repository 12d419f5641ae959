"""The use cases of subscriptions: which of a tenant's events go to which address, signed with what."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from shared.domain.errors import (
    FieldError,
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
from shared.security.principals import PLATFORM
from shared.security.scope import TenantScope
from shared.security.webhooks import GENERATED_BYTES, secret_key, spelled_secret
from shared.services.audit.chains import Chains
from shared.services.callers import Caller
from shared.services.receipts import Record
from shared.services.secrets.sealing import Sealer
from shared.services.shelves import Change, Shelf, fields, first, nothing
from shared.services.tenancy.quotas import Room

PARTITION: Final = "subscriptions"
"""A tenant's subscriptions and the chain of their audit records."""
LIFE: Final = 5.0
"""Seconds for which a tenant's subscriptions are remembered: how long a change may take to be felt."""
TENANTS_KEPT: Final = 4096

_AUDITED: Final = fields("name", "url", "events", "enabled", "description", "disabled_reason")


def deliveries_of(name: str) -> str:
    """The partition with a subscription's deliveries."""
    return f"deliveries:{name}"


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
        self._cursors = cursors
        self._clock = clock
        self._sealer = sealer
        self._url_refusal = url_refusal
        self._shelf = Shelf(documents, chains, cursors, room, PARTITION, "subscription", _AUDITED)
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

        work = first(partial(self._put, caller, name, new))
        return await self._shelf.once(caller, work, done=done)

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

    async def _put(
        self, caller: Caller, name: str, new: NewSubscription
    ) -> tuple[Subscription, str | None] | None:
        scope, now = caller.scope, self._clock.now()
        before = await self._shelf.find(scope, name)
        shown = spelled_secret(secrets.token_bytes(GENERATED_BYTES)) if not (before or new.secret) else None
        body = self._body(caller, name, new, shown or new.secret, before, now)
        stored = await self._store(
            Change(scope, "subscription.put", caller.origin, now, before, body),
            Replace(body, if_match=before.etag) if before else Create(body),
        )
        return (_subscription(stored), shown) if stored is not None else None

    def _body(
        self,
        caller: Caller,
        name: str,
        new: NewSubscription,
        secret: str | None,
        before: Document | None,
        now: datetime,
    ) -> dict[str, Any]:
        sealed = before.body["secret"] if before else None
        if secret:
            sealed = self._sealer.seal(secret, place=_place(caller.scope, name))
        return {
            "id": name,
            "kind": "subscription",
            "name": name,
            "url": new.url,
            "events": list(new.events),
            "enabled": new.enabled,
            "description": new.description,
            "disabled_reason": None,
            "secret": sealed,
            "created_at": before.body["created_at"] if before else rfc3339(now),
            "created_by": before.body["created_by"] if before else caller.origin.principal,
            "updated_at": rfc3339(now),
        }

    async def get(self, caller: Caller, name: str) -> Subscription:
        """The subscription of that name.

        Raises:
            NotFoundError: the tenant has none.
        """
        return _subscription(await self._shelf.existing(caller.scope, name))

    async def list(
        self, caller: Caller, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Subscription], str | None]:
        """A page of the tenant's subscriptions by name, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list.
        """
        found, following = await self._shelf.page(caller, limit=limit, cursor=cursor)
        return [_subscription(document) for document in found], following

    async def delete(self, caller: Caller, name: str) -> None:
        """Remove the subscription; what is on its way to it is given up.

        Raises:
            NotFoundError: the tenant has none of that name.
        """
        work = first(partial(self._delete, caller, name))
        await self._shelf.once(caller, work, done=nothing)

    async def _delete(self, caller: Caller, name: str) -> Document | None:
        before = await self._shelf.existing(caller.scope, name)
        change = Change(caller.scope, "subscription.delete", caller.origin, self._clock.now(), before, None)
        return await self._store(change, Delete(name, if_match=before.etag))

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
        await self._shelf.existing(caller.scope, name)
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
        document = await self._shelf.find(scope, name)
        return _subscription(document) if document else None

    async def wanting(self, scope: TenantScope, type: str, time: str) -> Sequence[Subscription]:
        """Who wants an event of ``type`` and ``time``, as was stored up to ``LIFE`` seconds ago."""
        now = self._clock.now().timestamp()
        entry = self._remembered.get(scope.tenant_id)
        if entry is None or not 0 <= now - entry[0] < LIFE:
            page = await self._documents.query(scope, self._shelf.query(limit=MOST_SUBSCRIPTIONS))
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
        await first(partial(self._disable, scope, name, reason))

    async def _disable(self, scope: TenantScope, name: str, reason: str) -> bool | None:
        before = await self._shelf.find(scope, name)
        if before is None or not before.body["enabled"]:
            return False
        body = {**before.body, "enabled": False, "disabled_reason": reason}
        change = Change(scope, "subscription.disable", PLATFORM, self._clock.now(), before, body)
        stored = await self._store(change, Replace(body, if_match=before.etag))
        return True if stored is not None else None

    async def _store(self, change: Change, operation: Operation) -> Document | None:
        stored = await self._shelf.store(change, operation)
        if stored is not None:
            self._remembered.pop(change.scope.tenant_id, None)
        return stored


def _place(scope: TenantScope, name: str) -> str:
    return f"{scope.tenant_id}/{name}"


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
