"""The one client of a process, made when it is first needed, and what is known of the database."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.transport import AioHttpTransport
from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import (
    CosmosBatchOperationError,
    CosmosHttpResponseError,
    CosmosResourceNotFoundError,
)

from shared.adapters.cosmos.account import Account, RequestUnits, Transport
from shared.adapters.cosmos.containers import DEFINITIONS, TENANT_FIELD
from shared.adapters.cosmos.errors import CosmosMisconfiguredError, CosmosUnavailableError
from shared.adapters.cosmos.faults import Deadline, never_in_doubt, persist
from shared.adapters.cosmos.sessions import Sessions
from shared.domain.causes import BUSY, MISFIT, MISSING, REFUSED, UNREACHABLE
from shared.domain.paging import Cursors
from shared.ports.documents import TENANCY, Container

type Hook = Callable[[Mapping[str, Any], Any], None]
"""Called by the SDK with the headers and the body of an answer."""

CHARGE = "x-ms-request-charge"

MOST_CALLS = 500
"""Calls that may be under way: the next is turned away at once. It matters while the account is slow, when
callers would pile up for as long as each has patience; the SDK's transport has 100 connections."""

OPENING_PAUSE = 0.5
"""Seconds after an attempt to open the database has failed in which callers are told so without another."""

RETIRED = 10.0
"""Seconds for which a client that is not used any more is kept for the calls that it has under way."""

# No tenant's id has an underscore.
_PLATFORM_KEY = ["_platform", "cursors"]
_CURSOR_KEY_ID = "key"
_CURSOR_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Access:
    """What an attempt of a call works with."""

    container: ContainerProxy
    hook: Hook
    """To be given to the SDK, or told of headers that the SDK does not tell it of."""
    session: Mapping[str, Any]
    """The SDK's options of a read that must see what was seen or written before."""


@dataclass(frozen=True, slots=True)
class Database:
    """The open database: its containers by name, and the key that seals its cursors."""

    containers: Mapping[str, ContainerProxy]
    cursors: Cursors


