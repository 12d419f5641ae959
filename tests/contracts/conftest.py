"""Every implementation of a port that has a contract suite, by the name its tests carry."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from localhost.sqlite.documents import SqliteDocuments
from shared.ports.documents import Documents


@dataclass
class Hands:
    """A clock whose hands the test moves."""

    time: datetime = datetime(2024, 1, 4, 10, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture(params=["sqlite"])
def documents(request: pytest.FixtureRequest, tmp_path: Path, clock: Hands) -> Iterator[Documents]:
    assert request.param == "sqlite"
    store = SqliteDocuments(tmp_path / "documents.db", now=clock.now)
    yield store
    store.close()
