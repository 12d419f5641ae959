"""What more than one suite shares: the stores that the platform's own tests run over."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cosmos.server import CosmosServer


@pytest.fixture(scope="session")
def cosmos_server() -> "Iterator[CosmosServer]":
    from tests.cosmos.server import CosmosServer  # loads the SDK: a second, for the tests that want it

    server = CosmosServer()
    yield server
    server.close()


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    """What keeps the documents: SQLite, unless the test is marked with ``BOTH_STORES``."""
    return str(getattr(request, "param", "sqlite"))
