"""The stores that the platform's own tests run over: SQLite, and a Cosmos DB with the platform's indexes.

The latter refuses every query that its indexes do not serve.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localhost.sqlite.documents import SqliteDocuments
from shared.ports.documents import Documents

if TYPE_CHECKING:
    from tests.cosmos.server import Seed

BOTH_STORES = pytest.mark.parametrize("store", ["sqlite", "cosmos"], indirect=True)
"""Marks tests, or with ``pytestmark`` a module of them, which are to pass over each store."""


@asynccontextmanager
async def opened(
    store: str,
    request: pytest.FixtureRequest,
    file: Path,
    *,
    now: Callable[[], datetime],
    seed: "Seed | None" = None,
) -> AsyncIterator[Documents]:
    """The store of that name: the SQLite ``file``, or a database with ``seed``; ``now`` is its clock."""
    if store == "sqlite":
        local = SqliteDocuments(file, now=now)
        try:
            yield local
        finally:
            local.close()
        return
    # Loads the SDK: a second, for the tests that want it.
    from shared.adapters.cosmos.containers import DEFINITIONS
    from tests.cosmos.stores import cosmos_documents

    server = request.getfixturevalue("cosmos_server")
    server.now = now
    async with cosmos_documents(server, DEFINITIONS, scans=False, seed=seed, near=True) as documents:
        yield documents
