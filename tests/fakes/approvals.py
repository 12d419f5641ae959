"""Approvals that stand as a test says."""

from shared.domain.approvals import Approval, Question
from shared.security.scope import TenantScope


class StandingApprovals:
    """Answers with ``approval``, and remembers what was asked last."""

    def __init__(self) -> None:
        self.approval: Approval | None = None
        self.asked: Question | None = None

    async def ask(self, scope: TenantScope, execution_id: str, step: str, question: Question) -> Approval:
        self.asked = question
        assert self.approval is not None
        return self.approval
