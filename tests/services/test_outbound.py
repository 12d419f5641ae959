"""A step that sends the platform's token, from the settings to what is stored of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.adapters.system import RandomIds
from shared.bootstrap import Application, compose
from shared.domain.executions import StepState
from shared.domain.intents import NewIntent
from shared.ports.adapters import Adapters
from shared.settings import Settings
from tests.fakes.clock import FrozenClock
from tests.fakes.orchestrations import RecordedOrchestrations
from tests.services.conftest import caller

SCOPE = "api://x/.default"
TOKEN = "eyJ.the-platforms.own_token"


class Purse:
    async def token(self, *, scope: str, on_behalf_of: str | None = None) -> str:
        assert (scope, on_behalf_of) == (SCOPE, None)
        return TOKEN


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request with its own head."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = str(len(head)).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: " + length + b"\r\n\r\n" + head)
    await writer.drain()
    writer.close()


@dataclass
class World:
    platform: Application
    documents: SqliteDocuments
    url: str
    data: Path

    async def run(self, tenant: str, scope: str) -> StepState:
        """The step as the API shows it after its attempt."""
        ada = caller(tenant)
        step = {"id": "call", "action": "http-request", "url": self.url, "auth": {"scope": scope}}
        new = NewIntent(name="call", definition={"steps": [step]})
        await self.platform.intents.create(ada, new)
        execution = await self.platform.executions.execute(ada, "call", {})
        ids = {"tenant_id": tenant, "execution_id": execution.execution_id}
        await self.platform.steps.run({**ids, "step": "call", "attempt": 1, "first": True})
        found = await self.platform.executions.get(ada, execution.execution_id)
        return found.steps[0]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    clock = FrozenClock()
    documents = SqliteDocuments(tmp_path / "documents.db", now=clock.now)
    events = SqliteEvents(tmp_path / "events.db", now=clock.now)
    adapters = Adapters(
        documents=documents,
        events=events,
        orchestrations=RecordedOrchestrations(),
        tokens=JwtTokens((), keys=JwksSource(), clock=clock),
        clock=clock,
        ids=RandomIds(clock),
        cursor_key=b"k" * 32,
        credentials=Purse(),
    )
    scopes = [{"scope": SCOPE, "origins": [f"http://{at}"], "tenants": ["acme"]}]
    settings = Settings(
        adapters="localhost",
        data=tmp_path,
        host_url="http://127.0.0.1:1",
        egress_allow=(at,),
        credentials_scopes=json.dumps(scopes),
    )
    async with server:
        yield World(compose(adapters, settings), documents, f"http://{at}/", tmp_path)
    events.close()
    documents.close()


async def test_the_token_is_sent_and_stored_nowhere(world: World) -> None:
    step = await world.run("acme", SCOPE)
    assert step.outputs is not None
    assert "authorization: Bearer (the platform's token)" in step.outputs["body"]
    stored = b"".join(path.read_bytes() for path in world.data.iterdir() if path.is_file())
    assert b"(the platform's token)" in stored
    assert TOKEN.encode() not in stored


@pytest.mark.parametrize(("tenant", "scope"), [("globex", SCOPE), ("acme", "api://other/.default")])
async def test_what_no_operator_allows_fails_the_step(world: World, tenant: str, scope: str) -> None:
    step = await world.run(tenant, scope)
    message = f"this tenant may not get a token for {scope}; an operator can allow it"
    assert (step.status, step.error) == ("failed", {"code": "AUTH_REFUSED", "message": message})
