"""What happens: the services that start, steer, run and end executions."""

from dataclasses import dataclass

from shared.services.executions.bulk import Bulk
from shared.services.executions.details import StepDetails
from shared.services.executions.endings import Endings
from shared.services.executions.executions import Executions
from shared.services.executions.launching import Launcher
from shared.services.executions.limits import Limits
from shared.services.executions.nudges import Nudges
from shared.services.executions.outputs import Outputs
from shared.services.executions.retry_orders import RetryOrders
from shared.services.executions.retrying import Retrying
from shared.services.executions.steering import Steering
from shared.services.modules.tenant_actions import TenantActions
from shared.services.schedules.agenda import Agenda
from shared.services.schedules.firings import FiringSchedules
from shared.services.schedules.schedules import Schedules
from shared.services.secrets.sealing import Addresses
from shared.services.steps.approvals import Approvals
from shared.services.steps.callbacks import Callbacks
from shared.services.steps.children import Children
from shared.services.steps.inbox import Inbox
from shared.services.steps.parts import Parts
from shared.services.steps.steps import Steps
from shared.wiring.foundation import Foundation
from shared.wiring.registry import RegistryServices
from shared.wiring.secrets import SecretServices
from shared.wiring.tenancy import TenancyServices


@dataclass(frozen=True)
class ExecutionServices:
    executions: Executions
    steps: Steps
    endings: Endings
    steering: Steering
    retrying: Retrying
    bulk: Bulk
    children: Children
    callbacks: Callbacks
    approvals: Approvals
    inbox: Inbox
    outputs: Outputs
    step_details: StepDetails
    schedules: Schedules
    firing_schedules: FiringSchedules
    launcher: Launcher
    limits: Limits
    nudges: Nudges
    retry_orders: RetryOrders


def asking_people(base: Foundation, secrets: SecretServices) -> Approvals:
    """What the action ``approval`` asks people with."""
    return Approvals(
        documents=base.documents,
        chains=base.chains,
        runs=base.runs,
        nudges=base.nudges,
        disclosures=secrets.disclosures,
        clock=base.adapters.clock,
    )


def execution_services(
    base: Foundation,
    actions: TenantActions,
    approvals: Approvals,
    tenancy: TenancyServices,
    registry: RegistryServices,
    secrets: SecretServices,
) -> ExecutionServices:
    documents, adapters = base.documents, base.adapters
    executions, endings = _executions(base, registry), _endings(base)
    steering, retrying = _steering(base, executions, endings), _retrying(base, executions, registry)
    children = Children(
        documents=documents,
        authentication=tenancy.authentication,
        executions=executions,
        steering=steering,
        launcher=base.launcher,
    )
    callbacks = _callbacks(base, secrets)
    schedules, firing_schedules = _schedules(base, tenancy, registry, executions)
    return ExecutionServices(
        executions=executions,
        steps=Steps(
            Parts(
                documents,
                base.runs,
                actions,
                adapters.clock,
                children,
                callbacks,
                base.tenants,
                secrets.disclosures,
                base.room,
                adapters.telemetry,
            )
        ),
        endings=endings,
        steering=steering,
        retrying=retrying,
        bulk=Bulk(
            documents=documents,
            executions=executions,
            steering=steering,
            retrying=retrying,
            policies=base.policies,
        ),
        children=children,
        callbacks=callbacks,
        approvals=approvals,
        inbox=Inbox(
            documents=documents,
            runs=base.runs,
            policies=base.policies,
            cursors=base.cursors,
            clock=adapters.clock,
        ),
        outputs=Outputs(documents),
        step_details=StepDetails(documents, base.runs),
        schedules=schedules,
        firing_schedules=firing_schedules,
        launcher=base.launcher,
        limits=base.limits,
        nudges=base.nudges,
        retry_orders=base.retry_orders,
    )


def _executions(base: Foundation, registry: RegistryServices) -> Executions:
    return Executions(
        documents=base.documents,
        chains=base.chains,
        launcher=base.launcher,
        admission=base.admission,
        intents=registry.intents,
        runs=base.runs,
        plans=registry.plans,
        cursors=base.cursors,
        clock=base.adapters.clock,
        ids=base.adapters.ids,
        telemetry=base.adapters.telemetry,
    )


def _endings(base: Foundation) -> Endings:
    return Endings(
        documents=base.documents,
        runs=base.runs,
        nudges=base.nudges,
        limits=base.limits,
        clock=base.adapters.clock,
        telemetry=base.adapters.telemetry,
        room=base.room,
    )


def _steering(base: Foundation, executions: Executions, endings: Endings) -> Steering:
    return Steering(
        documents=base.documents,
        chains=base.chains,
        executions=executions,
        launcher=base.launcher,
        admission=base.admission,
        endings=endings,
        runs=base.runs,
        nudges=base.nudges,
        clock=base.adapters.clock,
    )


def _retrying(base: Foundation, executions: Executions, registry: RegistryServices) -> Retrying:
    return Retrying(
        documents=base.documents,
        chains=base.chains,
        executions=executions,
        orders=base.retry_orders,
        intents=registry.intents,
        plans=registry.plans,
        runs=base.runs,
        clock=base.adapters.clock,
        ids=base.adapters.ids,
        telemetry=base.adapters.telemetry,
    )


def _callbacks(base: Foundation, secrets: SecretServices) -> Callbacks:
    return Callbacks(
        documents=base.documents,
        runs=base.runs,
        nudges=base.nudges,
        addresses=Addresses(base.adapters.cursor_key, purpose="callbacks"),
        disclosures=secrets.disclosures,
        clock=base.adapters.clock,
        host_url=base.settings.host_url,
    )


def _schedules(
    base: Foundation, tenancy: TenancyServices, registry: RegistryServices, executions: Executions
) -> tuple[Schedules, FiringSchedules]:
    documents, clock = base.documents, base.adapters.clock
    agenda = Agenda(documents, clock)
    schedules = Schedules(
        documents=documents,
        agenda=agenda,
        chains=base.chains,
        intents=registry.intents,
        validation=registry.validation,
        cursors=base.cursors,
        clock=clock,
        room=base.room,
    )
    firing = FiringSchedules(
        documents=documents,
        tenants=base.tenants,
        agenda=agenda,
        authentication=tenancy.authentication,
        executions=executions,
        clock=clock,
    )
    return schedules, firing
