"""How images are built: the builder that the operator has chosen, and what it builds from."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.modules.authorization import OutboundTokens
from shared.modules.containers.building.acr import AcrBuilder
from shared.modules.containers.building.acr_tasks import AcrTasks
from shared.modules.containers.building.bases import Bases
from shared.modules.containers.building.buildah import BuildahBuilder
from shared.modules.containers.building.builtin import BuiltInBuilder
from shared.modules.containers.building.contexts import Contexts, Folders
from shared.modules.containers.building.git_contexts import GitContexts
from shared.modules.containers.building.orders import Builder
from shared.modules.containers.building.uploaded import UploadedContexts
from shared.modules.containers.builds import BuildContainer, BuildDockerImage
from shared.modules.containers.registry.leavings import RegistryLeavings
from shared.modules.containers.registry.sending import Connections
from shared.ports.actions import Action
from shared.ports.contexts import ContextStore
from shared.ports.leavings import Leavings
from shared.security.scope import TenantScope
from shared.services.build_contexts import BuildContexts
from shared.settings_registries import build_registry, resource_manager
from shared.wiring.foundation import Foundation


@dataclass(frozen=True)
class BuildServices:
    build_contexts: BuildContexts


def build_services(base: Foundation, store: ContextStore | None) -> BuildServices:
    """``store`` is where uploaded contexts are kept, by default the build registry."""
    return BuildServices(
        build_contexts=BuildContexts(
            documents=base.documents,
            store=store or UploadedContexts(base.repositories),
            chains=base.chains,
            tenants=base.tenants,
            clock=base.adapters.clock,
        )
    )


def leavings_of(base: Foundation) -> Leavings | None:
    """What executions have left in the build registry; None: there is none."""
    settings, adapters = base.settings, base.adapters
    place = build_registry(settings, adapters.local_registry)
    if place is None:
        return None
    # The local host's own takes them away in transactions; any other by what all registries can do.
    return adapters.leavings if place == adapters.local_registry else RegistryLeavings(base.repositories)


def build_actions(base: Foundation) -> Sequence[Action]:
    repositories, root = base.repositories, base.settings.contexts
    contexts = Contexts(
        UploadedContexts(repositories),
        GitContexts(base.egress),
        Folders(root, hidden=base.settings.data) if root else None,
    )

    async def allowed(scope: TenantScope) -> Sequence[str] | None:
        return (await base.configuration.settings(scope)).allowed_registries

    bases = Bases(repositories, allowed)
    builder = _builder(base, bases)
    return [action(builder, contexts, repositories, bases) for action in (BuildContainer, BuildDockerImage)]


def _builder(base: Foundation, bases: Bases) -> Builder:
    match base.settings.builder:
        case "buildah":
            return BuildahBuilder(base.repositories, bases)
        case "acr":
            return AcrBuilder(_tasks(base), base.repositories, bases)
        case _:
            return BuiltInBuilder(base.repositories, bases)


def _tasks(base: Foundation) -> AcrTasks:
    """The tasks of the build registry, asked with the platform's own identity.

    Raises:
        SettingsError: the build registry is none of Azure's, or its resource is not set.
    """
    origin = resource_manager(base.settings)
    outbound = OutboundTokens(base.adapters.credentials)
    return AcrTasks(
        Connections(base.egress, base.adapters.telemetry),
        origin,
        base.settings.build_registry_id,
        lambda: outbound.own(f"{origin}/.default"),
    )
