"""One host for all, that builds and deploys the tutorial's web app; and clients of it."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from examples import demo, hosting
from localhost.identity.token import issue_token, settings_of_host
from quantum.client import Client
from tests import forked
from tests.client.script import Script


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hosting.Host]:
    folder = tmp_path_factory.mktemp("client-host")
    # One person does here in a minute what others do in a day.
    unlimited = {"QUANTUM_RATE_LIMIT_HOUR": "0", "QUANTUM_RATE_LIMIT_BURST": "0"}
    running = forked.start(
        folder / "data", log=folder / "host.log", QUANTUM_CONTEXTS=str(demo.APP), **unlimited
    )
    yield running
    running.stop()


def token_of(host: hosting.Host, *, tenant: str = "acme", user: str = "ada", role: str = "admin") -> str:
    settings = settings_of_host(host.data, os.environ | host.settings)
    return issue_token(settings, tenant=tenant, user=user, role=role)


@pytest.fixture(scope="session")
def token(host: hosting.Host) -> str:
    return token_of(host)


@pytest.fixture(scope="session")
def viewer(host: hosting.Host) -> str:
    """Of bob, who may only look."""
    return token_of(host, user="bob", role="viewer")


@pytest.fixture
async def client(host: hosting.Host, token: str) -> AsyncIterator[Client]:
    async with Client(host.url, token=token) as made:
        yield made


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    made = Script()
    await made.start()
    yield made
    await made.stop()
