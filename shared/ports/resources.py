"""What the resources are called that triggers, adapters and the infrastructure share.

A connection is the prefix of the application settings that say where a service is and who asks it
(``CosmosDBConnection__accountEndpoint``, ``EventHubConnection__fullyQualifiedNamespace``). Containers of
documents are in :mod:`shared.ports.documents`.
"""

from typing import Final

COSMOS_CONNECTION: Final = "CosmosDBConnection"
DATABASE: Final = "quantum"
LEASES: Final = "leases"
"""The container in which change-feed triggers keep how far they are (partition key ``/id``)."""

EVENT_HUB_CONNECTION: Final = "EventHubConnection"
HUB: Final = "events"
WEBHOOKS_GROUP: Final = "webhooks"
COUNTERS_GROUP: Final = "counters"
CONSUMER_GROUPS: Final = (WEBHOOKS_GROUP, COUNTERS_GROUP)
"""One for each function that reads the hub."""
