"""Who asks: what every use case is told of the request that it serves."""

from dataclasses import dataclass

from shared.domain.children import Lineage
from shared.domain.schedules import Firing
from shared.security.decisions import Decision
from shared.security.principals import Origin, Principal, Turn
from shared.security.scope import TenantScope


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated principal, its right to its tenant's documents, and the request it asks with.

    With ``occasion`` nobody asks: the platform does it in the principal's name, because a schedule or a step
    says so. ``decision`` is what permits what it does: the policies' last word about it.
    """

    principal: Principal
    scope: TenantScope
    request_id: str = ""
    address: str | None = None
    turn: Turn | None = None
    occasion: Firing | Lineage | None = None
    decision: Decision | None = None

    @property
    def origin(self) -> Origin:
        """What the audit records of this request say of it."""
        if self.occasion is not None:
            return Origin(self.occasion.actor(self.scope.tenant_id), decision=self.decision)
        return Origin(self.principal.name, self.request_id, self.address, self.turn, self.decision)
