"""Which target a step means, and its errors as those of actions."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from shared.ports.actions import ActionError
from shared.ports.targets import Target, TargetError

type Clusters = Callable[[str], Target]
"""The cluster that a kubeconfig names; it raises :class:`TargetError` where that cannot be used."""


class Targets:
    """The platform's ``own`` target, if it has one, and every cluster that steps name themselves."""

    def __init__(self, own: Target | None = None, clusters: Clusters | None = None) -> None:
        self._own = own
        self._clusters = clusters

    def of(self, kubeconfig: str | None) -> Target:
        """The target of a step.

        Raises:
            ActionError: it names none, and there is none by itself.
        """
        if kubeconfig is not None and self._clusters is not None:
            with told():
                return self._clusters(kubeconfig)
        if kubeconfig is None and self._own is not None:
            return self._own
        message = "there is no target to deploy to: give the step a 'kubeconfig', kept as a secret"
        raise ActionError("NO_TARGET", message, retryable=False)

    def where(self, parameters: Mapping[str, Any]) -> str | None:
        """What plans call the target of a step with these parameters."""
        if parameters.get("kubeconfig") is not None:
            return "the cluster of its kubeconfig"
        return self._own.name if self._own is not None else None


NO_TARGETS: Final = Targets()
"""Of a platform where every step must name its cluster."""


@contextmanager
def told() -> Iterator[None]:
    """What a target cannot do in this block fails the attempt."""
    try:
        yield
    except TargetError as error:
        raise ActionError(error.code, error.message, retryable=error.retryable) from error
