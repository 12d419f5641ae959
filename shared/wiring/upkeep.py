"""What keeps the platform well: the services that no member asks for by name."""

from dataclasses import dataclass

from shared.ports.actions import Catalogue
from shared.ports.remains import AllRemains
from shared.services.executions.recovery import Recovery
from shared.services.idempotency import Idempotency
from shared.services.registry.slots import Slots
from shared.services.secrets.sealing import Fingerprints, Sealer
from shared.services.upkeep.clearing import Clearing
from shared.services.upkeep.erasure import Erasure
from shared.services.upkeep.health import Health
from shared.services.upkeep.retention import Retention
from shared.services.upkeep.warmup import WarmUp
from shared.wiring.builds import BuildServices, leavings_of
from shared.wiring.executions import ExecutionServices
from shared.wiring.foundation import Foundation
from shared.wiring.tenancy import TenancyServices


@dataclass(frozen=True)
class UpkeepServices:
    recovery: Recovery
    retention: Retention
    clearing: Clearing
    erasure: Erasure
    slots: Slots
    idempotency: Idempotency
    health: Health
    warm_up: WarmUp


def upkeep_services(
    base: Foundation,
    catalogue: Catalogue,
    tenancy: TenancyServices,
    builds: BuildServices,
    executions: ExecutionServices,
) -> UpkeepServices:
    documents, adapters = base.documents, base.adapters
    return UpkeepServices(
        recovery=Recovery(
            documents=documents,
            tenants=base.tenants,
            settling=tenancy.tenant_settling,
            configuration=base.configuration,
            launcher=base.launcher,
            limits=base.limits,
            retry_orders=base.retry_orders,
            steering=executions.steering,
            clock=adapters.clock,
        ),
        retention=Retention(
            documents=documents,
            orchestrations=adapters.orchestrations,
            tenants=base.tenants,
            clock=adapters.clock,
            keep=base.settings.execution_retention,
        ),
        clearing=Clearing(
            documents=documents,
            leavings=leavings_of(base),
            tenants=base.tenants,
            clock=adapters.clock,
            keep=base.settings.execution_retention,
            old=base.settings.clear_old_builds,
        ),
        slots=base.slots,
        erasure=Erasure(
            documents=documents,
            runs=base.runs,
            orchestrations=adapters.orchestrations,
            secrets=adapters.secrets,
            contexts=builds.build_contexts,
            remains=AllRemains([adapters.remains, base.repositories]),
            tenants=base.tenants,
            settling=tenancy.tenant_settling,
            clock=adapters.clock,
        ),
        idempotency=Idempotency(
            documents=documents,
            sealer=Sealer(adapters.cursor_key, purpose="answers"),
            fingerprints=Fingerprints(adapters.cursor_key, purpose="requests"),
            clock=adapters.clock,
            ids=adapters.ids,
        ),
        health=Health(
            documents=documents,
            events=base.events,
            secrets=base.secrets,
            orchestrations=adapters.orchestrations,
            tokens=adapters.tokens,
        ),
        warm_up=WarmUp(catalogue.actions()),
    )
