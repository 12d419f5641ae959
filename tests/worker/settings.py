"""What is loaded, and under which settings: those of Azure, and those of one machine."""

import json
from pathlib import Path

BARE = Path(__file__).parent / "bare"
GUID = "00000000-0000-0000-0000-0000000000c1"
IN_AZURE = {
    "QUANTUM_ADAPTERS": "azure",
    "QUANTUM_HOST_URL": "https://quantum.example",
    "QUANTUM_SEALING_KEY": "0f" * 32,
    "QUANTUM_CREDENTIALS": '{"kind": "managed-identity"}',
    "QUANTUM_TOKEN_ISSUERS": json.dumps([{"kind": "entra", "client_id": GUID, "tenants": [GUID]}]),
    "CosmosDBConnection__accountEndpoint": "https://quantum.invalid:443/",
    "EventHubConnection__fullyQualifiedNamespace": "quantum.invalid",
}


def on_one_machine(data: Path) -> dict[str, str]:
    return {
        "QUANTUM_ADAPTERS": "localhost",
        "QUANTUM_DATA": str(data),
        "QUANTUM_HOST_URL": "http://127.0.0.1:7071",
    }
