"""The composition root: the one place where the platform's parts are put together."""

import importlib
from dataclasses import dataclass
from typing import cast

from shared.foundation import Foundation
from shared.modules.authorization import OutboundTokens
from shared.modules.catalogue import BuiltInActions
from shared.modules.webhooks import GuardedWebhooks
from shared.ports.actions import Catalogue
from shared.ports.adapters import Adapters
from shared.services.agenda import Agenda
from shared.services.approvals import Approvals
from shared.services.audit import Audit
from shared.services.authentication import Authentication
from shared.services.bulk import Bulk
from shared.services.callbacks import Callbacks
from shared.services.children import Children
from shared.services.counters import Counters
from shared.services.endings import Endings
from shared.services.executions import Executions
from shared.services.firings import FiringSchedules
from shared.services.health import Health
from shared.services.idempotency import Idempotency
from shared.services.intents import Intents
from shared.services.launching import Launcher
from shared.services.lifecycle import Lifecycle
from shared.services.limits import Limits
from shared.services.members import Members
from shared.services.nudges import Nudges
from shared.services.outputs import Outputs
from shared.services.plans import Plans
from shared.services.policies import Policies
from shared.services.policy_checks import PolicyChecks
from shared.services.rates import Rates
from shared.services.recovery import Recovery
from shared.services.references import References
from shared.services.registry import Registry
from shared.services.relay import Relay
from shared.services.retention import Retention
from shared.services.retry_orders import RetryOrders
from shared.services.retrying import Retrying
from shared.services.schedules import Schedules
from shared.services.schemas import Schemas
from shared.services.sealing import Addresses, Sealer
from shared.services.steering import Steering
from shared.services.steps import Parts, Steps
from shared.services.streams import Streams
from shared.services.subscriptions import Subscriptions
from shared.services.tenants import Tenants
from shared.services.validation import Validation
from shared.services.versions import Versions
from shared.services.warmup import WarmUp
from shared.services.webhooks import RetryPolicy, Webhooks
from shared.settings import ADAPTERS, Settings
from shared.settings_json import outbound_scopes


@dataclass(frozen=True, slots=True)
class Application:
    """The platform: its use cases, for the triggers to call."""

    settings: Settings
    adapters: Adapters
    authentication: Authentication
    members: Members
    tenants: Tenants
    policies: Policies
    rates: Rates
    policy_checks: PolicyChecks
    validation: Validation
    schemas: Schemas
    intents: Intents
    versions: Versions
    lifecycle: Lifecycle
    plans: Plans
    executions: Executions
    steering: Steering
    bulk: Bulk
    children: Children
    callbacks: Callbacks
    retrying: Retrying
    approvals: Approvals
    schedules: Schedules
    firing_schedules: FiringSchedules
    outputs: Outputs
    audit: Audit
    streams: Streams
    steps: Steps
    endings: Endings
    launcher: Launcher
    limits: Limits
    nudges: Nudges
    retry_orders: RetryOrders
    recovery: Recovery
    retention: Retention
    relay: Relay
    subscriptions: Subscriptions
    webhooks: Webhooks
    counters: Counters
    idempotency: Idempotency
    health: Health
    warm_up: WarmUp


def load_adapters(settings: Settings) -> Adapters:
    """The parts list that the settings name; only its module is imported."""
    return cast("Adapters", importlib.import_module(ADAPTERS[settings.adapters]).build(settings))


