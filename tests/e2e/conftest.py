"""What the end-to-end tests share: hosts, services, and the stores under a host."""

import os
from collections.abc import Iterator

import pytest

from examples import azure
from tests.hosts import api, host, service, slow_service

__all__ = ["api", "host", "service", "slow_service"]


LONG = "QUANTUM_TEST_LONG"
"""Set, hosts are killed more often, and over Azure's protocols with everything: minutes more on two cores."""
ALWAYS = ("tests.e2e.test_chaos", "tests.e2e.test_webhooks")
"""They are tried over Azure's protocols in every run, too."""


@pytest.fixture(params=["sqlite", "azure"])
def stores(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """A host's settings for its own files, and for servers of Azure's protocols that outlive it."""
    if request.param == "sqlite":
        yield {}
        return
    if request.module.__name__ not in ALWAYS and not os.environ.get(LONG):
        pytest.skip(f"set {LONG}=1 to kill hosts over Azure's protocols here, too")
    with azure.running("cosmos", "eventhubs") as servers:
        yield {name: value for server in servers for name, value in server.settings.items()}
