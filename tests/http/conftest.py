import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.http.harness import Failing, Identity, World, build, people


class Defective(Failing):
    """A store with a bug."""

    error = RuntimeError("a secret detail")


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.of(tmp_path_factory.mktemp("identity"))


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory, identity: Identity) -> Path:
    """A data folder with the people in it: every test starts from a copy."""

    async def settle(data: Path) -> None:
        async with _open(data, identity) as made:
            await people(made.platform, identity.issuer.url)

    data = tmp_path_factory.mktemp("seed")
    asyncio.run(settle(data))
    return data


@pytest.fixture
def data(tmp_path: Path, seed: Path) -> Path:
    shutil.copytree(seed, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
async def world(data: Path, identity: Identity) -> AsyncIterator[World]:
    async with _open(data, identity) as made:
        yield made


@pytest.fixture
async def impatient(data: Path, identity: Identity) -> AsyncIterator[World]:
    """A platform whose streams show a sign of life after 20 ms of silence."""
    async with _open(data, identity, heartbeat=0.02) as made:
        yield made


@pytest.fixture
async def broken(data: Path, identity: Identity) -> AsyncIterator[World]:
    """A platform whose store of intents cannot be reached."""
    async with _open(data, identity, documents=Failing) as made:
        yield made


@pytest.fixture
async def defective(data: Path, identity: Identity) -> AsyncIterator[World]:
    """A platform whose store of intents has a bug."""
    async with _open(data, identity, documents=Defective) as made:
        yield made


@asynccontextmanager
async def _open(data: Path, identity: Identity, **options: Any) -> AsyncIterator[World]:
    made = await build(data, identity, **options)
    try:
        yield made
    finally:
        await made.http.aclose()
        made.adapters.close()
