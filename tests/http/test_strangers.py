"""Who fails to say who asks is held off, who has a good token never; requests without one are counted."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from localhost.sqlite.documents import SqliteDocuments
from localhost.sqlite.events import SqliteEvents
from shared.adapters.system import SystemClock
from shared.ports.documents import Container, Document
from shared.security.scope import TenantScope
from shared.services.tenancy import strangers
from shared.services.tenancy.strangers import Strangers
from tests.fakes.clock import FrozenClock
from tests.http.harness import Identity, World, build

FREE = 3
MINUTE = 60
BAD = ("Bearer nonsense", "Bearer a.b.c", "Basic eDp5", "Bearer ", None)
type Guarded = Callable[..., AbstractAsyncContextManager[World]]


class Counted(SqliteDocuments):
    """Counts how often it is read."""

    reads: int = 0

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        self.reads += 1
        return await super().read(scope, container=container, partition=partition, id=id)


@pytest.fixture
def clock() -> FrozenClock:
    """At the beginning of a minute in which the token of a test is good."""
    now = SystemClock().now()
    clock = FrozenClock(now)
    clock.advance(MINUTE - now.timestamp() % MINUTE)
    return clock


@pytest.fixture
def guarded(data: Path, identity: Identity, clock: FrozenClock) -> Guarded:
    """Opens the platform with these settings."""

    @asynccontextmanager
    async def open_(**settings: Any) -> AsyncIterator[World]:
        with (
            closing(Counted(data / "documents.db", now=clock.now)) as documents,
            closing(SqliteEvents(data / "events.db")) as events,
        ):
            made = await build(data, identity, documents=documents, events=events, clock=clock, **settings)
            async with made.http:
                yield made

    return open_


async def attempt(world: World, authorization: str | None = BAD[0], **headers: str) -> httpx.Response:
    told = {"Authorization": authorization} if authorization is not None else {}
    return await world.send(None, "GET", "/intents", headers=told | headers)


def held(response: httpx.Response, seconds: int) -> bool:
    assert (response.status_code, response.json()["code"]) == (429, "RATE_LIMITED")
    assert response.json()["violated_policies"] == ["failures"]
    return response.headers["retry-after"] == str(seconds)


async def test_who_fails_again_and_again_is_held_off_longer_each_time(
    guarded: Guarded, clock: FrozenClock
) -> None:
    async with guarded(failed_sign_ins=FREE) as world:
        for _ in range(FREE):
            assert (await attempt(world)).status_code == 401
        for seconds in (1, 2, 4):
            assert held(await attempt(world), seconds)
            clock.advance(seconds)
            assert (await attempt(world)).status_code == 401
        assert held(await attempt(world), 8)


async def test_held_off_every_failure_has_one_and_the_same_answer_and_no_line_of_its_own(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    async with guarded(failed_sign_ins=FREE) as world:
        with caplog.at_level(logging.INFO):
            for _ in range(FREE):
                await attempt(world)
            answers = [await attempt(world, bad) for bad in BAD]
            answers += [await world.send(None, "GET", path) for path in ("/me", "/audit")]
    varying = {"request_id", "timestamp", "instance"}
    told = {
        str({name: value for name, value in one.json().items() if name not in varying}) for one in answers
    }
    assert len(told) == 1
    assert "nonsense" not in told.pop()
    assert len([line for line in caplog.messages if line.startswith("refused:")]) == FREE
    assert [line.partition(" request_id")[0] for line in caplog.messages if "held off" in line] == [
        "127.0.0.1 has failed 3 times: held off for 1 s"
    ]


async def test_a_good_token_is_served_from_an_address_that_is_held_off(guarded: Guarded) -> None:
    async with guarded(failed_sign_ins=FREE) as world:
        for _ in range(10 * FREE):
            await attempt(world)
        assert (await attempt(world)).status_code == 429
        assert (await world.send("viewer", "GET", "/intents")).status_code == 200
        assert (await world.send("viewer", "GET", "/me")).status_code == 200
        fresh = world.token("author", lifetime=60)
        assert (await attempt(world, f"Bearer {fresh}")).status_code == 200
        assert (await attempt(world)).status_code == 429


async def test_success_buys_no_new_attempts_and_time_does(guarded: Guarded, clock: FrozenClock) -> None:
    async with guarded(failed_sign_ins=FREE) as world:
        for _ in range(FREE):
            await attempt(world)
            await world.send("viewer", "GET", "/intents")
        assert (await attempt(world)).status_code == 429
        clock.advance(FREE * MINUTE)
        for _ in range(FREE):
            assert (await attempt(world)).status_code == 401
        assert held(await attempt(world), 1)


async def test_each_address_is_held_off_by_itself(guarded: Guarded) -> None:
    async with guarded(failed_sign_ins=FREE, trusted_proxies=1) as world:

        async def status(address: str) -> int:
            return (await attempt(world, **{"X-Forwarded-For": f"203.0.113.9, {address}"})).status_code

        for _ in range(FREE):
            await status("198.51.100.1")
            await status("2001:db8::1")
        assert await status("198.51.100.1") == 429
        assert await status("198.51.100.2:4711") == 401
        assert await status("2001:db8::ffff:2") == 429
        assert await status("2001:db8:0:1::1") == 401


async def test_whose_token_is_good_and_who_is_nobody_is_not_looked_for_all_the_time(
    guarded: Guarded, clock: FrozenClock
) -> None:
    async with guarded(failed_sign_ins=FREE) as world:
        nobody, other = (f"Bearer {world.token(name)}" for name in ("mallory", "niemand"))
        for _ in range(FREE):
            assert (await attempt(world, nobody)).status_code == 401
        documents = world.platform.adapters.documents
        assert isinstance(documents, Counted)
        before = documents.reads
        assert held(await attempt(world, nobody), 1)
        refused = await world.send(None, "GET", "/me", headers={"Authorization": nobody})
        assert (refused.status_code, documents.reads) == (429, before)
        assert (await attempt(world, other)).status_code == 401
        member = {"roles": ["viewer"], "issuer": world.identity.issuer.url, "subject": "mallory"}
        assert (await world.send("admin", "PUT", "/members/mallory", json=member)).status_code == 200
        clock.advance(1)
        assert (await attempt(world, nobody)).status_code == 200


async def test_who_invents_callbacks_is_held_off_and_who_was_given_one_is_not(guarded: Guarded) -> None:
    async with guarded(failed_sign_ins=FREE) as world:
        _, token = await world.called()
        for _ in range(FREE):
            assert (await world.send(None, "POST", "/callbacks/invented", json={})).status_code == 404
        assert held(await world.send(None, "POST", "/callbacks/invented", json={}), 1)
        answer = await world.send(None, "POST", f"/callbacks/{token}", json={"decision": "approve"})
        assert answer.status_code not in {404, 429}


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/openapi.json", "/docs", "/nothing-here"])
async def test_what_needs_no_token_is_served_so_often_a_minute(
    guarded: Guarded, clock: FrozenClock, path: str
) -> None:
    async with guarded(anonymous_requests=2) as world:
        allowed = [(await world.send(None, "GET", path)).status_code for _ in range(2)]
        assert 429 not in allowed
        clock.advance(20)
        refused = await world.send(None, "GET", path)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "40")
        assert refused.json()["violated_policies"] == ["anonymous"]
        assert (await world.send("viewer", "GET", "/intents")).status_code == 200
        asked = {"Origin": "https://x.example", "Access-Control-Request-Method": "GET"}
        assert (await world.send(None, "OPTIONS", "/intents", headers=asked)).status_code == 405
        clock.advance(40)
        assert (await world.send(None, "GET", path)).status_code == allowed[0]


async def test_callbacks_are_counted_apart_from_what_anybody_may_send(
    guarded: Guarded, clock: FrozenClock
) -> None:
    async with guarded(anonymous_requests=2) as world:
        _, token = await world.called()
        for _ in range(3):
            await world.send(None, "GET", "/health")
        first, second, third = [
            await world.send(None, "POST", f"/callbacks/{token}", json={}) for _ in range(3)
        ]
        assert 429 not in {first.status_code, second.status_code}
        assert (third.status_code, third.json()["violated_policies"]) == (429, ["sealed"])
        clock.advance(MINUTE)
        assert (await world.send(None, "POST", f"/callbacks/{token}", json={})).status_code != 429


def test_no_number_of_addresses_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "KEPT", 50)
    kept = Strangers(FrozenClock(), failures=FREE, requests=10)
    for number in range(500):
        kept.failed(f"10.0.{number // 256}.{number % 256}")
        kept.nobody("urn:idp", str(number))
        kept.count("anonymous", f"10.0.{number // 256}.{number % 256}")
    assert len(kept._failures) == len(kept._counts) == 50
