"""What the end-to-end tests share: hosts, services, and the stores under a host."""

from collections.abc import Iterator

import pytest

from examples import azure
from tests.hosts import api, host, service, slow_service

__all__ = ["api", "host", "service", "slow_service"]


@pytest.fixture(params=["sqlite", "azure"])
def stores(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """A host's settings for its own files, and for servers of Azure's protocols that outlive it."""
    if request.param == "sqlite":
        yield {}
        return
    with azure.running("cosmos", "eventhubs") as servers:
        yield {name: value for server in servers for name, value in server.settings.items()}
