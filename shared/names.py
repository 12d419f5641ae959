"""The names that the code and the infrastructure share.

``infra/`` makes the resources of these names and ``functions/`` binds triggers to them; ``tests/infra`` holds
the two together. What the containers of the database are called is said by ``shared.ports.documents``.
"""

DATABASE = "quantum"
"""The Cosmos DB database with the platform's containers."""
LEASES = "leases"
"""The container of the change-feed triggers' leases. It must exist: an Entra identity may not create it."""
LEASES_PARTITION = "/id"
"""The partition key of the leases, as the Cosmos DB extension (4.x) wants it."""

HUB = "events"
"""The Event Hub that the outbox is published to."""
WEBHOOKS = "webhooks"
"""The consumer group that feeds webhook subscriptions."""
TALLIES = "counters"
"""The consumer group that keeps each tenant's counters."""
CONSUMER_GROUPS = (WEBHOOKS, TALLIES)

COSMOS_CONNECTION = "CosmosDBConnection"
"""The prefix of the app settings that say where the database is, for triggers and the adapter alike:
``…__accountEndpoint`` with an identity; or, without the suffix, a connection string with a key."""
EVENT_HUB_CONNECTION = "EventHubConnection"
"""The prefix of the app settings that say where the hub is: ``…__fullyQualifiedNamespace`` with an identity;
or, without the suffix, a connection string."""

RELAY_LAG = "quantum.relay.lag"
"""The metric with the age of the oldest event that is not published yet, in seconds."""
EXECUTIONS_FINISHED = "quantum.executions.finished"
"""The metric that counts executions that ended, by ``status``."""
REQUESTS_THROTTLED = "quantum.requests.throttled"
"""The metric that counts requests that were answered 429."""
STEP_DURATION = "quantum.steps.duration"
"""The metric with how long the attempts of steps took, in seconds, by ``action`` and ``status``."""
REQUEST_UNITS = "quantum.documents.request_units"
"""The metric with what operations on documents cost, in request units, by ``operation``."""
METRICS = (RELAY_LAG, EXECUTIONS_FINISHED, REQUESTS_THROTTLED, STEP_DURATION, REQUEST_UNITS)
