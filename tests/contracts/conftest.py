"""Every implementation of a port that has a contract suite, by the name its tests carry."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from localhost.sqlite.documents import SqliteDocuments
from shared.ports.documents import Documents
from tests.cosmos.server import CosmosServer
from tests.cosmos.stores import cosmos_documents, real_endpoint


@dataclass
class Hands:
    """A clock whose hands the test moves."""

    time: datetime = datetime(2024, 1, 4, 10, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Wall(Hands):
    """The clock of a real service, which nobody moves: it is waited for."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def forward(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Hands:
    waits = "cosmos" in request.node.name and real_endpoint() is not None
    return Wall() if waits else Hands()


@pytest.fixture(params=["sqlite", "cosmos"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path, clock: Hands) -> AsyncIterator[Documents]:
    if request.param == "cosmos":
        server: CosmosServer = request.getfixturevalue("cosmos_server")
        server.now = clock.now
        async with cosmos_documents(server) as store:
            yield store
    else:
        local = SqliteDocuments(tmp_path / "documents.db", now=clock.now)
        yield local
        local.close()
