"""What should happen: the services that keep, check and plan intents."""

from dataclasses import dataclass

from shared.ports.actions import Catalogue
from shared.services.modules.tenant_actions import TenantActions
from shared.services.registry.intents import Intents
from shared.services.registry.lifecycle import Lifecycle
from shared.services.registry.plans import Plans
from shared.services.registry.references import References
from shared.services.registry.registry import Registry
from shared.services.registry.schemas import Schemas
from shared.services.registry.validation import Validation
from shared.services.registry.versions import Versions
from shared.services.tenancy.policy_checks import PolicyChecks
from shared.wiring.foundation import Foundation
from shared.wiring.secrets import SecretServices
from shared.wiring.tenancy import TenancyServices


@dataclass(frozen=True)
class RegistryServices:
    validation: Validation
    schemas: Schemas
    intents: Intents
    versions: Versions
    lifecycle: Lifecycle
    plans: Plans
    policy_checks: PolicyChecks


def registry_services(
    base: Foundation,
    catalogue: Catalogue,
    tenancy: TenancyServices,
    secrets: SecretServices,
    actions: TenantActions,
) -> RegistryServices:
    documents, chains, cursors, clock = base.documents, base.chains, base.cursors, base.adapters.clock
    validation = Validation(
        documents=documents,
        actions=actions,
        configuration=base.configuration,
        url_refusal=base.egress.refusal_of_url,
    )
    references = References(documents, clock, base.adapters.ids)
    registry = Registry(
        documents=documents,
        chains=chains,
        references=references,
        room=base.room,
        slots=base.slots,
        clock=clock,
    )
    intents = Intents(
        documents=documents, registry=registry, validation=validation, cursors=cursors, clock=clock
    )
    return RegistryServices(
        validation=validation,
        schemas=Schemas(catalogue.specs(), catalogue.models()),
        intents=intents,
        versions=Versions(
            documents=documents, registry=registry, validation=validation, cursors=cursors, clock=clock
        ),
        lifecycle=Lifecycle(
            documents=documents,
            registry=registry,
            references=references,
            policies=base.policies,
            clock=clock,
        ),
        plans=Plans(
            intents=intents,
            validation=validation,
            actions=actions,
            policies=base.policies,
            secrets=secrets.secret_values,
        ),
        policy_checks=PolicyChecks(
            policies=base.policies,
            authentication=tenancy.authentication,
            intents=intents,
            clock=clock,
        ),
    )