def compose(adapters: Adapters, settings: Settings, *, catalogue: Catalogue | None = None) -> Application:
    """The platform over ``adapters``; a ``catalogue`` takes the place of the built-in actions."""
    base = Foundation.of(adapters, settings)
    documents, runs, clock, telemetry = base.documents, base.runs, adapters.clock, adapters.telemetry
    approvals = Approvals(documents=documents, chains=base.chains, runs=runs, nudges=base.nudges, clock=clock)
    catalogue = catalogue or _built_in_actions(base, approvals)
    members = Members(documents, chains=base.chains, cursors=base.cursors, clock=clock)
    authentication = Authentication(members, adapters.tokens, clock)
    validation, intents, versions, lifecycle = _registry(base, catalogue)
    plans = Plans(intents=intents, validation=validation, catalogue=catalogue, policies=base.policies)
    endings = _endings(base)
    executions = _executions(base, intents, plans)
    steering = _steering(base, executions, endings)
    children = _children(base, authentication, executions, steering)
    callbacks = _callbacks(base)
    schedules, firing_schedules = _schedules(base, authentication, intents, validation, executions)
    recovery, retention = _upkeep(base, members)
    subscriptions, webhooks = _webhooks(base)
    retrying = _retrying(base, executions, intents, plans)
    return Application(
        settings=settings,
        adapters=adapters,
        authentication=authentication,
        members=members,
        tenants=base.tenants,
        policies=base.policies,
        rates=_rates(base),
        policy_checks=PolicyChecks(
            policies=base.policies, authentication=authentication, intents=intents, clock=clock
        ),
        validation=validation,
        schemas=Schemas(catalogue.specs(), catalogue.models()),
        intents=intents,
        versions=versions,
        lifecycle=lifecycle,
        plans=plans,
        executions=executions,
        steering=steering,
        bulk=Bulk(
            documents=documents,
            executions=executions,
            steering=steering,
            retrying=retrying,
            policies=base.policies,
        ),
        children=children,
        callbacks=callbacks,
        retrying=retrying,
        approvals=approvals,
        schedules=schedules,
        firing_schedules=firing_schedules,
        outputs=Outputs(documents),
        audit=Audit(documents=documents, cursors=base.cursors),
        streams=Streams(documents=documents, heartbeat_seconds=settings.heartbeat_seconds),
        steps=Steps(
            Parts(
                documents, runs, catalogue, clock, children, callbacks, telemetry, settings.max_output_bytes
            )
        ),
        endings=endings,
        launcher=base.launcher,
        limits=base.limits,
        nudges=base.nudges,
        retry_orders=base.retry_orders,
        recovery=recovery,
        retention=retention,
        relay=Relay(documents=documents, events=base.events, clock=clock, telemetry=telemetry),
        subscriptions=subscriptions,
        webhooks=webhooks,
        counters=Counters(documents, clock),
        idempotency=_idempotency(base),
        health=_health(base),
        warm_up=WarmUp(catalogue.actions()),
    )


def _built_in_actions(base: Foundation, approvals: Approvals) -> BuiltInActions:
    outbound = OutboundTokens(base.adapters.credentials, outbound_scopes(base.settings))
    return BuiltInActions(
        egress=base.egress, approvals=approvals, outbound=outbound, telemetry=base.adapters.telemetry
    )


def _registry(base: Foundation, catalogue: Catalogue) -> tuple[Validation, Intents, Versions, Lifecycle]:
    documents, chains, cursors, clock = base.documents, base.chains, base.cursors, base.adapters.clock
    validation = Validation(
        documents=documents, catalogue=catalogue, tenants=base.tenants, url_refusal=base.egress.refusal_of_url
    )
    references = References(documents, clock, base.adapters.ids)
    registry = Registry(documents=documents, chains=chains, references=references, clock=clock)
    return (
        validation,
        Intents(documents=documents, registry=registry, validation=validation, cursors=cursors, clock=clock),
        Versions(documents=documents, registry=registry, validation=validation, cursors=cursors, clock=clock),
        Lifecycle(
            documents=documents,
            registry=registry,
            references=references,
            policies=base.policies,
            clock=clock,
        ),
    )


def _executions(base: Foundation, intents: Intents, plans: Plans) -> Executions:
    return Executions(
        documents=base.documents,
        chains=base.chains,
        launcher=base.launcher,
        admission=base.admission,
        intents=intents,
        runs=base.runs,
        plans=plans,
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
        max_output_bytes=base.settings.max_output_bytes,
    )


