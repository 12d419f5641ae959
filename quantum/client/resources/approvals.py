"""Approvals: what people are asked for."""

from quantum.client.addresses import path
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.contract.approvals import ApprovalDecided, ApprovalPage, ApprovalStatus, AskedApproval


class Approvals(Resource):
    def list(
        self,
        *,
        status: ApprovalStatus | None = None,
        intent: str | None = None,
        mine: bool | None = None,
        limit: int | None = None,
    ) -> Listing[AskedApproval, ApprovalPage]:
        """Those that wait, the longest wait first; with a ``status`` others. ``mine``: that you may decide.

        ``limit`` is of one page.
        """
        params = {"status": status, "intent": intent, "mine": mine, "limit": limit}
        return Listing(self._transport, AskedApproval, ApprovalPage, path("approvals"), given(params))

    async def approve(self, execution: str, step: str, *, comment: str | None = None) -> ApprovalDecided:
        return await self._decide(execution, step, "approve", comment)

    async def reject(self, execution: str, step: str, *, comment: str | None = None) -> ApprovalDecided:
        return await self._decide(execution, step, "reject", comment)

    async def _decide(self, execution: str, step: str, verb: str, comment: str | None) -> ApprovalDecided:
        there = path("executions", execution, "steps", step, verb)
        return await self._change(ApprovalDecided, "POST", there, {"comment": comment})
