"""The approvals port: how a step asks people, and learns what they decided."""

from typing import Protocol

from shared.domain.approvals import Approval, Question
from shared.security.scope import TenantScope


class Approvals(Protocol):
    async def ask(self, scope: TenantScope, execution_id: str, step: str, question: Question) -> Approval:
        """How the approval of the step stands now.

        The first time the question is asked; after that it is what it was then. One that waits although
        its time is over is decided here, as the question says. When somebody decides at the same time,
        one of both wins, and everybody is told the same.

        Raises:
            UnavailableError: the store cannot be reached.
        """
        ...
