"""Which target a step means, and its errors as those of actions."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from shared.modules.authorization import NO_TOKENS, OutboundTokens
from shared.modules.kubernetes.api import ClusterApi, Identity
from shared.modules.kubernetes.cluster import Cluster
from shared.modules.kubernetes.kubeconfig import ClusterAccess, parse_kubeconfig
from shared.ports.actions import ActionError
from shared.ports.targets import Target, TargetError
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy
from shared.security.scope import TenantScope

AKS_SCOPE: Final = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""Whom a token is for that an Azure Kubernetes Service with Entra ID takes: its server application, which is
the same in every directory ("Use kubelogin to authenticate users in AKS")."""

CLUSTERS_KEPT: Final = 64
"""Whose connections are kept; the least recently used go first."""


class Clusters:
    """Every cluster that kubeconfigs name, each with its connections."""

    def __init__(
        self,
        egress: EgressPolicy,
        outbound: OutboundTokens = NO_TOKENS,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._egress = egress
        self._outbound = outbound
        self._telemetry = telemetry
        self._known: OrderedDict[tuple[str, str], ClusterApi] = OrderedDict()

    def of(self, scope: TenantScope, kubeconfig: str) -> Cluster:
        """The cluster that a tenant's kubeconfig names.

        Raises:
            TargetError: it cannot be used.
        """
        access = parse_kubeconfig(kubeconfig)
        key = (scope.tenant_id, access.fingerprint)
        if (api := self._known.get(key)) is None:
            identity = self._identity(scope, access) if access.is_anonymous else None
            api = self._known[key] = ClusterApi(access, self._egress, identity, self._telemetry)
            if len(self._known) > CLUSTERS_KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return Cluster(api)

    def _identity(self, scope: TenantScope, access: ClusterAccess) -> Identity:
        """The platform's own, where an operator allows the tenant that, for this cluster alone."""

        async def token() -> str:
            try:
                return await self._outbound.token(
                    scope=AKS_SCOPE, tenant_id=scope.tenant_id, origin=access.origin
                )
            except ActionError as error:
                raise TargetError(error.code, error.message, retryable=error.retryable) from error

        return token

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        while self._known:
            await self._known.popitem()[1].aclose()


class Targets:
    """The platform's ``own`` target, if it has one, and every cluster that steps name themselves."""

    def __init__(self, own: Target | None = None, clusters: Clusters | None = None) -> None:
        self._own = own
        self._clusters = clusters

    def of(self, scope: TenantScope, kubeconfig: str | None) -> Target:
        """The target of a step.

        Raises:
            ActionError: it names none, and there is none by itself.
        """
        if kubeconfig is not None and self._clusters is not None:
            with told():
                return self._clusters.of(scope, kubeconfig)
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
