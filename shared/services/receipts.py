"""Receipts: how a request that is sent again finds out that it was done.

A change that is asked for with an ``Idempotency-Key`` stores a receipt in its own transaction, beside the
audit record, under an id that all have in common who do this request: its ``Turn``'s (``principals.py``).
So it is done once: a second transaction meets the receipt. And whoever does it again, because a process died
or a store was in doubt, may find that the name is taken or the state another, by the request's own doing:
where the work fails, the receipt is looked for, and if it is there, the answer is what was done.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from shared.domain.errors import DocumentError, DocumentMissingError, QuantumError, UnavailableError
from shared.ports.documents import Documents, Patch
from shared.security.principals import Turn
from shared.services.audit.chains import RECORD, Chain, receipt_id

type Record = Mapping[str, Any]
"""The stored audit record of what was done."""


async def once[T](
    documents: Documents,
    chain: Chain,
    turn: Turn | None,
    work: Awaitable[T],
    *,
    done: Callable[[Record], Awaitable[T]],
) -> T:
    """What ``work`` comes to; if it fails and the same request was done before, what ``done`` shows of that.

    ``chain`` is where the work would leave its record. Without a turn this is the work and nothing else.

    Raises:
        UnavailableError: the work met something of its own that cannot be seen yet.
    """
    try:
        return await work
    except QuantumError as error:
        record = await _record(documents, chain, turn) if turn else None
        if record is not None:
            return await done(record)
        if turn and isinstance(error, DocumentError):
            raise UnavailableError from error
        raise


async def _record(documents: Documents, chain: Chain, turn: Turn) -> Record | None:
    """The record that the receipt names; None if there is no receipt.

    It is looked for by a write, which gives back no old state and leaves nothing where there is none.
    """
    look = Patch(receipt_id(turn), increment={("looks",): 1})
    try:
        (receipt,) = await documents.transact(
            chain.scope, container=chain.container, partition=chain.partition, operations=[look]
        )
    except DocumentMissingError:
        return None
    assert receipt is not None  # a patch gives back what it stored
    record = await documents.read(
        chain.scope,
        container=chain.container,
        partition=chain.partition,
        id=f"{RECORD}:{receipt.body['record']}",
    )
    if record is None:
        raise UnavailableError  # it was stored with the receipt, and is kept longer
    return record.body
