"""The vaults that tests run over: what each of them keeps secrets in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localhost.sqlite.secrets import SqliteSecrets
from shared.ports.clock import Clock
from shared.ports.secrets import Secrets
from tests.fakes.secrets import KeptSecrets

if TYPE_CHECKING:
    from tests.keyvault.server import KeyVaultServer

VAULTS = ("fake", "sqlite", "keyvault")
REAL_VAULTS = pytest.mark.parametrize("vault", VAULTS[1:], indirect=True)
"""Marks tests that are to pass over each vault that the platform has, instead of one in memory."""


@asynccontextmanager
async def opened_vault(
    name: str, request: pytest.FixtureRequest, folder: Path, clock: Clock
) -> AsyncIterator[Secrets]:
    """The vault of that name, with nothing in it."""
    match name:
        case "fake":
            yield KeptSecrets(now=clock.now)
        case "sqlite":
            with closing(SqliteSecrets(folder / "secrets.db", now=clock.now)) as local:
                yield local
        case _:
            from tests.keyvault.vaults import vault  # loads the SDK, for the tests that want it

            server: KeyVaultServer = request.getfixturevalue("keyvault_server")
            async with vault(server) as service:
                yield service
            server.reset()
