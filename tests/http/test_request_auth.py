"""Requests that a secret authorizes: the other side gets it, and what it answers is told without it."""

import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest

from shared.modules.http import HttpRequest
from tests.http.harness import Opening, World
from tests.modules.conftest import Handler, Seen, Server
from tests.stores import BOTH_STORES

SECRET = "correct horse battery staple"
TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def special_settings() -> Mapping[str, Any]:
    return {"egress_loopback": True}


@pytest.fixture
async def world(opening: Opening) -> AsyncIterator[World]:
    """The platform, which leaves no connection open behind a test."""
    async with opening() as made:
        yield made
        action = made.platform.tenant_actions._catalogue.action("http-request")
        assert isinstance(action, HttpRequest)
        await action.aclose()


@pytest.fixture
def echo() -> Iterator[Server]:
    service = Server(("127.0.0.1", 0), Handler)
    service.seen = Seen()
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    service.shutdown()
    thread.join()
    service.server_close()


@BOTH_STORES
@pytest.mark.parametrize(
    "auth",
    [
        {"bearer": "${{ secrets.TOKEN }}"},
        {"basic": {"username": "ci", "password": "${{ secrets.PASSWORD }}"}},
    ],
    ids=["bearer", "basic"],
)
async def test_what_a_service_repeats_of_its_credentials_is_told_without_them(
    world: World, echo: Server, auth: dict[str, Any]
) -> None:
    for name, value in {"TOKEN": TOKEN, "PASSWORD": SECRET}.items():
        assert (await world.send("admin", "PUT", f"/secrets/{name}", json={"value": value})).is_success
    url = f"http://127.0.0.1:{echo.server_port}/echo"
    step: dict[str, Any] = {"id": "a", "action": "http-request", "url": url, "auth": auth}
    await world.intent("asks", definition={"steps": [step]})
    execution = (await world.send("operator", "POST", "/intents/asks/execute")).json()["execution_id"]
    attempt = {"tenant_id": "acme", "execution_id": execution, "step": "a", "attempt": 1, "first": True}
    assert (await world.platform.steps.run(attempt))["status"] == "completed"
    sent = echo.seen.headers["authorization"]
    assert sent.startswith(("Bearer " + TOKEN, "Basic Y2k6"))
    shown = (await world.send("admin", "GET", f"/executions/{execution}")).text
    assert sent.partition(" ")[2] not in shown
    assert "***" in shown
