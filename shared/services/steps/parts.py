"""What running a step needs."""

from dataclasses import dataclass

from shared.ports.callbacks import Callbacks
from shared.ports.children import Children
from shared.ports.clock import Clock
from shared.ports.documents import Documents
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.services.executions.runs import Runs
from shared.services.modules.tenant_actions import TenantActions
from shared.services.steps.disclosures import Disclosures
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.tenants import Tenants


@dataclass(frozen=True, slots=True)
class Parts:
    """What running a step needs."""

    documents: Documents
    runs: Runs
    actions: TenantActions
    clock: Clock
    children: Children
    callbacks: Callbacks
    tenants: Tenants
    disclosures: Disclosures
    room: Room
    telemetry: Telemetry = NO_TELEMETRY
