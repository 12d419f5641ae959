"""The adapter over the test server: by the name of a vault, with its certificate trusted and no other."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport

from shared.adapters.keyvault.secrets import KeyVaultSecrets
from tests.keyvault.server import KeyVaultServer


class Resolver(AbstractResolver):
    """Every name is the test server's."""

    def __init__(self, server: KeyVaultServer) -> None:
        self._server = server

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del port, family
        at, ipv4 = self._server.port, socket.AF_INET
        return [ResolveResult(hostname=host, host="127.0.0.1", port=at, family=ipv4, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


class Identity:
    """A credential that has one token, and knows for whom it was asked."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.asked: list[str] = []

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.asked += scopes
        return AccessToken(self.token, int(time.time()) + 3600)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""


def transport(server: KeyVaultServer) -> AioHttpTransport:
    trusted = ssl.create_default_context(cafile=str(server.certificate))
    connector = aiohttp.TCPConnector(resolver=Resolver(server), ssl=trusted)
    session = aiohttp.ClientSession(connector=connector, loop=asyncio.get_running_loop())
    return AioHttpTransport(session=session, session_owner=True)


@asynccontextmanager
async def vault(server: KeyVaultServer, **options: Any) -> AsyncIterator[KeyVaultSecrets]:
    given = {"credential": Identity(server.token), "pause": 0.01, "transport": transport(server), **options}
    secrets = KeyVaultSecrets(server.url, **given)
    yield secrets
    await secrets.close()
