"""Webhooks: each event that a subscription wants becomes one durable delivery, tried until it is taken.

A delivery is a document and an orchestration, both named after the event and the subscription, so that an
event which the hub repeats is delivered once. The document carries the event; the orchestration only ids.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import orjson

from shared import logs
from shared.domain.errors import DocumentExistsError, DocumentMissingError, DocumentStaleError
from shared.domain.subscriptions import Subscription, delivery_id, retry_delay
from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import TENANCY, Create, Documents, Patch, Path
from shared.ports.orchestrations import Orchestrations
from shared.ports.telemetry import NO_TELEMETRY, Attributes, Telemetry, carrier_in
from shared.ports.webhooks import UndeliveredError, WebhookSender
from shared.security.scope import TenantScope
from shared.security.webhooks import signed_headers
from shared.services.delivery.published import published
from shared.services.delivery.relay import TYPE_PREFIX
from shared.services.delivery.subscriptions import Subscriptions, deliveries_of
from shared.services.tenancy.tenants import Tenants

ORCHESTRATOR: Final = "webhook_delivery"
KEPT: Final = 30 * 86_400
"""Seconds for which deliveries, the dead ones too, are kept after their last attempt."""
AT_ONCE: Final = 16
"""Deliveries that a batch of events starts side by side."""
GONE: Final = 410
"""By which a receiver says that it wants no more (Standard Webhooks, "Operational considerations")."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a delivery is tried, and how many seconds after the first attempt the second comes."""

    attempts: int
    first_delay: float


