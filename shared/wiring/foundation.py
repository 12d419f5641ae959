"""What most use cases stand on, made first and once."""

from dataclasses import dataclass

from shared.domain.paging import Cursors
from shared.modules.containers.registry.repositories import Repositories
from shared.ports.adapters import Adapters
from shared.security.addresses import LOOPBACK
from shared.security.egress import EgressPolicy
from shared.services.audit.chains import Chains
from shared.services.executions.admission import Admission
from shared.services.executions.launching import Launcher
from shared.services.executions.limits import Limits
from shared.services.executions.nudges import Nudges
from shared.services.executions.retry_orders import RetryOrders
from shared.services.executions.runs import Runs
from shared.services.registry.slots import Slots
from shared.services.tenancy.berths import Berths
from shared.services.tenancy.policies import Policies
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.settings import Configuration
from shared.services.tenancy.tenants import Tenants
from shared.services.watched import WatchedDocuments, WatchedEvents, WatchedSecrets
from shared.settings import Settings
from shared.settings_json import allowance
from shared.wiring.containers import repositories_of


@dataclass(frozen=True, slots=True)
class Foundation:
    """What most use cases stand on."""

    adapters: Adapters
    settings: Settings
    documents: WatchedDocuments
    events: WatchedEvents
    secrets: WatchedSecrets
    cursors: Cursors
    chains: Chains
    runs: Runs
    launcher: Launcher
    limits: Limits
    configuration: Configuration
    tenants: Tenants
    room: Room
    slots: Slots
    berths: Berths
    policies: Policies
    admission: Admission
    nudges: Nudges
    retry_orders: RetryOrders
    egress: EgressPolicy
    repositories: Repositories

    @classmethod
    def of(cls, adapters: Adapters, settings: Settings) -> "Foundation":
        documents = WatchedDocuments(adapters.documents)
        runs = Runs(documents)
        launcher = Launcher(documents=documents, orchestrations=adapters.orchestrations, runs=runs)
        nudges = Nudges(
            documents=documents,
            orchestrations=adapters.orchestrations,
            launcher=launcher,
            clock=adapters.clock,
            ids=adapters.ids,
        )
        cursors = Cursors(adapters.cursor_key)
        chains = Chains(settings.audit_retention)
        limits = Limits(documents=documents, launcher=launcher, clock=adapters.clock)
        configuration = Configuration(
            documents=documents,
            chains=chains,
            limits=limits,
            clock=adapters.clock,
            allowance=allowance(settings),
        )
        tenants, room = Tenants(documents, adapters.clock), Room(documents, configuration)
        admission = Admission(limits=limits, configuration=configuration, launcher=launcher)
        egress = EgressPolicy.allowing(
            [*settings.egress_allow, *(LOOPBACK if settings.egress_loopback else ())]
        )
        return cls(
            adapters,
            settings,
            documents,
            WatchedEvents(adapters.events),
            WatchedSecrets(adapters.secrets),
            cursors,
            chains,
            runs,
            launcher,
            limits,
            configuration,
            tenants,
            room,
            Slots(documents, tenants=tenants, room=room, clock=adapters.clock, ids=adapters.ids),
            Berths(documents, room=room, clock=adapters.clock, ids=adapters.ids),
            Policies(
                documents=documents,
                chains=chains,
                cursors=cursors,
                clock=adapters.clock,
                room=room,
                telemetry=adapters.telemetry,
            ),
            admission,
            nudges,
            RetryOrders(documents=documents, chains=chains, admission=admission, launcher=launcher),
            egress,
            repositories_of(adapters, settings, egress),
        )
