"""What the adapter says of a database that is not right, and what it measures of one that is."""

from dataclasses import replace

import pytest

from shared.adapters.cosmos.account import Account
from shared.adapters.cosmos.containers import DEFINITIONS, ContainerDefinition
from shared.adapters.cosmos.creation import ensure_containers
from shared.adapters.cosmos.documents import CosmosDocuments
from shared.adapters.cosmos.errors import CosmosMisconfiguredError, CosmosUnavailableError
from shared.domain.errors import UnavailableError
from shared.ports.documents import TENANCY, Container
from tests.contracts.shelf import Shelf
from tests.cosmos.conftest import DEADLINE, Meter, served
from tests.cosmos.server import CosmosServer, Fault

ANOTHER_KEY = "YW5vdGhlciBrZXk="


async def reason(
    account: Account,
    error: type[CosmosUnavailableError] = CosmosMisconfiguredError,
    *,
    patience: float = DEADLINE,
) -> str:
    """Why the account cannot be used, which is not what the caller is told."""
    store = CosmosDocuments(account, patience=patience)
    with pytest.raises(error) as raised:
        await Shelf(store).read("a")
    assert raised.value.message == UnavailableError.title
    await store.close()
    return str(raised.value)


async def test_a_wrong_key_is_named(account: Account) -> None:
    assert "key or identity is refused" in await reason(replace(account, key=ANOTHER_KEY))


@pytest.mark.parametrize(
    ("endpoint", "key", "said"),
    [
        ("nonsense", ANOTHER_KEY, "'nonsense' is no address"),
        ("ftp://quantum.example", ANOTHER_KEY, "is no address"),
        ("https://quantum.example", "not base64", "not base64"),
    ],
)
def test_what_cannot_be_an_account_is_refused_when_the_adapter_is_made(
    endpoint: str, key: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Account(endpoint, "db", key=key)


async def test_an_endpoint_where_nobody_listens_is_named(account: Account) -> None:
    nowhere = replace(account, endpoint="http://127.0.0.1:9")
    assert "cannot be reached" in await reason(nowhere, CosmosUnavailableError, patience=2)


@pytest.mark.parametrize(
    "answer",
    [
        Fault(status=404, times=100),
        Fault(raw=b'{"hello": "world"}', times=100),
        Fault(raw=b"[]", times=100),
    ],
    ids=["not found", "another service's JSON", "a list"],
)
async def test_an_endpoint_of_something_else_is_named(
    server: CosmosServer, account: Account, answer: Fault
) -> None:
    server.faults += [replace(answer, on=kind) for kind in ("account", "container")]
    assert "no Cosmos DB account" in await reason(account)


async def test_a_page_in_place_of_an_account_is_named(server: CosmosServer, account: Account) -> None:
    server.faults.append(Fault("account", raw=b"<html>", times=10_000))
    assert "no answer" in await reason(account, CosmosUnavailableError, patience=2)


async def test_a_missing_database_is_named(account: Account) -> None:
    assert "'elsewhere'" in await reason(replace(account, database="elsewhere"))


async def test_a_missing_container_is_named(server: CosmosServer, account: Account) -> None:
    server.make(account.database, [one for one in DEFINITIONS if one.container != TENANCY])
    assert "'tenancy'" in await reason(account)


async def test_a_wrong_partition_key_is_named(server: CosmosServer, account: Account) -> None:
    wrong = ContainerDefinition(Container("tenancy", "member"))
    server.make(account.database, [one for one in DEFINITIONS if one.container != TENANCY] + [wrong])
    assert "/member" in await reason(account)


async def test_a_container_that_goes_away_is_named(documents: CosmosDocuments, server: CosmosServer) -> None:
    server.reset()
    with pytest.raises(CosmosMisconfiguredError, match="missing"):
        await Shelf(documents).create("a")


async def test_access_that_is_withdrawn_is_named(documents: CosmosDocuments, server: CosmosServer) -> None:
    server.faults.append(Fault(status=403))
    with pytest.raises(CosmosMisconfiguredError, match="refused"):
        await Shelf(documents).read("a")


async def test_a_database_that_comes_later_is_found(server: CosmosServer, account: Account) -> None:
    store = CosmosDocuments(replace(account, database="later"), patience=DEADLINE)
    with pytest.raises(CosmosMisconfiguredError):
        await Shelf(store).read("a")
    await ensure_containers(server.endpoint, "later", key=server.key)
    await ensure_containers(server.endpoint, "later", key=server.key)
    await served(lambda: Shelf(store).create("a"))
    await store.close()


async def test_a_start_lives_through_faults(server: CosmosServer, account: Account) -> None:
    server.faults += [Fault("account", 503), Fault("container", 429, times=2), Fault("read", hang_up=True)]
    store = CosmosDocuments(account, patience=DEADLINE)
    await Shelf(store).create("a")
    assert server.faults == []
    await store.close()


async def test_request_units_are_told_of_every_answer(
    shelf: Shelf, server: CosmosServer, meter: Meter
) -> None:
    await shelf.create("a")
    await shelf.read("a")
    await shelf.read("missing")
    await shelf.matching()
    await shelf.changes()
    server.faults.append(Fault(status=429, headers={"x-ms-request-charge": "0.38"}))
    await shelf.read("a")
    assert meter.told[0] == ("acme", "transact", "executions", 6.0)
    assert meter.operations() == ["transact", "read", "read", "query", "changes", "read", "read"]
    assert meter.told[-2:] == [
        ("acme", "read", "executions", 0.38),
        ("acme", "read", "executions", 1.0),
    ]
