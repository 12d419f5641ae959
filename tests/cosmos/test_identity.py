"""Access with a managed identity: the real credential, over TLS, and an identity endpoint."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.adapters.cosmos.account import Account
from shared.adapters.cosmos.containers import DEFINITIONS
from shared.adapters.cosmos.documents import CosmosDocuments
from shared.adapters.cosmos.errors import CosmosMisconfiguredError
from shared.domain.causes import REFUSED
from tests.contracts.shelf import Shelf
from tests.cosmos.conftest import DEADLINE, served
from tests.cosmos.server import CosmosServer
from tests.managed_identity import IdentityEndpoint
from tests.tls import self_signed, server_context


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    """The SDK does not check who stands behind 127.0.0.1, but it sends tokens over TLS only."""
    file = self_signed(tmp_path_factory.mktemp("tls"), "127.0.0.1")
    server = CosmosServer(tls=server_context(file))
    server.make("db", DEFINITIONS)
    yield server
    server.close()


async def test_a_managed_identity_is_used_where_no_key_is_given(
    tls_server: CosmosServer, identity: type[IdentityEndpoint]
) -> None:
    identity.token = tls_server.token
    store = CosmosDocuments(Account(tls_server.endpoint, "db", identity="client-id"), patience=DEADLINE)
    await Shelf(store).create("a")
    assert await Shelf(store).read("a")
    await store.close()
    (asked,) = identity.asked
    assert "client_id=client-id" in asked


async def test_an_identity_without_a_role_is_named(
    tls_server: CosmosServer, identity: type[IdentityEndpoint]
) -> None:
    identity.token = "of another account"
    store = CosmosDocuments(Account(tls_server.endpoint, "db"), patience=DEADLINE)
    with pytest.raises(CosmosMisconfiguredError, match="identity is refused"):
        await Shelf(store).read("a")
    await store.close()


async def test_a_token_that_is_refused_is_asked_for_anew_without_a_restart(
    tls_server: CosmosServer, identity: type[IdentityEndpoint]
) -> None:
    identity.token = tls_server.token
    store = CosmosDocuments(Account(tls_server.endpoint, "db"), patience=DEADLINE)
    await Shelf(store).read("a")
    tls_server.token = "another: the identity's access was renewed"
    with pytest.raises(CosmosMisconfiguredError, match="identity is refused") as raised:
        await Shelf(store).read("a")
    assert raised.value.cause is REFUSED
    identity.token = tls_server.token
    assert await served(lambda: Shelf(store).read("missing")) is None
    await store.close()


@pytest.mark.parametrize(
    ("module", "unused"),
    [("documents", "('azure', 'aiohttp')"), ("store", "'azure.identity'")],
    ids=["SDK", "identity library"],
)
def test_what_a_cold_start_does_not_need_is_not_loaded(module: str, unused: str) -> None:
    load = f"import sys, shared.adapters.cosmos.{module}"
    script = f"{load}; print([name for name in sys.modules if name.startswith({unused})])"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.strip() == "[]"
