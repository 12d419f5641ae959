"""Where images are: the operator's registries, and everybody else's."""

from shared.modules.authorization import OutboundTokens
from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.repositories import Operators, Repositories, operators_registry
from shared.ports.adapters import Adapters
from shared.ports.registries import RegistryPlace
from shared.security.egress import EgressPolicy
from shared.settings import Settings
from shared.settings_json import outbound_scopes
from shared.settings_registries import build_registry, registry_aliases


def repositories_of(adapters: Adapters, settings: Settings, egress: EgressPolicy) -> Repositories:
    """The repositories that steps may mean.

    Raises:
        SettingsError: a setting about registries cannot be used.
    """

    def reached(place: RegistryPlace | None) -> BuildRegistry | None:
        if place is None:
            return None
        return operators_registry(place, egress, adapters.credentials, adapters.telemetry)

    here = adapters.local_registry
    place = build_registry(settings, here)
    local = reached(here)
    operators = Operators(
        build=local if place == here else reached(place),
        local=local,
        aliases=registry_aliases(settings, here),
    )
    outbound = OutboundTokens(adapters.credentials, outbound_scopes(settings))
    return Repositories(operators, egress, outbound, adapters.telemetry)
