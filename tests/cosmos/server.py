"""A server that speaks the REST protocol of Cosmos DB as the Python SDK uses it, in memory.

It is faithful in what the adapter relies on and refuses, by name, what it does not know. It runs on a thread
with an event loop of its own, so that tests talk to it as to any server.

Sources: the SDK's own code (azure-cosmos 4.17), "Azure Cosmos DB REST API reference".
"""

import asyncio
import base64
import hmac
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from azure.cosmos import PartitionKey

from shared.adapters.cosmos.containers import KEEP_UNLESS_SAID, ContainerDefinition
from shared.ports.documents import Container
from tests.cosmos.documents import Documents
from tests.cosmos.protocol import Answer, Connection, RefusedError, Request
from tests.cosmos.store import Collection

KEY = base64.b64encode(b"the key of the test server, 64 bytes as the real ones are, really").decode()

type Seed = Mapping[str, Collection]
"""The contents of a database, by container."""


@dataclass
class Fault:
    """What goes wrong instead of, or besides, the answer."""

    on: str = "any"
    """Which requests: read, batch, query, changes, or any of these; ``account`` and ``container``."""
    status: int | None = None
    sub_status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    applied: bool = False
    """Whether the request is carried out all the same."""
    inside: bool = False
    """Whether a batch is answered, with this as the status of its first operation."""
    hang_up: bool = False
    raw: bytes | None = None
    """Sent as the body of a 200, in place of the answer."""
    delay: float = 0
    """Seconds before it is looked at."""
    times: int = 1


