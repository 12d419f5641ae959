"""Who may: the services that know tenants, their members and what these are permitted."""

from dataclasses import dataclass

from shared.services.tenancy.authentication import Authentication
from shared.services.tenancy.changes import TenantChanges
from shared.services.tenancy.members import Members
from shared.services.tenancy.policies import Policies
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.rates import Rates
from shared.services.tenancy.settings import Configuration
from shared.services.tenancy.standings import TenantSettling
from shared.services.tenancy.strangers import Strangers
from shared.services.tenancy.tenants import Tenants
from shared.services.tenancy.usage import Usages
from shared.settings_json import platform_admins
from shared.wiring.foundation import Foundation


@dataclass(frozen=True)
class TenancyServices:
    tenants: Tenants
    configuration: Configuration
    members: Members
    tenant_changes: TenantChanges
    tenant_settling: TenantSettling
    authentication: Authentication
    strangers: Strangers
    policies: Policies
    rates: Rates
    room: Room
    usages: Usages


def tenancy_services(base: Foundation) -> TenancyServices:
    documents, adapters, rates = base.documents, base.adapters, _rates(base)
    members = Members(
        documents,
        chains=base.chains,
        cursors=base.cursors,
        clock=adapters.clock,
        room=base.room,
        policies=base.policies,
        issuers=adapters.tokens.issuers,
        admins=platform_admins(base.settings, adapters.tokens.issuers),
    )
    settling = TenantSettling(
        documents=documents, tenants=base.tenants, members=members, chains=base.chains, clock=adapters.clock
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
        tenant_changes=TenantChanges(
            documents=documents,
            tenants=base.tenants,
            configuration=base.configuration,
            members=members,
            settling=settling,
            chains=base.chains,
            cursors=base.cursors,
            clock=adapters.clock,
        ),
        tenant_settling=settling,
        authentication=Authentication(members, base.tenants, adapters.tokens, adapters.clock, strangers),
        strangers=strangers,
        policies=base.policies,
        rates=rates,
        room=base.room,
        usages=_usages(base, rates),
    )


def _rates(base: Foundation) -> Rates:
    return Rates(
        documents=base.documents,
        configuration=base.configuration,
        clock=base.adapters.clock,
        telemetry=base.adapters.telemetry,
    )


def _usages(base: Foundation, rates: Rates) -> Usages:
    return Usages(
        configuration=base.configuration,
        room=base.room,
        slots=base.slots,
        berths=base.berths,
        limits=base.limits,
        rates=rates,
    )