class Webhooks:
    def __init__(
        self,
        *,
        documents: Documents,
        tenants: Tenants,
        orchestrations: Orchestrations,
        subscriptions: Subscriptions,
        sender: WebhookSender,
        clock: Clock,
        policy: RetryPolicy,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._documents = documents
        self._tenants = tenants
        self._orchestrations = orchestrations
        self._subscriptions = subscriptions
        self._sender = sender
        self._clock = clock
        self._policy = policy
        self._telemetry = telemetry

    async def notify(self, bodies: Sequence[bytes]) -> None:
        """Start a delivery of each event (CloudEvents in structured mode) to each that wants it.

        Raises:
            UnavailableError: some were not started; hand the same events over again.
        """
        # Whether what is older was delivered is not known any more: it is a log that somebody has read anew.
        oldest = rfc3339(self._clock.now() - timedelta(seconds=KEPT))
        wanted = [
            (scope, subscription, event)
            for scope, event in published(bodies)
            if event["time"] > oldest
            for subscription in await self._subscriptions.wanting(
                scope, event["type"].removeprefix(TYPE_PREFIX), event["time"]
            )
        ]
        places = asyncio.Semaphore(AT_ONCE)

        async def start(scope: TenantScope, subscription: Subscription, event: Mapping[str, Any]) -> None:
            async with places:
                await self._start(scope, subscription.name, event)

        await asyncio.gather(*(start(*one) for one in wanted))

    async def _start(self, scope: TenantScope, name: str, event: Mapping[str, Any]) -> None:
        delivery = delivery_id(subscription=name, event=event)
        if await self._is_new(scope, name, delivery, event):
            await self._orchestrations.start(
                instance_id=f"webhook-{scope.tenant_id}-{delivery}",
                orchestrator=ORCHESTRATOR,
                input={"tenant_id": scope.tenant_id, "subscription": name, "delivery": delivery},
            )

    async def _is_new(self, scope: TenantScope, name: str, delivery: str, event: Mapping[str, Any]) -> bool:
        """Store the delivery; False for one that has come to its end: a repeat of the event."""
        now = rfc3339(self._clock.now())
        body = {
            "id": delivery,
            "kind": "delivery",
            "status": "pending",
            "attempts": 0,
            "last_status": None,
            "error": None,
            "event": event,
            "created_at": now,
            "updated_at": now,
            "next_attempt_at": now,
        }
        try:
            await self._documents.transact(
                scope, container=TENANCY, partition=deliveries_of(name), operations=[Create(body, ttl=KEPT)]
            )
        except DocumentExistsError:
            stored = await self._read(scope, name, delivery)
            # One that is pending may have been stored by a process that died before it started it.
            return stored is not None and stored["status"] == "pending"
        return True

    async def deliver(self, payload: Mapping[str, Any]) -> float | None:
        """One attempt: the seconds until the next, or None when there is none to come.

        ``payload``: ``tenant_id``, ``subscription``, ``delivery``, ``attempt`` (from 1). An attempt that was
        recorded is not made again; one that was made and not recorded is, under the same ``webhook-id``.
        """
        scope = TenantScope(payload["tenant_id"])  # the platform's own message
        name, delivery, attempt = payload["subscription"], payload["delivery"], payload["attempt"]
        stored = await self._read(scope, name, delivery)
        if stored is None or stored["status"] != "pending":
            return None
        if stored["attempts"] >= attempt:
            return self._delay(delivery, attempt)
        subscription = await self._subscriptions.find(scope, name)
        if subscription is None or not subscription.enabled:
            state = "deleted" if subscription is None else "disabled"
            await self._record(scope, name, delivery, status="dead", error=f"the subscription was {state}")
            return None
        if not (await self._tenants.standing(scope)).served:
            await self._record(scope, name, delivery, status="dead", error="the tenant was suspended")
            return None
        return await self._attempt(scope, subscription, stored, attempt)

    async def _attempt(
        self, scope: TenantScope, subscription: Subscription, stored: Mapping[str, Any], attempt: int
    ) -> float | None:
        name, delivery, event = subscription.name, stored["id"], stored["event"]
        about: Attributes = {
            "tenant_id": scope.tenant_id,
            "subscription": name,
            "delivery": delivery,
            "attempt": attempt,
            "cloudevents.event_type": event["type"],
        }
        with (
            logs.about(tenant_id=scope.tenant_id),
            self._telemetry.span("deliver webhook", parent=carrier_in(event), attributes=about) as span,
        ):
            status, error = await self._send(scope, subscription, delivery, event)
            if error is not None:
                span.fail(str(status or "no answer"))
        made = {"attempts": attempt, "last_status": status, "error": error, "next_attempt_at": None}
        if error is None:
            await self._record(scope, name, delivery, status="delivered", **made)
            return None
        if status == GONE:
            await self._subscriptions.disable(scope, name, reason=error)
        if status == GONE or attempt >= self._policy.attempts:
            _log.warning("webhook %s of %s was given up: %s", name, scope.tenant_id, error)
            await self._record(scope, name, delivery, status="dead", **made)
            return None
        delay = self._delay(delivery, attempt)
        made["next_attempt_at"] = rfc3339(self._clock.now() + timedelta(seconds=delay))
        await self._record(scope, name, delivery, status="pending", **made)
        return delay

    async def _send(
        self, scope: TenantScope, subscription: Subscription, delivery: str, event: Mapping[str, Any]
    ) -> tuple[int | None, str | None]:
        """The status of the answer, if there was one, and what was wrong with it."""
        body = orjson.dumps(event)
        headers = signed_headers(
            self._subscriptions.secret_of(scope, subscription),
            id=f"msg_{delivery}",
            timestamp=int(self._clock.now().timestamp()),
            body=body,
        )
        headers |= {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "quantum-platform",
        }
        try:
            status = await self._sender.send(url=subscription.url, headers=headers, body=body)
        except UndeliveredError as error:
            return None, str(error)
        return status, None if 200 <= status < 300 else f"the receiver answered {status}"

    async def _record(self, scope: TenantScope, name: str, delivery: str, **fields: Any) -> None:
        changes: dict[Path, Any] = {(field,): value for field, value in fields.items()}
        changes["updated_at",] = rfc3339(self._clock.now())
        patch = Patch(delivery, set=changes, where={("status",): "pending"})
        try:
            await self._documents.transact(
                scope, container=TENANCY, partition=deliveries_of(name), operations=[patch]
            )
        except (DocumentStaleError, DocumentMissingError):
            return  # another delivery of this attempt was faster, or it has expired

    async def _read(self, scope: TenantScope, name: str, delivery: str) -> Mapping[str, Any] | None:
        document = await self._documents.read(
            scope, container=TENANCY, partition=deliveries_of(name), id=delivery
        )
        return document.body if document else None

    def _delay(self, delivery: str, attempt: int) -> float:
        return retry_delay(delivery, attempt, first=self._policy.first_delay)
