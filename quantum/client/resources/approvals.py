"""Approvals: what people are asked for."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from quantum.client.addresses import path
from quantum.client.resources.executions import Executions
from quantum.client.resources.resource import Resource
from quantum.client.transport import Transport
from quantum.contract.approvals import Approval, ApprovalDecided


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """A step that waits for people."""

    execution_id: str
    intent_id: str
    step: str
    approval: Approval


class Approvals(Resource):
    def __init__(self, transport: Transport, executions: Executions) -> None:
        super().__init__(transport)
        self._executions = executions

    async def pending(self, *, intent: str | None = None) -> AsyncIterator[PendingApproval]:
        """All that wait in the tenant, of the newest execution first; it reads each execution that waits."""
        async for head in self._executions.list(intent=intent, status="waiting"):
            for step in (await self._executions.get(head.execution_id)).steps:
                if step.approval is not None and step.approval.status == "waiting":
                    yield PendingApproval(head.execution_id, head.intent_id, step.id, step.approval)

    async def approve(self, execution: str, step: str, *, comment: str | None = None) -> ApprovalDecided:
        return await self._decide(execution, step, "approve", comment)

    async def reject(self, execution: str, step: str, *, comment: str | None = None) -> ApprovalDecided:
        return await self._decide(execution, step, "reject", comment)

    async def _decide(self, execution: str, step: str, verb: str, comment: str | None) -> ApprovalDecided:
        there = path("executions", execution, "steps", step, verb)
        return await self._change(ApprovalDecided, "POST", there, {"comment": comment})
