import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from shared.adapters.cosmos.account import Account
from shared.adapters.system import SystemClock
from shared.ports.documents import Documents
from tests.fakes.clock import FrozenClock
from tests.fakes.documents import InterruptedDocuments
from tests.http.harness import Failing, Identity, Opening, Stage, World, build, people
from tests.stores import opened
from tests.vaults import opened_vault

if TYPE_CHECKING:
    from tests.cosmos.server import CosmosServer, Seed

FILE = "documents.db"


class Defective(Failing):
    """A store with a bug."""

    error = RuntimeError("a secret detail")


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.of(tmp_path_factory.mktemp("identity"))


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory, identity: Identity) -> Path:
    """A data folder with the people in it: every test over SQLite starts from a copy."""

    async def settle(data: Path) -> None:
        async with local(SqliteDocuments, data, identity) as made:
            await people(made.platform, identity.issuer.url)

    data = tmp_path_factory.mktemp("seed")
    asyncio.run(settle(data))
    return data


@pytest.fixture(scope="session")
def cosmos_seed(
    cosmos_server: "CosmosServer", identity: Identity, tmp_path_factory: pytest.TempPathFactory
) -> "Seed | None":
    """What a database has with the people in it: every test over the test server starts from a copy."""
    # Loads the SDK: a second, for the tests that want it.
    from shared.adapters.cosmos.containers import DEFINITIONS
    from shared.adapters.cosmos.documents import CosmosDocuments
    from tests.cosmos.stores import real_endpoint

    if real_endpoint() is not None:
        return None
    cosmos_server.make("seed", DEFINITIONS)
    account = Account(cosmos_server.endpoint, "seed", key=cosmos_server.key)

    async def settle(data: Path) -> None:
        documents = CosmosDocuments(account, patience=60)
        async with _open(documents, data, identity) as made:
            await people(made.platform, identity.issuer.url)
        await documents.close()

    asyncio.run(settle(tmp_path_factory.mktemp("cosmos")))
    return cosmos_server.collections("seed")


@pytest.fixture
def begun(request: pytest.FixtureRequest, store: str) -> "Seed | None":
    """What the test's database begins with."""
    seed: Seed | None = request.getfixturevalue("cosmos_seed") if store == "cosmos" else None
    return seed


@pytest.fixture
def data(tmp_path: Path, seed: Path) -> Path:
    shutil.copytree(seed, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def vault(request: pytest.FixtureRequest) -> str:
    """What keeps secrets: memory, unless the test is marked with ``REAL_VAULTS``."""
    return str(getattr(request, "param", "fake"))


@pytest.fixture
def special_settings() -> Mapping[str, Any]:
    """Settings that the tests of a module want otherwise."""
    return {}


@pytest.fixture
def opening(
    request: pytest.FixtureRequest,
    store: str,
    begun: "Seed | None",
    data: Path,
    identity: Identity,
    vault: str,
    special_settings: Mapping[str, Any],
) -> Opening:
    """Opens the platform in whatever event loop it is to live in; see ``world``."""

    @asynccontextmanager
    async def open_() -> AsyncIterator[World]:
        async with (
            opened(store, request, data / FILE, now=SystemClock().now, seed=begun) as documents,
            opened_vault(vault, request, data, SystemClock()) as secrets,
            _open(documents, data, identity, secrets=secrets, **special_settings) as made,
        ):
            if store != "sqlite" and begun is None:
                await people(made.platform, identity.issuer.url)
            yield made

    return open_


@pytest.fixture
async def world(opening: Opening) -> AsyncIterator[World]:
    """The platform, over SQLite unless the test is marked with ``BOTH_STORES``."""
    async with opening() as made:
        yield made


@pytest.fixture
async def stage(
    request: pytest.FixtureRequest, store: str, begun: "Seed | None", data: Path, identity: Identity
) -> AsyncIterator[Stage]:
    """The platform, with time and store in the test's hands."""
    clock = FrozenClock(SystemClock().now())
    async with opened(store, request, data / FILE, now=clock.now, seed=begun) as real:
        documents = InterruptedDocuments(real)
        async with _open(documents, data, identity, clock=clock) as made:
            if store != "sqlite" and begun is None:
                await people(made.platform, identity.issuer.url)
            yield Stage(made, documents, clock)


@pytest.fixture
async def impatient(data: Path, identity: Identity) -> AsyncIterator[World]:
    """A platform whose streams show a sign of life after 20 ms of silence."""
    async with local(SqliteDocuments, data, identity, heartbeat=0.02) as made:
        yield made


@pytest.fixture
async def broken(data: Path, identity: Identity) -> AsyncIterator[World]:
    """A platform whose store of intents cannot be reached."""
    async with local(Failing, data, identity) as made:
        yield made


@pytest.fixture
async def defective(data: Path, identity: Identity) -> AsyncIterator[World]:
    """A platform whose store of intents has a bug."""
    async with local(Defective, data, identity) as made:
        yield made


@asynccontextmanager
async def local(
    store: type[SqliteDocuments], data: Path, identity: Identity, **options: Any
) -> AsyncIterator[World]:
    with closing(store(data / FILE)) as documents:
        async with _open(documents, data, identity, **options) as made:
            yield made


@asynccontextmanager
async def _open(documents: Documents, data: Path, identity: Identity, **options: Any) -> AsyncIterator[World]:
    with closing(SqliteEvents(data / "events.db")) as events:
        made = await build(data, identity, documents=documents, events=events, **options)
        async with made.http:
            yield made
