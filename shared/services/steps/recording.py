"""Writing down what an attempt came to: once, and also when the store is away for a while."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from shared.domain.errors import DocumentExistsError, DocumentStaleError, UnavailableError
from shared.domain.executions import Attempt
from shared.ports.documents import EXECUTIONS, Documents, Operation
from shared.security.scope import TenantScope
from shared.services.executions.runs import Run
from shared.services.steps.attempts import Record, beginnings
from shared.services.steps.packing import store_chunks

RECORD_PATIENCE = 600.0
"""Seconds for which what an action came to is kept in memory while the store is away."""
RECORD_PAUSE, RECORD_LONGEST_PAUSE = 0.5, 10.0
"""Seconds between two attempts to record it: each pause doubles, up to the longest."""


class Recording:
    """The writes of one delivery of an attempt."""

    def __init__(
        self, documents: Documents, scope: TenantScope, run: Run, attempt: Attempt, record: Record
    ) -> None:
        self._documents = documents
        self._scope = scope
        self._run = run
        self._attempt = attempt
        self._record = record

    async def settled(
        self, operations: Sequence[Operation], chunks: Sequence[Mapping[str, Any]] = ()
    ) -> bool:
        """Store what the action came to, as :meth:`write`, waiting for a store that is away.

        ``chunks`` are stored first: the operations refer to them.

        The action has run: to give up would run it again. A write that was stored although the store said
        otherwise is met as an earlier delivery's, which has recorded the same.
        """
        pause, waited = RECORD_PAUSE, 0.0
        while True:
            try:
                await store_chunks(self._documents, self._scope, self._attempt.execution_id, chunks)
                return await self.write(operations)
            except UnavailableError:
                if waited >= RECORD_PATIENCE:
                    raise
            await asyncio.sleep(pause)
            waited += pause
            pause = min(2 * pause, RECORD_LONGEST_PAUSE)

    async def write(self, operations: Sequence[Operation]) -> bool:
        """Store the operations; False when an earlier delivery of this attempt was first."""
        marks: Sequence[Operation] = ()
        if self._attempt.first and not self._run.announced:
            self._run.announced = True  # of the steps that start together, one says so
            marks = beginnings(self._record.started)
        try:
            for mark in marks:
                with contextlib.suppress(DocumentStaleError):
                    await self._transact([mark, *operations])
                    return True
            await self._transact(operations)
        except (DocumentExistsError, DocumentStaleError):
            return False
        except BaseException:
            self._run.announced = self._run.announced and not marks
            raise
        return True

    async def _transact(self, operations: Sequence[Operation]) -> None:
        await self._documents.transact(
            self._scope,
            container=EXECUTIONS,
            partition=self._attempt.execution_id,
            operations=operations,
        )
