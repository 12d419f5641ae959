"""Audit chains: who did what, one chain in each partition, each record hanging on the one before.

A record is written in the transaction of the change it tells of. It carries the hash of the record before,
and the chain's last number and hash (its *link*) stand in a document of the partition that every change
touches: the head of an intent or an execution as ``audit``, or a document of its own where there is no head.
A record that was altered, taken out or put elsewhere breaks the chain, and one missing at the end is missed
by the link. ``quantum/contract/chains.py`` says how a chain is verified.

Records may expire. That must not look like a removal, nor a removal like that: so each link says when the
last of the records up to it that expire does, and which was the last that is kept for ever.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from shared.domain.canonical import content_hash
from shared.domain.errors import UnavailableError
from shared.domain.times import parse_rfc3339, rfc3339
from shared.ports.documents import Container, Create, Document, Documents, Operation, Replace
from shared.security.principals import Origin, Turn
from shared.security.scope import TenantScope

CHAIN: Final = "chain"
"""The id of the document with the link of a partition that has no head."""
RECORD: Final = "audit"
"""The kind of records; a record's id is ``audit:<number>``."""
_TIME: Final = "created_at"
"""What a record's ``time`` is stored as: the field that every store has indexed to sort by."""
FIRST_LINK: Final[Mapping[str, Any]] = {
    "number": 0,
    "hash": "sha256:" + "0" * 64,
    "expires_at": None,
    "kept": None,
}
"""What the first record of a chain hangs on."""
RECEIPT: Final = "receipt"
RECEIPT_LIFE: Final = timedelta(hours=25)
"""Longer than a key is known (``idempotency.py``): who does a request again always meets its receipt."""
GRACE: Final = timedelta(hours=1)
"""How much longer than promised a record is kept: the store's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Which chain: one in each partition."""

    scope: TenantScope
    container: Container
    partition: str

    @property
    def name(self) -> str:
        """How records say which chain they are of: ``registry/deploy``."""
        return f"{self.container.name}/{self.partition}"


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does: what the audit record says of it.

    ``before`` and ``after`` are what the change touched, as JSON; None where there was nothing.
    """

    action: str
    origin: Origin
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What an act adds to a chain.

    Attributes:
        operations: they store its record and, if the request may be sent again, the receipt.
        link: the chain's new link.
    """

    operations: Sequence[Create]
    link: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chains:
    """Adds to chains. ``retention`` is how long records are kept; None: for ever."""

    retention: timedelta | None = None

    def add(self, chain: Chain, link: Mapping[str, Any] | None, act: Act, *, now: datetime) -> Entry:
        """The record of ``act`` behind ``link`` (None: the chain's first), for the transaction that does it.

        The transaction has to replace the link under the condition that it is still ``link``: its etag, or
        its hash.

        Raises:
            UnavailableError: the turn with which it is asked for is over.
        """
        last = link or FIRST_LINK
        number: int = last["number"] + 1
        until = self._until(last["expires_at"], now)
        body: dict[str, Any] = {
            "chain": chain.name,
            "number": number,
            "tenant_id": chain.scope.tenant_id,
            "action": act.action,
            "principal": act.origin.principal,
            "time": rfc3339(now),
            "request_id": act.origin.request_id,
            "address": act.origin.address,
            "decision": act.origin.decision.to_json() if act.origin.decision else None,
            "before": act.before,
            "after": act.after,
            "expires_at": rfc3339(until) if until else None,
            "previous_hash": last["hash"],
            "previous_expires_at": last["expires_at"],
            "previous_kept": last["kept"],
        }
        body["hash"] = content_hash(body)
        receipts = [_receipt(act.origin.turn, number, now)] if act.origin.turn else []
        ttl = math.ceil((until - now + GRACE).total_seconds()) if until else None
        return Entry(
            [Create(_stored(body), ttl=ttl), *receipts],
            {
                "number": number,
                "hash": body["hash"],
                "expires_at": body["expires_at"] or last["expires_at"],
                "kept": last["kept"] if until else {"number": number, "hash": body["hash"]},
            },
        )

    def _until(self, before: str | None, now: datetime) -> datetime | None:
        """When the next record may go: never sooner than the ones before, so that the oldest go first."""
        if self.retention is None:
            return None
        until = now + self.retention
        return max(until, parse_rfc3339(before)) if before else until

    async def linked(
        self, documents: Documents, chain: Chain, act: Act, *, now: datetime
    ) -> Sequence[Operation]:
        """The operations that add a record of ``act`` to the chain of a partition without a head.

        The transaction loses, with DocumentStaleError or DocumentExistsError, against one that has added
        another record meanwhile.
        """
        return self.behind(chain, await self.last(documents, chain), act, now=now)

    async def last(self, documents: Documents, chain: Chain) -> Document | None:
        """The link of the chain of a partition without a head; None as long as it has no record."""
        return await documents.read(
            chain.scope, container=chain.container, partition=chain.partition, id=CHAIN
        )

    def behind(self, chain: Chain, last: Document | None, act: Act, *, now: datetime) -> Sequence[Operation]:
        """As :meth:`linked`, behind the link ``last``: if it is stored, what was read since then holds."""
        entry = self.add(chain, last.body["audit"] if last else None, act, now=now)
        body = {"id": CHAIN, "kind": CHAIN, "audit": entry.link}
        return [Replace(body, if_match=last.etag) if last else Create(body), *entry.operations]


def record_of(container: Container, body: Mapping[str, Any]) -> dict[str, Any]:
    """The record in a stored document: all that it says, so that nothing can be slipped in."""
    own = {"id", "kind", container.partition_field}
    names = {_TIME: "time"}
    return {names.get(name, name): value for name, value in body.items() if name not in own}


def _stored(record: Mapping[str, Any]) -> dict[str, Any]:
    names = {"time": _TIME}
    body = {names.get(name, name): value for name, value in record.items()}
    return {"id": f"audit:{record['number']}", "kind": RECORD, **body}


def receipt_id(turn: Turn) -> str:
    return f"{RECEIPT}:{turn.id}"


def _receipt(turn: Turn, number: int, now: datetime) -> Create:
    """What no second transaction of the same request can store: see ``receipts.py``."""
    if now > turn.until:
        raise UnavailableError
    body = {"id": receipt_id(turn), "kind": RECEIPT, "record": number, "looks": 0}
    return Create(body, ttl=int(RECEIPT_LIFE.total_seconds()))
