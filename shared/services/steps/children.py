"""Children: executions that steps ask for, in the name of who executes the parent.

Place, root and child are partitions of their own. A child is counted at its root before it is stored, each
once, by a marker. It is stored under the id that follows from the attempt, where a second delivery finds it.
Whether there will be one is decided in the child's own partition, where only one of both can create the plan:
who executes it, or who cancels it before it was there.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared import logs
from shared.domain.children import MAX_DEPTH, MAX_DESCENDANTS, Child, Lineage, actor, child_id
from shared.domain.errors import (
    ConflictError,
    DocumentExistsError,
    DocumentMissingError,
    NotFoundError,
    QuantumError,
    QuotaExceededError,
    UnavailableError,
)
from shared.domain.places import Place
from shared.ports.children import ChildRefusedError, Stop
from shared.ports.documents import EXECUTIONS, Create, Document, Documents, Operation, Patch
from shared.security.principals import Origin
from shared.security.scope import TenantScope
from shared.services.executions.executions import Executions
from shared.services.executions.freshness import catch_up
from shared.services.executions.launching import Launcher
from shared.services.executions.states import shown_status
from shared.services.executions.steering import Steering
from shared.services.steps.attempts import HEAD, OUTPUTS
from shared.services.steps.packing import read_whole
from shared.services.tenancy.authentication import Authentication

WITHDRAWN: Final = "withdrawn"
WITHDRAWN_KEPT: Final = 30 * 86_400
"""Seconds for which it is remembered that a child was cancelled before it was there."""
MESSAGE: Final = 1000
"""Most characters of why there is no child that are told."""


class Children:
    """As the port says."""

    def __init__(
        self,
        *,
        documents: Documents,
        authentication: Authentication,
        executions: Executions,
        steering: Steering,
        launcher: Launcher,
    ) -> None:
        self._documents = documents
        self._authentication = authentication
        self._executions = executions
        self._steering = steering
        self._launcher = launcher

    async def begin(
        self, scope: TenantScope, parent: Place, intent: str, parameters: Mapping[str, Any]
    ) -> Child:
        """As the port says. What one delivery is refused, no other gets: who is first decides for all."""
        with logs.about(child_id=child_id(parent, scope.tenant_id)):
            child = await self._begun(scope, parent, intent, parameters)
            await self._hold(scope, parent, child)
            return child

    async def _begun(
        self, scope: TenantScope, parent: Place, intent: str, parameters: Mapping[str, Any]
    ) -> Child:
        if (child := await self._brought_back(scope, parent)) is not None:
            return child
        try:
            return await self._execute(scope, parent, intent, parameters)
        except ChildRefusedError:
            if (child := await self._withdraw(scope, parent)) is None:
                raise
        except DocumentExistsError:
            if (child := await self._brought_back(scope, parent)) is None:
                raise ChildRefusedError(
                    "CHILD_CANCELLED", "it was refused, or cancelled before it began"
                ) from None
        return child

    async def _hold(self, scope: TenantScope, parent: Place, child: Child) -> None:
        """Pause the child if its parent is paused, perhaps since before the child was there to be seen."""
        await catch_up(self._documents, scope, parent.execution_id)
        head = (await self._executions.head(scope, parent.execution_id)).body
        if head["status"] == "paused" and not child.ended:
            await self._steering.lead(scope, parent.execution_id, child.execution_id)

    async def _execute(
        self, scope: TenantScope, parent: Place, intent: str, parameters: Mapping[str, Any]
    ) -> Child:
        head = (await self._executions.head(scope, parent.execution_id)).body
        lineage = Lineage.below(head, parent)
        await self._require_room(scope, lineage, intent)
        try:
            caller = await self._authentication.acting(scope, lineage, **head["owner"])
            dry_run = head.get("dry_run", False)
            made = await self._executions.execute(caller, intent, parameters, dry_run=dry_run)
        except (UnavailableError, DocumentExistsError):
            raise
        except QuantumError as error:
            message = f"{intent!r} cannot be executed: {_told(error)}"[:MESSAGE]
            full = isinstance(error, QuotaExceededError)
            raise ChildRefusedError("CHILD_REFUSED", message, retryable=full) from error
        return Child(made.execution_id, made.intent_id, made.status, made.created_at)

    async def look(self, scope: TenantScope, parent: Place) -> Child | None:
        """As the port says. By a write, which gives back no old state: the end is told once."""
        execution_id = child_id(parent, scope.tenant_id)
        try:
            (document,) = await self._transact(scope, execution_id, Patch(HEAD, increment={("looks",): 1}))
        except DocumentMissingError:
            return None
        assert document is not None  # a patch gives back what it stored
        head = document.body
        outputs = None
        if head["status"] == "completed":
            found = await self._documents.read(
                scope, container=EXECUTIONS, partition=execution_id, id=OUTPUTS
            )
            outputs = await read_whole(self._documents, scope, execution_id, found.body) if found else None
        return Child(
            execution_id,
            head["intent_id"],
            shown_status(head["status"]),
            head["created_at"],
            outputs,
            head["error"],
            foreseen=bool((head.get("undecided") or {}).get("outputs")),
        )

    async def stop(self, scope: TenantScope, parent: Place, how: Stop) -> Child | None:
        """As the port says."""
        child = await self._withdraw(scope, parent)
        if child is not None and not child.ended:
            origin = Origin(actor(parent.execution_id, scope.tenant_id))
            with contextlib.suppress(ConflictError):  # it has ended meanwhile, and says so itself
                await self._steering.apply(scope, origin, child.execution_id, how)
                if child.status == "pending":  # nobody may have started it yet
                    await self._launcher.recover(scope, child.execution_id)
        return child

    async def _withdraw(self, scope: TenantScope, parent: Place) -> Child | None:
        """The child that there is; None: there is none, and now never will be."""
        execution_id = child_id(parent, scope.tenant_id)
        never = Create({"id": "plan", "kind": WITHDRAWN}, ttl=WITHDRAWN_KEPT)
        while (child := await self.look(scope, parent)) is None:
            try:
                await self._transact(scope, execution_id, never)
            except DocumentExistsError:
                if not await self._withdrawn(scope, execution_id):
                    continue  # it began meanwhile
            return None
        return child

    async def _brought_back(self, scope: TenantScope, parent: Place) -> Child | None:
        """The child that there is, on its way."""
        child = await self.look(scope, parent)
        if child is not None and child.status == "pending":
            await self._launcher.recover(scope, child.execution_id)
        return child

    async def _withdrawn(self, scope: TenantScope, execution_id: str) -> bool:
        plan = await self._documents.read(scope, container=EXECUTIONS, partition=execution_id, id="plan")
        return plan is not None and plan.body["kind"] != "plan"  # or one that took too long to be stored

    async def _require_room(self, scope: TenantScope, lineage: Lineage, intent: str) -> None:
        """Count the child at its root.

        Raises:
            ChildRefusedError: it would stand too deep, or there are too many.
        """
        if lineage.depth > MAX_DEPTH:
            raise ChildRefusedError(
                "CHILD_DEPTH",
                f"{intent!r} would stand deeper than {MAX_DEPTH} below its root; what led there is "
                f"{lineage.chain} → {intent}",
            )
        counted = await self._count(scope, lineage)
        if counted > MAX_DESCENDANTS:
            raise ChildRefusedError(
                "CHILD_LIMIT",
                f"the execution {lineage.root} has had {MAX_DESCENDANTS} executions below it, which is as "
                f"many as are allowed; what led there is {lineage.chain} → {intent}",
            )

    async def _count(self, scope: TenantScope, lineage: Lineage) -> int:
        """How many there are below the root with this one, which is counted once."""
        marker = {"id": f"descendant:{lineage.execution_id(scope.tenant_id)}", "kind": "descendant"}
        try:
            _, head = await self._transact(
                scope, lineage.root, Create(marker), Patch(HEAD, increment={("descendants",): 1})
            )
        except DocumentExistsError:
            head = await self._executions.head(scope, lineage.root)
        except DocumentMissingError:
            raise NotFoundError(f"There is no execution {lineage.root}") from None
        assert head is not None  # a patch gives back what it stored
        counted: int = head.body["descendants"]
        return counted

    async def _transact(
        self, scope: TenantScope, execution_id: str, *operations: Operation
    ) -> Sequence[Document | None]:
        return await self._documents.transact(
            scope, container=EXECUTIONS, partition=execution_id, operations=operations
        )


def _told(error: QuantumError) -> str:
    places = "; ".join(f"{one.pointer}: {one.message}" for one in error.errors)
    return f"{error.message}: {places}" if places else error.message
