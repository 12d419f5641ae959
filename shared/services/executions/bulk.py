"""Steering or retrying many executions by one request: each by the same use case as alone.

Which they are is decided once. A request that may be sent again stores that before it does anything, so that
sent again it does not go on to others, although what it has done has changed what the filter finds.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from shared.domain.bulk import BulkResult, BulkWish, Done
from shared.domain.errors import DocumentExistsError, QuantumError, UnavailableError
from shared.domain.retrying import Retrial
from shared.domain.steering import PERMISSIONS
from shared.ports.documents import COUNTERS, Create, Documents
from shared.services.callers import Caller
from shared.services.executions.executions import Executions
from shared.services.executions.retrying import Retrying
from shared.services.executions.steering import Steering
from shared.services.tenancy.policies import Policies

AT_ONCE: Final = 8
"""So many are steered side by side: others have their turn at the store."""
RETRY: Final = "executions.retry"
"""What one must be permitted to retry them."""
SELECTION: Final = "selection"
"""The id, and the kind, of the document that says which executions a request is about."""
SELECTION_KEPT: Final = timedelta(hours=25)
"""As long as the receipts of what was done to them (``chains.py``)."""

type _Selected = tuple[Sequence[str], str | None]
"""The ids, and the cursor behind them."""


class Bulk:
    def __init__(
        self,
        *,
        documents: Documents,
        executions: Executions,
        steering: Steering,
        retrying: Retrying,
        policies: Policies,
    ) -> None:
        self._documents = documents
        self._retrying = retrying
        self._executions = executions
        self._steering = steering
        self._policies = policies

    async def steer(self, caller: Caller, wish: BulkWish) -> BulkResult:
        """Steer a page of the executions that are selected; one that cannot be says so, and stops no other.

        Raises:
            ForbiddenError: the caller may not do that to executions.
            BadCursorError: the cursor is not of this filter.
            UnavailableError: the answer would be kept, and is not the last word about one of them.
        """
        operation = RETRY if wish.verb == "retry" else PERMISSIONS[wish.verb]
        caller = await self._policies.require(caller, operation)
        ids, following = await self._selected(caller, wish)
        room = asyncio.Semaphore(AT_ONCE)

        async def one(execution_id: str) -> Done:
            async with room:
                try:
                    return await self._do(caller, execution_id, wish)
                except QuantumError as error:
                    return Done(execution_id, error=error)

        done = await asyncio.gather(*map(one, ids))
        if caller.turn is not None:
            _require_final(done)
        return BulkResult(done, following)

    async def _do(self, caller: Caller, execution_id: str, wish: BulkWish) -> Done:
        if wish.verb == "retry":
            made = await self._retrying.retry(caller, execution_id, Retrial(wish.origin, reason=wish.reason))
            return Done(execution_id, made.status, made.execution_id)
        found = await self._steering.steer(caller, execution_id, wish.verb, reason=wish.reason)
        return Done(execution_id, found.status)

    async def _selected(self, caller: Caller, wish: BulkWish) -> _Selected:
        """Which executions the request is about, the same however often it is done."""
        if caller.turn is None:
            return await self._select(caller, wish)
        partition = f"bulk:{caller.turn.id}"
        if (kept := await self._kept(caller, partition)) is not None:
            return kept
        ids, following = await self._select(caller, wish)
        body = {"id": SELECTION, "kind": SELECTION, "ids": list(ids), "following": following}
        selection = Create(body, ttl=int(SELECTION_KEPT.total_seconds()))
        with contextlib.suppress(DocumentExistsError):
            await self._documents.transact(
                caller.scope, container=COUNTERS, partition=partition, operations=[selection]
            )
            return ids, following
        if (kept := await self._kept(caller, partition)) is None:
            raise UnavailableError  # another turn has stored it, and it cannot be seen yet
        return kept

    async def _kept(self, caller: Caller, partition: str) -> _Selected | None:
        document = await self._documents.read(
            caller.scope, container=COUNTERS, partition=partition, id=SELECTION
        )
        return (document.body["ids"], document.body["following"]) if document else None

    async def _select(self, caller: Caller, wish: BulkWish) -> _Selected:
        found, following = await self._executions.list(
            caller, wish.selected, limit=wish.limit, cursor=wish.cursor
        )
        return [one.execution_id for one in found], following


def _require_final(done: Sequence[Done]) -> None:
    """Let pass what may be told whenever the request is sent again.

    Raises:
        UnavailableError: sent again, it may come to something else.
    """
    open_ = [one for one in done if isinstance(one.error, UnavailableError)]
    if open_:
        raise UnavailableError(
            f"{len(open_)} of {len(done)} executions could not be reached: send the request again, and only "
            "those are looked at"
        )