class CosmosServer:
    """``now`` is the clock of its documents, ``page_size`` the most that a page of a query has."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        page_size: int = 1000,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.now = now or (lambda: datetime.now(UTC))
        self.key = KEY
        self.token = "a token of the managed identity"
        self._tls = tls
        self._port = port
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, Request]] = []
        """What was asked of documents, with the name of its kind."""
        self._charged = 0.0
        self.openings = 0
        """How often a client has asked for the account, which it does when it opens."""
        self._page_size = page_size
        self._databases: dict[str, dict[str, tuple[Collection, Documents]]] = {}
        self._made = 0
        self._connections: set[Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cosmos-test", daemon=True)
        self._thread.start()
        self._server = self._run(self._listen())
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> None:
        """Forget all databases, faults and requests."""
        self._databases.clear()
        self.faults.clear()
        self.seen.clear()
        self.openings = 0

    def roll_back(self, *containers: Container) -> None:
        """Lose all documents and their logs, as a database does that is restored from before they were."""
        for database in self._databases.values():
            for container in containers:
                database[container.name][0].clear()

    def collections(self, database: str) -> Seed:
        """What a database has, for others to begin with."""
        return {name: collection for name, (collection, _) in self._databases[database].items()}

    def make(
        self,
        database: str,
        definitions: Sequence[ContainerDefinition],
        *,
        scans: bool = True,
        seed: Seed | None = None,
    ) -> None:
        """A database with these containers and the documents of ``seed``, without a request for them.

        Without ``scans`` it refuses every query that no index serves.
        """
        self._databases[database] = {}
        for definition in definitions:
            body = {
                "id": definition.container.name,
                "partitionKey": {"paths": definition.partition_key_paths, "kind": "MultiHash", "version": 2},
                "indexingPolicy": definition.indexing_policy,
                "defaultTtl": KEEP_UNLESS_SAID,
            }
            self._make_container(self._databases[database], body, scans=scans)
        for name, collection in (seed or {}).items():
            self._databases[database][name][0].fill(collection)

    def asked(self, kind: str) -> list[Request]:
        return [request for name, request in self.seen if name == kind]

    def counted(self) -> dict[str, float]:
        """What was asked for, by kind, and the request units that it was charged."""
        kinds = Counter(name for name, _ in self.seen)
        return {f"{name} requests": count for name, count in kinds.items()} | {
            "request units": round(self._charged, 1)
        }

    def _run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: Connection(self.answer, self._connections), "127.0.0.1", self._port, ssl=self._tls
        )

    async def _close(self) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 5)

    async def answer(self, request: Request) -> Answer | None:
        """What is sent back; None hangs up instead."""
        kind = _kind(request)
        self.openings += kind == "account"
        if kind in {"read", "batch", "query", "changes"}:
            self.seen.append((kind, request))
        fault = self._fault(kind)
        if fault is None:
            return self._answer(request)
        await asyncio.sleep(fault.delay)
        if fault.raw is not None:
            return Answer(200, fault.raw)
        if fault.status is None and not fault.hang_up:
            return self._answer(request)
        if fault.applied:
            self._answer(request)
        if fault.hang_up or fault.status is None:
            return None
        if fault.inside:
            rest = [{"statusCode": 424, "requestCharge": 0}] * (len(request.json()) - 1)
            return Answer(207, [{"statusCode": fault.status, "requestCharge": 1}, *rest], fault.headers)
        refusal = RefusedError(fault.status, "a fault", sub_status=fault.sub_status, headers=fault.headers)
        return Answer.of(refusal)

    def _fault(self, kind: str) -> Fault | None:
        document = kind in {"read", "batch", "query", "changes"}
        for fault in self.faults:
            if fault.on == kind or (fault.on == "any" and document):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def _answer(self, request: Request) -> Answer:
        try:
            self._authenticate(request)
            answer = self._route(request)
        except RefusedError as refusal:
            return Answer.of(refusal)
        self._charged += float(answer.headers.get("x-ms-request-charge", 0))
        return answer

    def _authenticate(self, request: Request) -> None:
        """The signature of "Access control on Azure Cosmos DB resources", or the identity's token."""
        given = unquote(request.headers.get("authorization", ""))
        if given == f"type=aad&ver=1.0&sig={self.token}":
            return
        parts = request.path.strip("/").split("/")
        kinds = [part for part in parts[::2] if part]
        link = "/".join(parts) if len(parts) % 2 == 0 else "/".join(parts[:-1])
        text = "\n".join(
            [request.method.lower(), kinds[-1] if kinds else "", link, request.headers["x-ms-date"].lower()]
        )
        digest = hmac.digest(base64.b64decode(self.key), f"{text}\n\n".encode(), "sha256")
        expected = f"type=master&ver=1.0&sig={base64.b64encode(digest).decode()}"
        if given != expected:
            raise RefusedError(401, "the authorization is not for this account")

    def _route(self, request: Request) -> Answer:
        match request.method, request.path.strip("/").split("/"):
            case "GET", [""]:
                return self._account()
            case "POST", ["dbs"]:
                return self._make_database(request.json())
            case "GET", ["dbs", database]:
                self._database(database)
                return Answer(200, {"id": database, "_rid": database, "_self": ""})
            case "DELETE", ["dbs", database]:
                self._database(database)
                del self._databases[database]
                return Answer(204)
            case "POST", ["dbs", database, "colls"]:
                return self._make_container(self._database(database), request.json())
            case _, ["dbs", database, "colls", name, *rest]:
                return self._of_container(request, *self._container(database, name), rest)
        raise _unknown(request)

    def _of_container(
        self, request: Request, collection: Collection, documents: Documents, rest: list[str]
    ) -> Answer:
        match request.method, rest:
            case "GET", []:
                return Answer(200, {**collection.definition, "_rid": collection.rid, "_self": ""})
            case "GET", ["pkranges"]:
                return self._ranges(collection, request)
            case _, ["docs", *item]:
                return documents.answer(request, item[0] if item else None)
        raise _unknown(request)

    def _account(self) -> Answer:
        here = [{"name": "Here", "databaseAccountEndpoint": self.endpoint + "/"}]
        account = {
            "id": "test",
            "writableLocations": here,
            "readableLocations": here,
            "enableMultipleWriteLocations": False,
            "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
            "queryEngineConfiguration": "{}",
        }
        return Answer(200, account)

    def _make_database(self, body: dict[str, Any]) -> Answer:
        if body["id"] in self._databases:
            raise RefusedError(409, f"there is a database {body['id']!r}")
        self._databases[body["id"]] = {}
        return Answer(201, {"id": body["id"], "_rid": body["id"], "_self": ""})

    def _make_container(
        self, containers: dict[str, Any], body: dict[str, Any], *, scans: bool = True
    ) -> Answer:
        known = {"id", "partitionKey", "indexingPolicy", "defaultTtl"}
        if unknown := body.keys() - known:
            raise RefusedError(501, f"this server does not know {sorted(unknown)} of a container")
        if (body["partitionKey"].get("kind"), body["partitionKey"].get("version")) != ("MultiHash", 2):
            raise RefusedError(501, "this server knows hierarchical partition keys of version 2 only")
        if body["id"] in containers:
            raise RefusedError(409, f"there is a container {body['id']!r}")
        self._made += 1
        rid = base64.b64encode(self._made.to_bytes(8)).decode()
        collection = Collection(rid, body, splits=_splits(body), now=self._time)
        containers[body["id"]] = collection, Documents(collection, page_size=self._page_size, scans=scans)
        return Answer(201, {**body, "_rid": rid, "_self": ""})

    def _time(self) -> datetime:
        return self.now()

    def _database(self, name: str) -> dict[str, tuple[Collection, Documents]]:
        if name not in self._databases:
            raise RefusedError(404, f"there is no database {name!r}", sub_status=1003)
        return self._databases[name]

    def _container(self, database: str, name: str) -> tuple[Collection, Documents]:
        containers = self._database(database)
        if name not in containers:
            raise RefusedError(404, f"there is no container {name!r}", sub_status=1003)
        return containers[name]

    def _ranges(self, collection: Collection, request: Request) -> Answer:
        if request.headers.get("if-none-match") == '"ranges"':
            return Answer(304, None, {"etag": '"ranges"'})
        ranges = [
            {
                "id": one.id,
                "_rid": one.id,
                "minInclusive": one.start,
                "maxExclusive": one.end,
                "parents": [],
                "status": "online",
            }
            for one in collection.physical
        ]
        body = {"_rid": collection.rid, "PartitionKeyRanges": ranges, "_count": len(ranges)}
        return Answer(200, body, {"etag": '"ranges"'})


def _unknown(request: Request) -> RefusedError:
    return RefusedError(501, f"this server does not know {request.method} of {request.path}")


def _splits(definition: dict[str, Any]) -> Sequence[str]:
    """Through the middle of the tenant acme: what belongs to it is in two physical partitions."""
    key = PartitionKey(path=definition["partitionKey"]["paths"], kind="MultiHash", version=2)
    return [str(key._get_effective_partition_key_string(["acme"])) + "20"]


def _kind(request: Request) -> str:
    parts = request.path.strip("/").split("/")
    match parts[::2]:
        case [""]:
            return "account"
        case ["dbs", "colls"]:
            return "container"
        case ["dbs", "colls", "docs"] if len(parts) == 6:
            return "read"
        case ["dbs", "colls", "docs"]:
            if request.headers.get("x-ms-cosmos-is-batch-request"):
                return "batch"
            return "query" if request.headers.get("x-ms-documentdb-isquery") else "changes"
    return "other"
