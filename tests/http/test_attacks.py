"""Every forged token is refused over HTTP with one and the same answer, and the log knows why."""

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from localhost.http.server import Server, bind
from localhost.sqlite.events import SqliteEvents
from shared.adapters.system import SystemClock
from tests.http.conftest import FILE
from tests.http.harness import Identity, build, people
from tests.security.attacks import Sent, Trusted
from tests.security.entra import ADA, HOME, issuer_name
from tests.stores import BOTH_STORES, opened

if TYPE_CHECKING:
    from tests.cosmos.server import Seed

pytestmark = BOTH_STORES


@dataclass
class Target:
    """A platform that listens, and the issuers that it trusts."""

    trusted: Trusted
    http: httpx.AsyncClient

    async def asked(self, sent: Sent) -> httpx.Response:
        return await self.http.get("/api/v1/intents", headers=sent.headers, params=sent.query)


@pytest.fixture
async def target(
    request: pytest.FixtureRequest, store: str, begun: "Seed | None", data: Path, identity: Identity
) -> AsyncIterator[Target]:
    trusted = Trusted()
    async with opened(store, request, data / FILE, now=SystemClock().now, seed=begun) as documents:
        with closing(SqliteEvents(data / "events.db")) as events:
            world = await build(data, identity, documents=documents, events=events, tokens=trusted.tokens)
            if store != "sqlite" and begun is None:
                await people(world.platform, identity.issuer.url)
            identities = [(forge.name, "ada") for forge in (trusted.rsa, trusted.elliptic, trusted.shared)]
            for number, (issuer, subject) in enumerate([*identities, (issuer_name("v2", HOME), ADA)]):
                await world.platform.members.ensure_member(
                    "acme", user=f"ada-{number}", roles=["viewer"], issuer=issuer, subject=subject
                )
            listener = bind("127.0.0.1", 0)
            server = Server(world.app, listener, grace=1)
            await server.start()
            address = "http://{}:{}".format(*listener.getsockname())
            async with world.http, httpx.AsyncClient(base_url=address, timeout=60) as client:
                yield Target(trusted, client)
            await server.stop()


async def test_every_attack_gets_the_same_answer_and_its_own_reason(
    target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "functions.gateway.edge")
    expected, answered, answers = {}, {}, Counter[str]()
    for name, sent, reason in target.trusted.attacks():
        assert name not in expected, "two attacks have the same name"
        caplog.clear()
        response = await target.asked(sent)
        told = [text for one in caplog.records if (text := one.getMessage()).startswith("refused: ")]
        right = [text.startswith(f"refused: {reason}") for text in told] == [True]
        expected[name], answered[name] = (
            (401, reason),
            (response.status_code, reason if right else told),
        )
        answers[_without_its_own(response)] += 1
    assert answered == expected
    assert list(answers.values()) == [len(expected)], answers


def _without_its_own(response: httpx.Response) -> str:
    """An answer without what every answer has of its own: the request's id, and the time."""
    own = ("request_id", "timestamp")
    body = {name: value for name, value in response.json().items() if name not in own}
    headers = {
        name: value for name, value in response.headers.items() if name not in {"x-request-id", "date"}
    }
    return str((sorted(body.items()), sorted(headers.items())))


async def test_the_same_issuers_good_tokens_are_taken(target: Target) -> None:
    for token in target.trusted.good():
        sent = Sent([(b"Authorization", f"Bearer {token}".encode())])
        assert (await target.asked(sent)).status_code == 200


async def test_another_tenants_token_opens_nothing_of_this_one(target: Target) -> None:
    token = target.trusted.rsa.token()
    sent = Sent([(b"Authorization", f"Bearer {token}".encode()), (b"X-Tenant-ID", b"globex")])
    other = await target.asked(sent)
    absent = await target.asked(Sent([sent.headers[0], (b"X-Tenant-ID", b"nobodys")]))
    assert (other.status_code, absent.status_code) == (404, 404)
    assert other.text.count("globex") == absent.text.count("nobodys")
