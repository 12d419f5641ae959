"""One server for all tests, empty for each."""

from collections.abc import Iterator

import pytest

from tests.keyvault.server import KeyVaultServer
from tests.managed_identity import identity

__all__ = ["identity"]


@pytest.fixture
def server(keyvault_server: KeyVaultServer) -> Iterator[KeyVaultServer]:
    yield keyvault_server
    keyvault_server.reset()
