"""Who may do what: the question that the edge and the use cases ask before anything is done."""

from shared.ports.clock import Clock
from shared.security.authorization import ANYTHING, Circumstances, Decision, Resource, built_in
from shared.services.members import Caller


class Policies:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def require(self, caller: Caller, operation: str, resource: Resource = ANYTHING) -> Decision:
        """Let pass what the policies permit the caller to do to ``resource``, which is its own tenant's.

        Raises:
            ForbiddenError: they do not; ``policies`` names what forbids it, or that nothing permits it.
        """
        return built_in().require(
            caller.principal, operation, resource, Circumstances(self._clock.now(), caller.address)
        )
