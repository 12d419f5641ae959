"""Starting the orchestrations of executions, and bringing back on their way those that were left behind.

An execution is stored before its orchestration is started, and a wish before it is signalled.
"""

import logging
from collections.abc import Mapping
from typing import Any

from shared.domain.errors import UnavailableError
from shared.domain.executions import TERMINAL_STATUSES, waits_for_turn
from shared.domain.steering import terminated
from shared.ports.documents import EXECUTIONS, Documents
from shared.ports.orchestrations import Orchestrations
from shared.security.scope import TenantScope
from shared.services.executions.runs import Run, Runs
from shared.services.steps.attempts import HEAD
from shared.workflow.cutting import work_of
from shared.workflow.steering import Word
from shared.workflow.stopping import CANCEL, NUDGE

ORCHESTRATOR = "execution"
"""The orchestrator that runs a plan; its instance id is the execution's id."""

_log = logging.getLogger(__name__)


class Launcher:
    def __init__(self, *, documents: Documents, orchestrations: Orchestrations, runs: Runs) -> None:
        self._documents = documents
        self._orchestrations = orchestrations
        self._runs = runs

    async def start(
        self, scope: TenantScope, execution_id: str, run: Run, *, steered: int = 0, paused: bool = False
    ) -> None:
        """Start the orchestration of a stored execution; if that cannot be done now, recovery does it.

        ``steered`` is the number of the last wish that it is started behind: it heeds no older word. If
        ``paused``, it begins nothing before it is told more. If it runs already, nothing happens.
        """
        try:
            await self._start(scope, execution_id, run, steered=steered, paused=paused)
        except UnavailableError:
            _log.warning("execution %s is stored but not started; recovery will start it", execution_id)

    async def start_for(self, scope: TenantScope, execution_id: str, word: Word) -> None:
        """Have the orchestration be there to be told to pause or resume: what is not there hears nothing.

        It is started as the word would leave it. A retry that has not kept all yet is left alone: its status
        says how to start it when that has been done.

        Raises:
            UnavailableError: it cannot be started now.
        """
        head = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        run = await self._runs.load(scope, execution_id)
        if head is not None and run is not None and not head.body.get("keeping"):
            paused = "pause" in word
            steered = word["pause" if paused else "resume"]
            await self._start(scope, execution_id, run, steered=steered, paused=paused)

    async def _start(
        self, scope: TenantScope, execution_id: str, run: Run, *, steered: int, paused: bool
    ) -> None:
        work = work_of(
            run.plan,
            tenant_id=scope.tenant_id,
            execution_id=execution_id,
            kept=run.kept,
            compensates=not run.dry_run,
        )
        work.steered, work.paused = steered, paused
        await self._orchestrations.start(
            instance_id=execution_id, orchestrator=ORCHESTRATOR, input=work.to_json()
        )

    async def stop(self, head: Mapping[str, Any]) -> None:
        """Tell the orchestration that it is cancelled or terminated; if that cannot be now, recovery does it.

        A cancellation ends a pause, also in what comes after the steps, which is not cancelled.
        """
        execution_id = head["execution_id"]
        words: list[tuple[str, Any]] = [(CANCEL, None)]
        if terminated(head):
            words = [(NUDGE, {"terminate": True})]
        elif (head.get("stop") or {}).get("held", True):
            words.append((NUDGE, {"resume": head["audit"]["number"]}))
        try:
            for name, data in words:
                await self._orchestrations.raise_event(instance_id=execution_id, name=name, data=data)
        except UnavailableError:
            _log.warning("the end of %s is wished but not signalled; recovery will signal it", execution_id)

    async def recover(self, scope: TenantScope, execution_id: str) -> None:
        """Bring a stranded execution back on its way: start what was stored, signal what was asked for.

        Both are harmless when they were done before. What waits for its turn is left alone, and so is a retry
        that has not kept all yet.
        """
        document = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id=HEAD)
        run = await self._runs.load(scope, execution_id)
        if document is None or run is None or document.body["status"] in TERMINAL_STATUSES:
            return
        head = document.body
        if head.get("keeping") or waits_for_turn(head):
            return
        held = head["status"] in {"paused", "cancelling"}
        await self.start(scope, execution_id, run, steered=head["audit"]["number"], paused=held)
        if head["status"] == "cancelling":
            await self.stop(head)