class Client:
    """Opens the database once, on the loop that first asks; after a failure the next call tries again."""

    def __init__(
        self, account: Account, on_request_units: RequestUnits, transport: Transport | None = None
    ) -> None:
        self._account = account
        self._transport = transport or _aiohttp
        self._on_request_units = on_request_units
        self._sessions = Sessions()
        self._opening: asyncio.Task[Database] | None = None
        self._client: CosmosClient | None = None
        self._credential: AsyncTokenCredential | None = None
        self._database: Database | None = None
        self._opens_again = 0.0
        self._retired: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()
        self._calls = 0

    async def database(self, deadline: Deadline) -> Database:
        """The database, opened if this is the first call.

        Raises:
            CosmosMisconfiguredError: the account, database or a container is missing, or access is refused.
            UnavailableError: it did not answer in time, or has been closed.
        """
        if self._closed.is_set():  # whoever asked now would open it once more, and nobody would close that
            raise CosmosUnavailableError("the store has been closed", UNREACHABLE)
        if self._database is not None:
            return self._database
        # One attempt for all who ask meanwhile: they wait beside each other, not one behind the other. It
        # ends with the patience of the first, and says why.
        loop = asyncio.get_running_loop()
        if self._opening is None or (self._opening.done() and loop.time() >= self._opens_again):
            self._opening = loop.create_task(self._opened(deadline))
            self._opening.add_done_callback(_look_at)
        with self._counted():
            return await asyncio.shield(self._opening)

    async def call[T](
        self,
        operation: str,
        container: Container,
        attempt: Callable[[Access], Awaitable[T]],
        deadline: Deadline,
        *,
        tenant_id: str,
        in_doubt: Callable[[], bool] = never_in_doubt,
    ) -> T:
        """Do something with a container, measured, and repeated as :func:`faults.persist` says."""
        database = await self.database(deadline)
        proxy = database.containers[container.name]

        def measure(headers: Mapping[str, Any], _body: Any) -> None:
            self._sessions.learn(container, headers)
            self._on_request_units(tenant_id, operation, container.name, float(headers.get(CHARGE, 0)))

        async def measured() -> T:
            try:
                return await attempt(Access(proxy, measure, self._sessions.options(container)))
            except (CosmosHttpResponseError, CosmosBatchOperationError) as error:
                measure(error.headers or {}, None)
                raise

        with self._counted():
            try:
                return await persist(measured, deadline, in_doubt=in_doubt)
            except CosmosMisconfiguredError as error:
                if error.cause in {REFUSED, MISSING}:
                    self._retire(database)
                raise

    async def close(self) -> None:
        """Close it for good."""
        self._closed.set()
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait([self._opening])
        await asyncio.gather(*self._retired)
        await self._drop()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """One more call is under way.

        Raises:
            CosmosUnavailableError: there are too many.
        """
        if self._calls >= MOST_CALLS:
            raise CosmosUnavailableError(f"{MOST_CALLS} calls of Cosmos DB are under way already", BUSY)
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    def _retire(self, database: Database) -> None:
        """Open the database anew for who comes next: that asks for a new token, and finds what is missing.

        The SDK would go on using its token, which may be good for a day, and the containers it knows.
        """
        if self._database is database:
            client, credential = self._client, self._credential
            self._client, self._credential, self._database, self._opening = None, None, None, None
            task = asyncio.get_running_loop().create_task(self._close_later(client, credential))
            self._retired.add(task)
            task.add_done_callback(self._retired.discard)

    async def _close_later(
        self, client: CosmosClient | None, credential: AsyncTokenCredential | None
    ) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), RETIRED)
        await _close(client, credential)

    async def _opened(self, deadline: Deadline) -> Database:
        try:
            self._database = await persist(self._open, deadline)
        finally:
            if self._database is None:
                self._opens_again = asyncio.get_running_loop().time() + OPENING_PAUSE
                await self._drop()
        return self._database

    async def _drop(self) -> None:
        client, self._client, self._database = self._client, None, None
        credential, self._credential = self._credential, None
        await _close(client, credential)

    async def _open(self) -> Database:
        # A client that failed half-way is not used again.
        await self._drop()
        try:
            return await self._read_database()
        except (CosmosResourceNotFoundError, LookupError, TypeError, AttributeError) as error:
            # An answer, and not that of an account: the SDK looks in it for what is not there.
            reason = f"{self._account.endpoint} is no Cosmos DB account"
            raise CosmosMisconfiguredError(reason, UNREACHABLE) from error

    async def _read_database(self) -> Database:
        account = self._account
        self._client = self._made()
        await self._client.__aenter__()
        database = self._client.get_database_client(account.database)
        proxies = {
            definition.container.name: database.get_container_client(definition.container.name)
            for definition in DEFINITIONS
        }
        await asyncio.gather(
            *(
                self._check(proxies[definition.container.name], definition.partition_key_paths)
                for definition in DEFINITIONS
            )
        )
        return Database(proxies, Cursors(await _cursor_key(proxies[TENANCY.name])))

    def _made(self) -> CosmosClient:
        options: dict[str, Any] = {
            # One place retries: faults.persist. With endpoint discovery, the SDK sends a write again after a
            # 503 or a lost answer, where nobody can tell whether it counts twice; the account's own endpoint
            # leads to its write region all the same.
            "enable_endpoint_discovery": False,
            "retry_total": 0,
            "retry_connect": 0,
            "retry_read": 0,
            "retry_status": 0,
            "retry_throttle_total": -1,  # a 0 is taken for the default
            "transport": self._transport(),
        }
        return CosmosClient(self._account.endpoint, self._credentials(), **options)

    def _credentials(self) -> str | AsyncTokenCredential:
        if self._account.key is not None:
            return self._account.key
        # Imported here for cold start: with a key, it is not needed.
        from azure.identity.aio import ManagedIdentityCredential

        self._credential = ManagedIdentityCredential(client_id=self._account.identity)
        return self._credential

    async def _check(self, container: ContainerProxy, paths: list[str]) -> None:
        name = f"container {container.id!r} of database {self._account.database!r}"
        try:
            properties = await container.read()
        except CosmosResourceNotFoundError as error:
            raise CosmosMisconfiguredError(f"{self._account.endpoint} has no {name}", MISSING) from error
        found = properties["partitionKey"]["paths"]
        if found != paths:
            raise CosmosMisconfiguredError(f"the {name} is partitioned by {found}, not by {paths}", MISFIT)


def _aiohttp() -> AioHttpTransport:
    """Without the environment's proxies and .netrc: looking them up is two hops to a thread a request."""
    return AioHttpTransport(use_env_settings=False)


async def _close(client: CosmosClient | None, credential: AsyncTokenCredential | None) -> None:
    if client is not None:
        await client.close()
    if credential is not None:
        await credential.close()


def _look_at(opening: asyncio.Task[Database]) -> None:
    """Nobody may be left to whom a failure could be told."""
    if not opening.cancelled():
        opening.exception()


async def _cursor_key(container: ContainerProxy) -> bytes:
    """The key that all processes share: it is in the database, made by the first."""
    body = {
        "id": _CURSOR_KEY_ID,
        TENANT_FIELD: _PLATFORM_KEY[0],
        TENANCY.partition_field: _PLATFORM_KEY[1],
        "key": secrets.token_hex(_CURSOR_KEY_BYTES),
    }
    while True:
        try:
            found = await container.read_item(_CURSOR_KEY_ID, partition_key=_PLATFORM_KEY)
        except CosmosResourceNotFoundError:
            try:
                await container.execute_item_batch([("create", (body,))], partition_key=_PLATFORM_KEY)
            except CosmosBatchOperationError as error:
                if error.status_code != 409:
                    raise
            continue
        return bytes.fromhex(found["key"])
