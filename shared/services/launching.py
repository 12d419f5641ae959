"""Starting the orchestrations of executions, and bringing back on their way those that were left behind.

An execution is stored before its orchestration is started, and a wish before it is signalled.
"""

import logging

from shared.domain.errors import UnavailableError
from shared.domain.executions import TERMINAL_STATUSES
from shared.ports.documents import EXECUTIONS, Documents
from shared.ports.orchestrations import Orchestrations
from shared.security.scope import TenantScope
from shared.services.attempts import HEAD
from shared.services.runs import Run, Runs
from shared.workflow.cutting import work_of

ORCHESTRATOR = "execution"
"""The orchestrator that runs a plan; its instance id is the execution's id."""

_log = logging.getLogger(__name__)


class Launcher:
    def __init__(self, *, documents: Documents, orchestrations: Orchestrations, runs: Runs) -> None:
        self._documents = documents
        self._orchestrations = orchestrations
        self._runs = runs

    async def start(self, scope: TenantScope, execution_id: str, run: Run) -> None:
        """Start the orchestration of a stored execution; if that cannot be done now, recovery does it."""
        work = work_of(run.plan, tenant_id=scope.tenant_id, execution_id=execution_id, kept=run.kept)
        try:
            await self._orchestrations.start(
                instance_id=execution_id, orchestrator=ORCHESTRATOR, input=work.to_json()
            )
        except UnavailableError:
            _log.warning("execution %s is stored but not started; recovery will start it", execution_id)

    async def signal_cancel(self, execution_id: str) -> None:
        """Tell the orchestration that it is cancelled; if that cannot be done now, recovery does it."""
        try:
            await self._orchestrations.raise_event(instance_id=execution_id, name="cancel")
        except UnavailableError:
            _log.warning("the cancellation of %s is stored but not signalled; recovery will", execution_id)

    async def recover(self, scope: TenantScope, execution_id: str) -> None:
        """Bring a stranded execution back on its way: start what was stored, signal what was asked for.

        Both are harmless when they were done before. A retry that has not kept all yet is left alone.
        """
        head = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        run = await self._runs.load(scope, execution_id)
        if head is None or run is None or head.body["status"] in TERMINAL_STATUSES:
            return
        if head.body.get("keeping"):
            return
        await self.start(scope, execution_id, run)
        if head.body["status"] == "cancelling":
            await self.signal_cancel(execution_id)
