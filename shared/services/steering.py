"""Steering what runs: cancelling executions."""

from collections.abc import Mapping
from typing import Any

from shared.domain.errors import ConflictError, DocumentExistsError, DocumentStaleError
from shared.domain.executions import TERMINAL_STATUSES, Execution
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, Documents, Patch
from shared.security.principals import Origin
from shared.security.scope import TenantScope
from shared.services.attempts import HEAD
from shared.services.chains import Act, Chains
from shared.services.executions import Executions, chain_of
from shared.services.launching import Launcher
from shared.services.members import Caller
from shared.services.receipts import Record, once


class Steering:
    def __init__(
        self,
        *,
        documents: Documents,
        chains: Chains,
        executions: Executions,
        launcher: Launcher,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._chains = chains
        self._executions = executions
        self._launcher = launcher
        self._clock = clock

    async def cancel(self, caller: Caller, execution_id: str) -> Execution:
        """Ask a running execution to stop: what runs is given up, what has not begun never does.

        Asking again while it is being cancelled changes nothing.

        Raises:
            NotFoundError: absent, or another tenant's.
            ConflictError: it has come to its end.
        """

        async def done(_: Record) -> Execution:
            await self._launcher.recover(caller.scope, execution_id)
            return await self._executions.get(caller, execution_id)

        work = self._cancel(caller, execution_id)
        return await once(self._documents, chain_of(caller.scope, execution_id), caller.turn, work, done=done)

    async def _cancel(self, caller: Caller, execution_id: str) -> Execution:
        await self.stop(caller.scope, caller.origin, execution_id)
        return await self._executions.get(caller, execution_id)

    async def stop(self, scope: TenantScope, origin: Origin, execution_id: str) -> None:
        """Have it cancelled because of ``origin``.

        Raises:
            NotFoundError: there is no such execution.
            ConflictError: it has come to its end.
        """
        while True:
            head = (await self._executions.head(scope, execution_id)).body
            if head["status"] in TERMINAL_STATUSES:
                raise ConflictError(f"The execution has already ended: it is {head['status']}")
            if head["status"] == "cancelling" or await self._mark_cancelling(scope, origin, head):
                break
        await self._launcher.signal_cancel(execution_id)

    async def _mark_cancelling(self, scope: TenantScope, origin: Origin, head: Mapping[str, Any]) -> bool:
        """Write the wish down with its audit record; False if the execution moved on meanwhile."""
        act = Act("execution.cancel", origin, {"status": head["status"]}, {"status": "cancelling"})
        chain = chain_of(scope, head["execution_id"])
        entry = self._chains.add(chain, head["audit"], act, now=self._clock.now())
        mark = Patch(
            HEAD,
            set={("status",): "cancelling", ("audit",): entry.link},
            where={("status",): head["status"], ("audit", "hash"): head["audit"]["hash"]},
        )
        try:
            await self._documents.transact(
                scope,
                container=EXECUTIONS,
                partition=head["execution_id"],
                operations=[mark, *entry.operations],
            )
        except (DocumentStaleError, DocumentExistsError):
            return False
        return True
