"""Which target a step means, and its errors as those of actions."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from shared.modules.kubernetes.api import ClusterApi
from shared.modules.kubernetes.cluster import Cluster
from shared.modules.kubernetes.kubeconfig import parse_kubeconfig
from shared.ports.actions import ActionError
from shared.ports.targets import Target, TargetError
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy

CLUSTERS_KEPT: Final = 64
"""Whose connections are kept; the least recently used go first."""


class Clusters:
    """Every cluster that kubeconfigs name, each with its connections."""

    def __init__(self, egress: EgressPolicy, telemetry: Telemetry = NO_TELEMETRY) -> None:
        self._egress = egress
        self._telemetry = telemetry
        self._known: OrderedDict[str, ClusterApi] = OrderedDict()

    def of(self, kubeconfig: str) -> Cluster:
        """The cluster that a kubeconfig names.

        Raises:
            TargetError: it cannot be used.
        """
        access = parse_kubeconfig(kubeconfig)
        if (api := self._known.get(access.fingerprint)) is None:
            api = self._known[access.fingerprint] = ClusterApi(access, self._egress, self._telemetry)
            if len(self._known) > CLUSTERS_KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(access.fingerprint)
        return Cluster(api)

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        while self._known:
            await self._known.popitem()[1].aclose()


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
                return self._clusters.of(kubeconfig)
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
