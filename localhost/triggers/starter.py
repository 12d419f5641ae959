"""What a durable client binding is given: the JSON that production's extension hands to the worker.

Field names: ``azure.durable_functions.client.DurableFunctionsClient``. ``rpcBaseUrl`` is scheme, host and
port only: a path, or even a trailing slash, makes the gRPC client fail.
"""

import json
from dataclasses import dataclass
from urllib.parse import quote

from localhost.app.functions import Binding

WEBHOOKS = "runtime/webhooks/durabletask"
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest gRPC message a client sends or takes; the server's own limit decides as well."""

_ID = "INSTANCEID"


@dataclass(frozen=True, slots=True)
class Starters:
    """Makes starter strings and management URLs for one running host."""

    base_url: str
    grpc_address: str
    hub: str
    key: str

    def query(self, hub: str = "", connection: str = "") -> str:
        """The query string that opens the webhooks (``requiredQueryStringParameters``)."""
        connection = quote(connection or "Storage")
        return f"taskHub={quote(hub or self.hub)}&connection={connection}&code={quote(self.key)}"

    def text(self, binding: Binding) -> str:
        """The starter string for a ``durableClient`` binding."""
        hub = str(binding.properties.get("taskHub") or self.hub)
        connection = str(binding.properties.get("connectionName") or "")
        query = self.query(hub, connection)
        orchestrators = f"{self.base_url}/{WEBHOOKS}/orchestrators/{{functionName}}[/{{instanceId}}]"
        document = {
            "taskHubName": hub,
            "connectionName": connection or None,
            "creationUrls": {
                "createNewInstancePostUri": f"{orchestrators}?{query}",
                "createAndWaitOnNewInstancePostUri": (
                    f"{orchestrators}?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}&{query}"
                ),
            },
            "managementUrls": self.management_urls(_ID, query),
            "baseUrl": f"{self.base_url}/{WEBHOOKS}",
            "httpBaseUrl": f"{self.base_url}/{WEBHOOKS}",
            "requiredQueryStringParameters": query,
            "rpcBaseUrl": f"http://{self.grpc_address}",
            "useForwardedHost": False,
            "maxGrpcMessageSizeInBytes": MAX_MESSAGE_BYTES,
            "grpcHttpClientTimeout": "00:01:40",
        }
        return json.dumps(document)

    def management_urls(self, instance_id: str, query: str = "", origin: str = "") -> dict[str, str]:
        """The URLs by which one instance is managed; ``instance_id`` is percent-encoded here."""
        query = query or self.query()
        instance = f"{origin or self.base_url}/{WEBHOOKS}/instances/{quote(instance_id, safe='')}"
        return {
            "id": instance_id,
            "statusQueryGetUri": f"{instance}?{query}",
            "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{query}",
            "terminatePostUri": f"{instance}/terminate?reason={{text}}&{query}",
            "rewindPostUri": f"{instance}/rewind?reason={{text}}&{query}",
            "purgeHistoryDeleteUri": f"{instance}?{query}",
            "restartPostUri": f"{instance}/restart?{query}",
            "suspendPostUri": f"{instance}/suspend?reason={{text}}&{query}",
            "resumePostUri": f"{instance}/resume?reason={{text}}&{query}",
        }
