"""Who may do what: the question that the edge and the use cases ask before anything is done."""

from shared.ports.clock import Clock
from shared.security.authorization import ANYTHING, Circumstances, Decision, Resource, built_in
from shared.security.permissions import OPERATIONS
from shared.services.members import Caller


class Policies:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def permitted(self, caller: Caller) -> list[str]:
        """The operations that the policies permit the caller, whatever they are done to."""
        now = Circumstances(self._clock.now(), caller.address)
        return [
            operation
            for operation in sorted(OPERATIONS)
            if built_in().decide(caller.principal, operation, ANYTHING, now).allowed
        ]

    async def require(self, caller: Caller, operation: str, resource: Resource = ANYTHING) -> Decision:
        """Let pass what the policies permit the caller to do to ``resource``, which is its own tenant's.

        Raises:
            ForbiddenError: they do not; ``policies`` names what forbids it, or that nothing permits it.
        """
        return built_in().require(
            caller.principal, operation, resource, Circumstances(self._clock.now(), caller.address)
        )
