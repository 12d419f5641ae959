"""What is told: the services that show, publish and send what has happened."""

from dataclasses import dataclass

from shared.modules.webhooks import GuardedWebhooks
from shared.services.audit.audit import Audit
from shared.services.delivery.counters import Counters
from shared.services.delivery.relay import Relay
from shared.services.delivery.subscriptions import Subscriptions
from shared.services.delivery.webhooks import RetryPolicy, Webhooks
from shared.services.executions.streams import Streams
from shared.services.secrets.sealing import Sealer
from shared.services.upkeep.exports import Exports
from shared.wiring.foundation import Foundation


@dataclass(frozen=True)
class DeliveryServices:
    audit: Audit
    exports: Exports
    streams: Streams
    relay: Relay
    counters: Counters
    subscriptions: Subscriptions
    webhooks: Webhooks


def delivery_services(base: Foundation) -> DeliveryServices:
    documents, adapters, settings = base.documents, base.adapters, base.settings
    subscriptions = Subscriptions(
        documents=documents,
        chains=base.chains,
        cursors=base.cursors,
        clock=adapters.clock,
        sealer=Sealer(adapters.cursor_key, purpose="webhook secrets"),
        url_refusal=base.egress.refusal_of_url,
        room=base.room,
    )
    return DeliveryServices(
        audit=Audit(documents=documents, cursors=base.cursors),
        exports=Exports(documents=documents, tenants=base.tenants, chains=base.chains, clock=adapters.clock),
        streams=Streams(
            documents=documents,
            tenants=base.tenants,
            berths=base.berths,
            heartbeat_seconds=settings.heartbeat_seconds,
        ),
        relay=Relay(
            documents=documents, events=base.events, clock=adapters.clock, telemetry=adapters.telemetry
        ),
        counters=Counters(documents, adapters.clock),
        subscriptions=subscriptions,
        webhooks=Webhooks(
            documents=documents,
            tenants=base.tenants,
            orchestrations=adapters.orchestrations,
            subscriptions=subscriptions,
            sender=GuardedWebhooks(base.egress, telemetry=adapters.telemetry),
            clock=adapters.clock,
            policy=RetryPolicy(settings.webhook_attempts, settings.webhook_first_delay),
            telemetry=adapters.telemetry,
        ),
    )
