"""The documents of approvals: one for each question that a step of an execution has asked."""

import itertools
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from shared.domain.approvals import APPROVAL, Approval
from shared.domain.errors import DocumentStaleError
from shared.domain.executions import TERMINAL_STATUSES
from shared.domain.steering import terminated
from shared.ports.documents import EXECUTIONS, MAX_OPERATIONS, Documents, Patch, Path, Query
from shared.security.scope import TenantScope
from shared.services.executions.runs import Run
from shared.services.paging import bodies

PAGE: Final = 100


def question_id(step: str) -> str:
    return f"{APPROVAL}:{step}"


def changed(before: Approval, after: Approval) -> Patch:
    """From one state to the next, and from no other."""
    where: dict[Path, Any] = {
        ("approval", "status"): before.status,
        ("count",): len(before.decisions),
    }
    changes: dict[Path, Any] = {("approval",): after.to_json(), ("count",): len(after.decisions)}
    return Patch(question_id(after.step), set=changes, where=where)


async def asked_in(documents: Documents, scope: TenantScope, execution_id: str) -> dict[str, Approval]:
    """Every approval that the execution has asked for, by step."""
    query = Query(EXECUTIONS, APPROVAL, partition=execution_id, limit=PAGE)
    found = [Approval.from_json(body["approval"]) async for body in bodies(documents, scope, query)]
    return {approval.step: approval for approval in found}


async def withdraw_open(
    documents: Documents, scope: TenantScope, execution_id: str, *, now: datetime
) -> None:
    """Let nobody be asked any more what the execution has asked: it ends."""
    while True:
        asked = await asked_in(documents, scope, execution_id)
        writes = [changed(one, one.withdraw(now)) for one in asked.values() if one.waits]
        with suppress(DocumentStaleError):  # somebody has decided meanwhile: look again
            for batch in itertools.batched(writes, MAX_OPERATIONS, strict=False):
                await documents.transact(
                    scope, container=EXECUTIONS, partition=execution_id, operations=batch
                )
            return


def awaited(head: Mapping[str, Any], run: Run, step: str) -> bool:
    """Whether an execution waits for the step; one that is being cancelled does for what runs at last."""
    if head["status"] != "cancelling":
        return head["status"] not in TERMINAL_STATUSES
    return step in {one.id for one in run.plan.last} and not terminated(head)
