"""Implements :class:`shared.ports.modules.RemoteModules`: tenants' modules over the guarded client."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from shared.domain.manifests import ModuleVersion
from shared.modules.remote.action import ModuleAction, Nothing, class_of
from shared.modules.remote.calls import Calls
from shared.ports.actions import Action
from shared.ports.clock import Clock
from shared.ports.modules import Circuit
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy
from shared.security.scope import TenantScope

KEPT: Final = 512
"""Classes that a process keeps made; the least recently used go first."""


class GuardedModules:
    def __init__(self, egress: EgressPolicy, clock: Clock, *, telemetry: Telemetry = NO_TELEMETRY) -> None:
        self._calls = Calls(egress, telemetry=telemetry)
        self._clock = clock
        # By what they are made of, compared by identity first: versions are kept by whoever reads them.
        self._made: OrderedDict[tuple[int, str], type[ModuleAction]] = OrderedDict()

    def action(self, module: ModuleVersion, name: str, keys: Sequence[str]) -> Action:
        """As the port says."""
        key = (id(module), name)
        made = self._made.get(key)
        if made is None or made.version is not module:
            made = self._made[key] = class_of(module, name)
            if len(self._made) > KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return made(self._calls, keys)

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        await self._calls.aclose()

    def gone(self, name: str) -> Action:
        """As the port says."""
        return Nothing(name)

    def circuit(self, scope: TenantScope, endpoint: str) -> Circuit:
        """As the port says."""
        return self._calls.circuits.state((scope.tenant_id, endpoint), self._clock.now())
