from collections.abc import Iterator

import httpx
import pytest

from tests.registries import RunningRegistry, local_registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with local_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


def sign_in(client: httpx.Client, user: str, password: str, *scopes: str) -> None:
    """Have the client send a token for these scopes from now on."""
    client.headers.pop("authorization", None)
    response = client.get("/v2/token", params={"scope": list(scopes)}, auth=(user, password))
    assert response.status_code == 200, response.text
    client.headers["authorization"] = f"Bearer {response.json()['token']}"


@pytest.fixture(scope="session")
def _client(registry: RunningRegistry) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=registry.url) as client:  # making one takes a fifth of a second
        yield client


@pytest.fixture
def nobody(_client: httpx.Client) -> httpx.Client:
    """Somebody who has not signed in."""
    _client.headers.pop("authorization", None)
    return _client


@pytest.fixture
def http(registry: RunningRegistry, _client: httpx.Client) -> httpx.Client:
    """The platform, with every right in some repositories of ``acme``."""
    assert registry.login is not None
    scopes = [f"repository:acme/{name}:*" for name in ("one", "two", "empty")]
    sign_in(_client, registry.login.username, registry.login.password, *scopes)
    return _client