def _children(
    base: Foundation, authentication: Authentication, executions: Executions, steering: Steering
) -> Children:
    return Children(
        documents=base.documents,
        authentication=authentication,
        executions=executions,
        steering=steering,
        launcher=base.launcher,
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


def _retrying(base: Foundation, executions: Executions, intents: Intents, plans: Plans) -> Retrying:
    return Retrying(
        documents=base.documents,
        chains=base.chains,
        executions=executions,
        orders=base.retry_orders,
        intents=intents,
        plans=plans,
        runs=base.runs,
        clock=base.adapters.clock,
        ids=base.adapters.ids,
        telemetry=base.adapters.telemetry,
    )


def _schedules(
    base: Foundation,
    authentication: Authentication,
    intents: Intents,
    validation: Validation,
    executions: Executions,
) -> tuple[Schedules, FiringSchedules]:
    documents, clock = base.documents, base.adapters.clock
    agenda = Agenda(documents, clock)
    schedules = Schedules(
        documents=documents,
        agenda=agenda,
        chains=base.chains,
        intents=intents,
        validation=validation,
        cursors=base.cursors,
        clock=clock,
    )
    return schedules, FiringSchedules(
        documents=documents, agenda=agenda, authentication=authentication, executions=executions, clock=clock
    )


def _upkeep(base: Foundation, members: Members) -> tuple[Recovery, Retention]:
    documents, clock = base.documents, base.adapters.clock
    recovery = Recovery(
        documents=documents,
        members=members,
        tenants=base.tenants,
        launcher=base.launcher,
        limits=base.limits,
        nudges=base.nudges,
        retry_orders=base.retry_orders,
        clock=clock,
    )
    return recovery, Retention(
        documents=documents,
        orchestrations=base.adapters.orchestrations,
        members=members,
        clock=clock,
        keep=base.settings.execution_retention,
    )


def _webhooks(base: Foundation) -> tuple[Subscriptions, Webhooks]:
    documents, adapters, settings = base.documents, base.adapters, base.settings
    sealer = Sealer(adapters.cursor_key, purpose="webhook secrets")
    subscriptions = Subscriptions(
        documents=documents,
        chains=base.chains,
        cursors=base.cursors,
        clock=adapters.clock,
        sealer=sealer,
        url_refusal=base.egress.refusal_of_url,
    )
    return subscriptions, Webhooks(
        documents=documents,
        orchestrations=adapters.orchestrations,
        subscriptions=subscriptions,
        sender=GuardedWebhooks(base.egress, telemetry=adapters.telemetry),
        clock=adapters.clock,
        policy=RetryPolicy(settings.webhook_attempts, settings.webhook_first_delay),
        telemetry=adapters.telemetry,
    )


def _callbacks(base: Foundation) -> Callbacks:
    return Callbacks(
        documents=base.documents,
        runs=base.runs,
        nudges=base.nudges,
        addresses=Addresses(base.adapters.cursor_key, purpose="callbacks"),
        clock=base.adapters.clock,
        host_url=base.settings.host_url,
    )


def _rates(base: Foundation) -> Rates:
    return Rates(
        documents=base.documents,
        tenants=base.tenants,
        clock=base.adapters.clock,
        telemetry=base.adapters.telemetry,
        defaults=base.settings.rate_limits,
    )


def _idempotency(base: Foundation) -> Idempotency:
    sealer = Sealer(base.adapters.cursor_key, purpose="answers")
    return Idempotency(
        documents=base.documents, sealer=sealer, clock=base.adapters.clock, ids=base.adapters.ids
    )


def _health(base: Foundation) -> Health:
    return Health(
        documents=base.documents,
        events=base.events,
        orchestrations=base.adapters.orchestrations,
        tokens=base.adapters.tokens,
    )
