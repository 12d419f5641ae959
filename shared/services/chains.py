"""The audit chain of a partition whose changes are rare: its last link is a document of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.ports.documents import Container, Create, Documents, Operation, Replace
from shared.security.principals import Origin
from shared.security.scope import TenantScope
from shared.services.records import FIRST_LINK, audit

CHAIN: Final = "chain"
"""The id of the document that says how long the chain is and what its last hash is."""


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does: what the audit record says of it."""

    action: str
    origin: Origin
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


async def linked(
    documents: Documents, scope: TenantScope, container: Container, partition: str, act: Act, *, now: datetime
) -> Sequence[Operation]:
    """The operations that add a record of ``act`` to the chain, for the transaction that does it.

    The transaction loses, with DocumentStaleError or DocumentExistsError, against one that has added
    another record meanwhile.
    """
    last = await documents.read(scope, container=container, partition=partition, id=CHAIN)
    link: Mapping[str, Any] = last.body if last else {"number": 0, "hash": FIRST_LINK}
    record = audit(
        action=act.action,
        origin=act.origin,
        number=link["number"] + 1,
        previous_hash=link["hash"],
        before=act.before,
        after=act.after,
        now=now,
    )
    body = {"id": CHAIN, "kind": CHAIN, "number": record["number"], "hash": record["hash"]}
    return [Replace(body, if_match=last.etag) if last else Create(body), Create(record)]
