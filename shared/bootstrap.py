"""The composition root: the one place where the platform's parts are put together."""

import importlib
from dataclasses import dataclass
from typing import cast

from shared.domain.paging import Cursors
from shared.modules.authorization import OutboundTokens
from shared.modules.catalogue import BuiltInActions
from shared.modules.webhooks import GuardedWebhooks
from shared.ports.adapters import Adapters
from shared.security.egress import EgressPolicy
from shared.services.agenda import Agenda
from shared.services.approvals import Approvals
from shared.services.audit import Audit
from shared.services.chains import Chains
from shared.services.counters import Counters
from shared.services.endings import Endings
from shared.services.executions import Executions
from shared.services.firings import FiringSchedules
from shared.services.health import Health
from shared.services.idempotency import Idempotency
from shared.services.intents import Intents
from shared.services.lifecycle import Lifecycle
from shared.services.members import Members
from shared.services.nudges import Nudges
from shared.services.plans import Plans
from shared.services.recovery import Recovery
from shared.services.references import References
from shared.services.registry import Registry
from shared.services.relay import Relay
from shared.services.retention import Retention
from shared.services.runs import Runs
from shared.services.schedules import Schedules
from shared.services.schemas import Schemas
from shared.services.sealing import Sealer
from shared.services.steps import Parts, Steps
from shared.services.streams import Streams
from shared.services.subscriptions import Subscriptions
from shared.services.tenants import Tenants
from shared.services.validation import Validation
from shared.services.versions import Versions
from shared.services.warmup import WarmUp
from shared.services.watched import WatchedDocuments, WatchedEvents
from shared.services.webhooks import RetryPolicy, Webhooks
from shared.settings import ADAPTERS, Settings
from shared.settings_json import outbound_scopes


@dataclass(frozen=True, slots=True)
class Application:
    """The platform: its use cases, for the triggers to call."""

    settings: Settings
    adapters: Adapters
    members: Members
    tenants: Tenants
    validation: Validation
    schemas: Schemas
    intents: Intents
    versions: Versions
    lifecycle: Lifecycle
    plans: Plans
    executions: Executions
    approvals: Approvals
    schedules: Schedules
    firing_schedules: FiringSchedules
    audit: Audit
    streams: Streams
    steps: Steps
    endings: Endings
    nudges: Nudges
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


def compose(adapters: Adapters, settings: Settings) -> Application:
    documents, events = WatchedDocuments(adapters.documents), WatchedEvents(adapters.events)
    clock, telemetry = adapters.clock, adapters.telemetry
    cursors = Cursors(adapters.cursor_key)
    egress = EgressPolicy.allowing(settings.egress_allow)
    outbound = OutboundTokens(adapters.credentials, outbound_scopes(settings))
    runs = Runs(documents)
    chains = Chains(settings.audit_retention)
    nudges = Nudges(
        documents=documents, orchestrations=adapters.orchestrations, clock=clock, ids=adapters.ids
    )
    approvals = Approvals(documents=documents, chains=chains, runs=runs, nudges=nudges, clock=clock)
    catalogue = BuiltInActions(egress=egress, approvals=approvals, outbound=outbound, telemetry=telemetry)
    tenants = Tenants(documents=documents, chains=chains, clock=clock)
    validation = Validation(
        documents=documents, catalogue=catalogue, tenants=tenants, url_refusal=egress.refusal_of_url
    )
    references = References(documents, clock, adapters.ids)
    registry = Registry(documents=documents, chains=chains, references=references, clock=clock)
    intents = Intents(
        documents=documents, registry=registry, validation=validation, cursors=cursors, clock=clock
    )
    members = Members(documents, adapters.tokens, clock)
    plans = Plans(intents=intents, validation=validation, catalogue=catalogue)
    executions = Executions(
        documents=documents,
        chains=chains,
        orchestrations=adapters.orchestrations,
        intents=intents,
        runs=runs,
        plans=plans,
        cursors=cursors,
        clock=clock,
        ids=adapters.ids,
        telemetry=telemetry,
    )
    agenda = Agenda(documents, clock)
    sealer = Sealer(adapters.cursor_key, purpose="webhook secrets")
    subscriptions = Subscriptions(
        documents=documents, chains=chains, cursors=cursors, clock=clock, sealer=sealer
    )
    webhooks = Webhooks(
        documents=documents,
        orchestrations=adapters.orchestrations,
        subscriptions=subscriptions,
        sender=GuardedWebhooks(egress, telemetry=telemetry),
        clock=clock,
        policy=RetryPolicy(settings.webhook_attempts, settings.webhook_first_delay),
        telemetry=telemetry,
    )
    return Application(
        settings=settings,
        adapters=adapters,
        members=members,
        tenants=tenants,
        validation=validation,
        schemas=Schemas(catalogue.specs(), catalogue.models()),
        intents=intents,
        versions=Versions(
            documents=documents, registry=registry, validation=validation, cursors=cursors, clock=clock
        ),
        lifecycle=Lifecycle(documents=documents, registry=registry, references=references, clock=clock),
        plans=plans,
        executions=executions,
        approvals=approvals,
        schedules=Schedules(
            documents=documents,
            agenda=agenda,
            chains=chains,
            intents=intents,
            validation=validation,
            cursors=cursors,
            clock=clock,
        ),
        firing_schedules=FiringSchedules(
            documents=documents, agenda=agenda, members=members, executions=executions, clock=clock
        ),
        audit=Audit(documents=documents, cursors=cursors),
        streams=Streams(documents=documents, heartbeat_seconds=settings.heartbeat_seconds),
        steps=Steps(Parts(documents, runs, catalogue, clock, telemetry)),
        endings=Endings(documents=documents, runs=runs, clock=clock, telemetry=telemetry),
        nudges=nudges,
        recovery=Recovery(
            documents=documents, members=members, executions=executions, nudges=nudges, clock=clock
        ),
        retention=Retention(
            documents=documents,
            orchestrations=adapters.orchestrations,
            members=members,
            clock=clock,
            keep=settings.execution_retention,
        ),
        relay=Relay(documents=documents, events=events, clock=clock, telemetry=telemetry),
        subscriptions=subscriptions,
        webhooks=webhooks,
        counters=Counters(documents, clock),
        idempotency=Idempotency(
            documents=documents,
            sealer=Sealer(adapters.cursor_key, purpose="answers"),
            clock=clock,
            ids=adapters.ids,
        ),
        health=Health(
            documents=documents,
            events=events,
            orchestrations=adapters.orchestrations,
            tokens=adapters.tokens,
        ),
        warm_up=WarmUp(catalogue.actions()),
    )
