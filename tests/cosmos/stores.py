"""A Cosmos DB for a test: this repository's server, or a real endpoint that the environment names.

``QUANTUM_TEST_COSMOS_ENDPOINT`` and ``QUANTUM_TEST_COSMOS_KEY`` name an account or Microsoft's emulator; the
contract suites then make a database for each test there, and delete it.
"""

import os
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from azure.cosmos.aio import CosmosClient

from shared.adapters.cosmos.account import Account
from shared.adapters.cosmos.containers import DEFINITIONS, ContainerDefinition, Order
from shared.adapters.cosmos.creation import ensure_containers
from shared.adapters.cosmos.documents import CosmosDocuments
from tests.cosmos.near import NearTransport
from tests.cosmos.server import CosmosServer, Seed

_ASCENDING = ("rank", "created_at", "v", "n", "status", "id")

ORDERS: list[Order] = [
    *((((name,), "asc"),) for name in _ASCENDING),
    ((("a",), "desc"), (("b",), "asc")),
]
"""What the contract suite sorts by, which no list of the platform does."""

TEST_DEFINITIONS = [replace(one, orders=[*one.orders, *ORDERS]) for one in DEFINITIONS]


def real_endpoint(environ: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    endpoint = environ.get("QUANTUM_TEST_COSMOS_ENDPOINT")
    return (endpoint, environ["QUANTUM_TEST_COSMOS_KEY"]) if endpoint else None


@asynccontextmanager
async def cosmos_documents(
    server: CosmosServer,
    definitions: Sequence[ContainerDefinition] = TEST_DEFINITIONS,
    *,
    scans: bool = True,
    seed: Seed | None = None,
    near: bool = False,
) -> AsyncIterator[CosmosDocuments]:
    """A store with what ``seed`` has, as a rule with what the contract suite needs to be indexed.

    Without ``scans`` the server refuses every query that no index serves; if it is ``near``, there is no
    connection to it. A real endpoint knows none of these.
    """
    database, real = f"test-{uuid.uuid4().hex}", real_endpoint()
    endpoint, key = real or (server.endpoint, server.key)
    if real is None:
        server.make(database, definitions, scans=scans, seed=seed)
    else:
        await ensure_containers(endpoint, database, key=key, definitions=definitions)
    transport = partial(NearTransport, server) if near and real is None else None
    store = CosmosDocuments(Account(endpoint, database, key=key), patience=60, transport=transport)
    try:
        yield store
    finally:
        await store.close()
        if real is not None:
            async with CosmosClient(endpoint, key) as client:
                await client.delete_database(database)
