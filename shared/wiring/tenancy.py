"""Who may: the services that know tenants, their members and what these are permitted."""

from dataclasses import dataclass

from shared.services.authentication import Authentication
from shared.services.members import Members
from shared.services.policies import Policies
from shared.services.quotas import Room
from shared.services.rates import Rates
from shared.services.strangers import Strangers
from shared.services.tenant_settings import Configuration
from shared.services.tenants import Tenants
from shared.wiring.foundation import Foundation


@dataclass(frozen=True)
class TenancyServices:
    tenants: Tenants
    configuration: Configuration
    members: Members
    authentication: Authentication
    strangers: Strangers
    policies: Policies
    rates: Rates
    room: Room


def tenancy_services(base: Foundation) -> TenancyServices:
    documents, adapters = base.documents, base.adapters
    members = Members(
        documents, chains=base.chains, cursors=base.cursors, clock=adapters.clock, room=base.room
    )
    strangers = Strangers(
        adapters.clock,
        failures=base.settings.failed_sign_ins,
        requests=base.settings.anonymous_requests,
    )
    return TenancyServices(
        tenants=base.tenants,
        configuration=base.configuration,
        members=members,
        authentication=Authentication(members, adapters.tokens, adapters.clock, strangers),
        strangers=strangers,
        policies=base.policies,
        rates=Rates(
            documents=documents,
            configuration=base.configuration,
            clock=adapters.clock,
            telemetry=adapters.telemetry,
        ),
        room=base.room,
    )
