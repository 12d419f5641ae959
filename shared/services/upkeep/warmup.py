"""Loading, once the platform is up, what was left out of its cold start."""

from collections.abc import Sequence

from shared.domain import parameters
from shared.ports.actions import Action
from shared.security import authorization
from shared.services.modules.manuals import manual


class WarmUp:
    """Makes the first work as quick as the second; without it that work loads what it needs by itself."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = actions

    def run(self) -> None:
        """Load everything: 0.3 s of imports, for a thread and not for an event loop."""
        for action in self._actions:
            action.warm_up()
            manual(action)
        parameters.warm_up()
        authorization.warm_up()
        import shared.domain.validation.stages  # noqa: F401 - for its effect
