"""Admission: which limit is about an execution, and whether it holds it back."""

from collections.abc import Mapping
from typing import Any

from shared.domain.children import Lineage
from shared.domain.definitions import Concurrency
from shared.domain.executions import QUEUED
from shared.domain.limits import claim_of
from shared.security.scope import TenantScope
from shared.services.executions.launching import Launcher
from shared.services.executions.limits import Limits
from shared.services.executions.runs import Run
from shared.services.tenancy.settings import Configuration


class Admission:
    def __init__(self, *, limits: Limits, configuration: Configuration, launcher: Launcher) -> None:
        self._limits = limits
        self._configuration = configuration
        self._launcher = launcher

    async def enter(
        self,
        scope: TenantScope,
        head: dict[str, Any],
        concurrency: Concurrency | None,
        lineage: Lineage | None = None,
    ) -> None:
        """Have the head of an execution that is about to be stored say whether a limit holds it back.

        No limit is about a dry run.

        Raises:
            QuotaExceededError: one does, and it is to be refused then.
        """
        if head.get("dry_run"):
            return
        limit = await self._configuration.max_concurrent_executions(scope)
        claim = claim_of(head["intent_id"], concurrency, lineage, tenant_limited=limit is not None)
        if claim is None:
            return
        head["limited"] = True
        if await self._limits.enter(scope, head["execution_id"], claim, limit=limit) != "admitted":
            head["status"] = QUEUED

    async def enter_again(
        self, scope: TenantScope, head: dict[str, Any], concurrency: Mapping[str, Any] | None
    ) -> None:
        """The same for a retry, which is bound to happen and never refused; ``concurrency`` is as stored."""
        waits = Concurrency(limit=concurrency["limit"]) if concurrency else None
        await self.enter(scope, head, waits)

    async def look(self, scope: TenantScope, execution_id: str) -> None:
        """Let an execution go that is stored as queued, if its turn came before."""
        await self._limits.look(scope, execution_id)

    async def begin(self, scope: TenantScope, head: dict[str, Any], run: Run) -> None:
        """Start an execution that has just been stored, unless it waits for its turn."""
        if head["status"] == QUEUED:
            await self._limits.look(scope, head["execution_id"])
        else:
            await self._launcher.start(scope, head["execution_id"], run)

    async def waiting(self, scope: TenantScope, execution_id: str) -> Mapping[str, Any] | None:
        """Why it waits for its turn; None: it does not, or no more."""
        return await self._limits.waiting(scope, execution_id)

    async def never_stored(self, scope: TenantScope, execution_id: str) -> bool:
        """Whether it took so long to store the execution that its ticket was taken and it must not be."""
        return await self._limits.fenced(scope, execution_id)
