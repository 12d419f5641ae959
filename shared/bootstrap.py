"""The composition root: the one place where the platform's parts are put together.

What belongs together is put together by a module of ``shared/wiring``, each from what is above it here.
"""

import importlib
from dataclasses import dataclass
from typing import cast

from shared.ports.actions import Catalogue
from shared.ports.adapters import Adapters
from shared.ports.contexts import ContextStore
from shared.settings import ADAPTERS, Settings
from shared.wiring.actions import built_in_actions
from shared.wiring.builds import BuildServices, build_services
from shared.wiring.delivery import DeliveryServices, delivery_services
from shared.wiring.executions import ExecutionServices, asking_people, execution_services
from shared.wiring.foundation import Foundation
from shared.wiring.modules import ModuleServices, module_services
from shared.wiring.registry import RegistryServices, registry_services
from shared.wiring.secrets import SecretServices, secret_services
from shared.wiring.tenancy import TenancyServices, tenancy_services
from shared.wiring.upkeep import UpkeepServices, upkeep_services


@dataclass(frozen=True)
class Application(
    TenancyServices,
    SecretServices,
    ModuleServices,
    RegistryServices,
    BuildServices,
    ExecutionServices,
    DeliveryServices,
    UpkeepServices,
):
    """The platform: its use cases, for the triggers to call."""

    settings: Settings
    adapters: Adapters


def load_adapters(settings: Settings) -> Adapters:
    """The parts list that the settings name; only its module is imported."""
    return cast("Adapters", importlib.import_module(ADAPTERS[settings.adapters]).build(settings))


def compose(
    adapters: Adapters,
    settings: Settings,
    *,
    catalogue: Catalogue | None = None,
    contexts: ContextStore | None = None,
) -> Application:
    """The platform over ``adapters``.

    A ``catalogue`` takes the place of the built-in actions, ``contexts`` that of the build registry.
    """
    base = Foundation.of(adapters, settings)
    secrets = secret_services(base)
    approvals = asking_people(base, secrets)
    catalogue = catalogue or built_in_actions(base, approvals)
    tenancy = tenancy_services(base)
    modules = module_services(base, catalogue)
    actions = modules.tenant_actions
    registry = registry_services(base, catalogue, tenancy, secrets, actions)
    builds = build_services(base, contexts)
    executions = execution_services(base, actions, approvals, tenancy, registry, secrets)
    delivery = delivery_services(base)
    upkeep = upkeep_services(base, catalogue, tenancy, builds, executions)
    # Each group has its own services under their own names, which its dataclass holds it to.
    groups = (tenancy, secrets, modules, registry, builds, executions, delivery, upkeep)
    parts = {name: service for group in groups for name, service in vars(group).items()}
    return Application(settings=settings, adapters=adapters, **parts)
