"""The relay: events that were stored with the changes they tell of are published, in order, all of them.

A transaction writes its event beside its change (transactional outbox); the change feed hands the stored
documents over, and this publishes those that are events. What fails is handed over again by the feed, so an
event may be published twice, under the same id, but never left out.
"""

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import orjson

from shared.domain.errors import DocumentExistsError, TooLargeError
from shared.domain.metrics import RELAY_LAG
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, REGISTRY, TENANCY, Container, Create, Documents
from shared.ports.events import CloudEvent, Events
from shared.ports.resources import HUB
from shared.ports.telemetry import NO_TELEMETRY, NOTHING, Attributes, Telemetry
from shared.security.scope import TENANT_ID, TenantScope
from shared.services.tenancy.directory import DIRECTORY

RELAYED: Final = (REGISTRY, EXECUTIONS)
"""The containers whose events are published."""
TYPE_PREFIX: Final = "com.quantum."
PARKED: Final = "parked"
"""The directory's partition with the documents that could not be published."""
MAX_RESULT: Final = 128 * 1024
"""The largest result of a step (bytes of JSON) that travels in an event. Event Hubs takes 256 KiB on its
smallest tier. Larger ones are in events that an earlier release has stored; later ones refer to them."""
MAX_PARKED: Final = 64 * 1024
"""How much of a parked document's text is kept."""
LATE: Final = 60.0
"""Seconds after which a published event is late, and the log says so."""

_EVENT_TYPE: Final = re.compile(r"[a-z]+(_[a-z]+)*")

_log = logging.getLogger(__name__)


class UnmappableError(ValueError):
    """A document says it is an event and is none; the message says why."""


class Relay:
    """The use case behind the change-feed triggers."""

    def __init__(
        self, *, documents: Documents, events: Events, clock: Clock, telemetry: Telemetry = NO_TELEMETRY
    ) -> None:
        self._documents = documents
        self._events = events
        self._clock = clock
        self._telemetry = telemetry

    async def publish(self, container: Container, changes: Sequence[Mapping[str, Any]]) -> None:
        """Publish the events among ``changes``, which are documents of ``container`` in the feed's order.

        A document that says it is an event and cannot be one is parked: published by nobody, seen in the
        log and in the directory's partition ``parked``, and in nobody's way.

        Raises:
            UnavailableError: nothing or a part was published; hand the same changes over again.
        """
        events: list[tuple[CloudEvent, Mapping[str, Any]]] = []
        for body in changes:
            if body.get("kind") != "event" or _of_dry_run(body):
                continue
            try:
                events.append((cloud_event(container, body), body))
            except UnmappableError as error:
                await self._park(container, body, str(error))
        if not events:
            return
        about: Attributes = {"messaging.destination.name": HUB, "messaging.batch.message_count": len(events)}
        with self._telemetry.span(f"publish {container.name}", kind="producer", attributes=about):
            published = await self._published(container, events)
        self._observe([event for event, _ in published])

    def _observe(self, published: Sequence[CloudEvent]) -> None:
        """Tell how long each tenant's oldest event has waited, and the log, if that is long."""
        now, oldest = self._clock.now(), dict[str, datetime]()
        for event in published:
            tenant_id = event.data["tenant_id"]
            oldest[tenant_id] = min(event.time, oldest.get(tenant_id, event.time))
        lags = {tenant_id: (now - time).total_seconds() for tenant_id, time in oldest.items()}
        for tenant_id, lag in lags.items():
            self._telemetry.record(RELAY_LAG, lag, {"tenant_id": tenant_id})
        if lags and (longest := max(lags.values())) > LATE:
            _log.warning("events reach the hub %.0f s after they were stored", longest)

    async def _published(
        self, container: Container, events: list[tuple[CloudEvent, Mapping[str, Any]]]
    ) -> list[tuple[CloudEvent, Mapping[str, Any]]]:
        """Publish ``events`` but for those that the log can never take, which are parked; what was."""
        while events:
            try:
                await self._events.publish([event for event, _ in events])
            except TooLargeError as error:
                large = {int(place.pointer.removeprefix("/")): place.message for place in error.errors}
                for position, reason in large.items():
                    await self._park(container, events[position][1], reason)
                events = [event for position, event in enumerate(events) if position not in large]
            else:
                break
        return events

    async def _park(self, container: Container, body: Mapping[str, Any], reason: str) -> None:
        text = json.dumps(body, sort_keys=True, default=repr)
        digest = hashlib.sha256(f"{container.name}\0{text}".encode()).hexdigest()
        record = {
            "id": digest,
            "kind": "parked",
            "container": container.name,
            "reason": reason,
            "document": text[:MAX_PARKED],
            "created_at": rfc3339(self._clock.now()),
        }
        with suppress(DocumentExistsError):  # handed over before
            await self._documents.transact(
                TenantScope(DIRECTORY), container=TENANCY, partition=PARKED, operations=[Create(record)]
            )
        _log.error("parked %s of %s as %s: %s", body.get("id"), container.name, digest, reason)


def cloud_event(container: Container, body: Mapping[str, Any]) -> CloudEvent:
    """The event document ``body`` of ``container`` in CloudEvents terms.

    Its id is ``<aggregate>/<step>/<attempt>/<type>``, or what else tells its occurrences apart in place of
    step and attempt; source and id together are unique in the world.

    Raises:
        UnmappableError: a field that every event has is missing or is not what it should be.
    """
    tenant_id, aggregate = _text(body, "tenant_id"), _text(body, container.partition_field)
    kind, data = _text(body, "type"), body.get("data")
    if not TENANT_ID.fullmatch(tenant_id) or not _EVENT_TYPE.fullmatch(kind):
        raise UnmappableError(f"{kind!r} of {tenant_id!r} is not an event of a tenant")
    if not isinstance(data, dict):
        raise UnmappableError("its data is not an object")
    try:
        time = parse_rfc3339(_text(body, "time"))
    except ValueError as error:
        raise UnmappableError(f"its time is none: {error}") from error
    occurrence = _text(body, "id").removeprefix("event:").replace(":", "/")
    noun = "intents" if container is REGISTRY else "executions"
    return CloudEvent(
        id=f"{aggregate}/{occurrence}",
        type=TYPE_PREFIX + kind,
        source=f"/tenants/{tenant_id}/{noun}/{aggregate}",
        subject=str(data.get("step", aggregate)),
        time=time,
        data={"tenant_id": tenant_id, container.partition_field: aggregate, **_bounded(data)},
        key=f"{tenant_id}/{aggregate}",
        trace=body.get("trace", NOTHING),
    )


def _of_dry_run(body: Mapping[str, Any]) -> bool:
    """Whether it tells of what did not happen: nobody elsewhere is to count it, or to act on it."""
    data = body.get("data")
    return isinstance(data, Mapping) and data.get("dry_run") is True


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise UnmappableError(f"its {field} is not a text")
    return value


def _bounded(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """``data`` without a result that is too large to travel; ``result_omitted`` then says so."""
    if data.get("result") and len(orjson.dumps(data["result"])) > MAX_RESULT:
        return {name: value for name, value in data.items() if name != "result"} | {"result_omitted": True}
    return data
