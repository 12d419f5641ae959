"""How images are built: the builder that the operator has chosen, and what it builds from."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.modules.containers.buildah import BuildahBuilder
from shared.modules.containers.builds import BuildContainer, BuildDockerImage
from shared.modules.containers.builtin import BuiltInBuilder
from shared.modules.containers.contexts import Contexts, Folders
from shared.modules.containers.orders import Builder
from shared.modules.containers.uploaded import UploadedContexts
from shared.ports.actions import Action
from shared.ports.contexts import ContextStore
from shared.services.build_contexts import BuildContexts
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


def build_actions(base: Foundation) -> Sequence[Action]:
    repositories, root = base.repositories, base.settings.contexts
    contexts = Contexts(
        UploadedContexts(repositories), Folders(root, hidden=base.settings.data) if root else None
    )
    builder = _builder(base)
    return [
        BuildContainer(builder, contexts, repositories),
        BuildDockerImage(builder, contexts, repositories),
    ]


def _builder(base: Foundation) -> Builder:
    match base.settings.builder:
        case "buildah":
            return BuildahBuilder(base.repositories)
        case _:
            return BuiltInBuilder(base.repositories)
