"""Whatever is wrong with a dependency: every route answers in time, with a 503 and when to come back."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from functions.routes.route import Route
from functions.routes.table import ROUTES
from shared.adapters.durable.orchestrations import DurableOrchestrations
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.adapters.system import SystemClock
from shared.domain import causes
from shared.domain.causes import Cause
from shared.domain.errors import UnavailableError
from tests.cosmos.server import KEY, CosmosServer, Fault
from tests.faults.stage import DATABASE, AzureStores, Stage, azure_stores, insist, staged, until
from tests.http.harness import Identity

PATIENCE = 0.3
"""Seconds, where the patience of the store's adapter has to run out."""
BOUND = 60.0
"""Seconds in which all routes together have answered: far more than they take, and far less than a hang."""

ALWAYS = 1_000_000


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong with Cosmos DB, as readiness names it."""

    cause: Cause
    begin: Callable[[CosmosServer], None]
    retry_after: int = 1
    patience: float = PATIENCE
    """Short where it has to end; where the answer says all there is, a busy machine may take its time."""


def fails(fault: Fault) -> Callable[[CosmosServer], None]:
    def begin(server: CosmosServer) -> None:
        server.faults[:] = [replace(fault, on=on, times=ALWAYS) for on in ("any", "account", "container")]

    return begin


def refuses(server: CosmosServer) -> None:
    server.key = "YW5vdGhlciBrZXk="


def forgets(server: CosmosServer) -> None:
    server.lost = server._databases.pop(DATABASE)  # type: ignore[attr-defined]  # to be found again


TROUBLES = {
    "a storm of 429": Trouble(
        causes.THROTTLED,
        fails(Fault(status=429, headers={"x-ms-retry-after-ms": "7300"})),
        retry_after=8,
        patience=7,
    ),
    "429 for an hour": Trouble(
        causes.THROTTLED,
        fails(Fault(status=429, headers={"x-ms-retry-after-ms": "3600000"})),
        retry_after=60,
        patience=BOUND,
    ),
    "answers after 30 s": Trouble(causes.SLOW, fails(Fault(delay=30))),
    "503": Trouble(causes.FAILING, fails(Fault(status=503))),
    "hangs up": Trouble(causes.FAILING, fails(Fault(hang_up=True))),
    "no JSON": Trouble(causes.FAILING, fails(Fault(raw=b"<html>"))),
    "the key is refused": Trouble(causes.REFUSED, refuses, retry_after=5, patience=BOUND),
    "the role is missing": Trouble(causes.FORBIDDEN, fails(Fault(status=403)), retry_after=5, patience=BOUND),
    "the database is missing": Trouble(causes.MISSING, forgets, retry_after=5, patience=BOUND),
}

BODIES: dict[str, Any] = {
    "create_intent": {
        "name": "another",
        "definition": {"steps": [{"id": "a", "action": "assert", "condition": "true"}]},
    },
    "execute_intent": {},
    "put_subscription": {"url": "https://hooks.example/q", "events": ["execution_failed"]},
}


@pytest.fixture
async def stores(cosmos_server: CosmosServer, request: pytest.FixtureRequest) -> AsyncIterator[AzureStores]:
    patience = getattr(request, "param", BOUND)  # what need not run out may take its time
    async with azure_stores(cosmos_server, patience=patience) as stores:
        yield stores
        cosmos_server.key = KEY


@pytest.fixture
async def stage(stores: AzureStores, identity: Identity) -> AsyncIterator[Stage]:
    async with staged(stores, identity) as stage:
        yield stage


async def call(stage: Stage, route: Route) -> httpx.Response:
    path = "/" + route.path.removeprefix("v1/").replace("{id}", "some").replace("{name}", "some")
    options = {} if route.body is None else {"json": BODIES.get(route.name, {})}
    return await stage.send("admin", route.method, path, **options)


@pytest.mark.parametrize(
    ("trouble", "stores"),
    [(trouble, trouble.patience) for trouble in TROUBLES.values()],
    ids=TROUBLES,
    indirect=["stores"],
)
async def test_every_route_says_in_time_that_it_cannot_and_readiness_says_why(
    stage: Stage, stores: AzureStores, trouble: Trouble
) -> None:
    protected = [route for route in ROUTES if route.closed]
    trouble.begin(stores.server)
    async with asyncio.timeout(BOUND):
        answers = await asyncio.gather(*(call(stage, route) for route in protected))
    for route, answer in zip(protected, answers, strict=True):
        if route.body is None or route.name in BODIES:
            assert answer.status_code == 503, f"{route.name}: {answer.text}"
        if answer.status_code >= 500:
            assert answer.status_code == 503
            assert answer.json()["code"] == "UNAVAILABLE"
            assert int(answer.headers["retry-after"]) == trouble.retry_after, route.name
    await until(lambda: says(stage, trouble.cause), what=f"readiness says {trouble.cause.code}")
    await mended(stage, stores)


async def says(stage: Stage, cause: Cause) -> bool:
    answer = await stage.send(None, "GET", "/health/ready")
    told = {one["check"]: one["cause"] for one in answer.json()["impairments"]}
    return answer.status_code == 503 and told.get("documents") == cause.code


async def mended(stage: Stage, stores: AzureStores) -> None:
    """Once it is right again, the platform serves, without a restart."""
    stores.server.faults.clear()
    stores.server.key = KEY
    if hasattr(stores.server, "lost"):
        stores.server._databases[DATABASE] = stores.server.lost
        del stores.server.lost

    async def serves() -> bool:
        ready = await stage.send(None, "GET", "/health/ready")
        made = await stage.send("admin", "PUT", "/subscriptions/some", json=BODIES["put_subscription"])
        return (ready.status_code, made.status_code) == (200, 200)

    await until(serves, what="the platform serves again")


@pytest.mark.parametrize("stores", [PATIENCE], indirect=True)
async def test_two_hundred_requests_at_a_store_that_hangs_are_all_told_so(
    stage: Stage, stores: AzureStores
) -> None:
    await stage.send("admin", "GET", "/intents")
    stores.server.faults[:] = [Fault(delay=30, times=ALWAYS)]
    async with asyncio.timeout(BOUND):
        answers = await asyncio.gather(*(stage.send("admin", "GET", "/intents/a") for _ in range(200)))
    assert {answer.status_code for answer in answers} == {503}
    await mended(stage, stores)


async def test_keys_that_cannot_be_fetched_are_a_503_and_no_401(
    stores: AzureStores, identity: Identity
) -> None:
    nowhere = replace(identity.issuer, jwks_url="http://127.0.0.1:9/jwks.json")
    tokens = JwtTokens([nowhere], keys=JwksSource(), clock=SystemClock())
    async with staged(stores, identity, tokens=tokens) as stage:
        for _ in range(2):
            answer = await stage.send("admin", "GET", "/intents")
            assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
            assert int(answer.headers["retry-after"]) >= 1
        ready = await stage.ready()
        told = {one["check"]: one["cause"] for one in ready["impairments"]}
        assert (ready["status"], told) == ("unavailable", {"tokens": "unreachable"})
        assert (await stage.send(None, "GET", "/intents")).status_code == 401


async def test_an_execution_that_cannot_be_started_is_accepted_and_started_later(stage: Stage) -> None:
    await stage.send("author", "POST", "/intents", json=BODIES["create_intent"])
    stage.engine.reachable = False
    accepted = await stage.send("operator", "POST", "/intents/another/execute")
    assert accepted.status_code == 202
    assert (await stage.ready())["checks"]["orchestrations"] == "unavailable"
    stage.engine.reachable = True
    path = f"/executions/{accepted.json()['execution_id']}"

    async def completed() -> bool:
        await stage.recover()
        return bool((await stage.send("viewer", "GET", path)).json()["status"] == "completed")

    await until(completed, what="the execution is completed")


async def test_a_durable_backend_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        orchestrations = DurableOrchestrations(patience=0.1)
        orchestrations.use(json.dumps({"rpcBaseUrl": f"http://127.0.0.1:{silent.getsockname()[1]}"}))
        async with asyncio.timeout(BOUND):
            with pytest.raises(UnavailableError) as raised:
                await orchestrations.start(instance_id="a", orchestrator="execution", input={})
    assert raised.value.cause is causes.SLOW


async def test_a_hub_that_is_away_degrades_the_platform_and_holds_nobody_up(
    stage: Stage, stores: AzureStores
) -> None:
    await stores.peer.stop()
    made = await stage.send("author", "POST", "/intents", json=BODIES["create_intent"])
    assert made.status_code == 201

    async def degraded() -> bool:
        answer = await stage.send(None, "GET", "/health/ready")
        assert answer.status_code == 200
        body = answer.json()
        return (body["status"], body["checks"]["events"]) == ("degraded", "degraded")

    await until(degraded, what="readiness says that events wait")
    await stores.peer.start()

    async def relayed() -> bool:
        return "acme/another" in await stores.published()

    await until(relayed, what="the event reaches the hub")


@pytest.mark.parametrize("stores", [PATIENCE], indirect=True)
async def test_a_stream_of_events_outlives_a_store_that_is_away(
    stores: AzureStores, identity: Identity
) -> None:
    async with staged(stores, identity, heartbeat=0.1) as stage:
        steps = [{"id": "a", "action": "wait", "seconds": 1}]
        body = {"name": "slow", "definition": {"steps": steps}}
        assert (await stage.served("author", "POST", "/intents", json=body)).status_code == 201
        accepted = await stage.served("operator", "POST", "/intents/slow/execute")
        token, execution = f"Bearer {identity.signed['viewer']}", accepted.json()["execution_id"]
        caller = await insist(lambda: stage.platform.authentication.authenticate(token, None))
        stream = await insist(lambda: stage.platform.streams.tail(caller, execution, after=None))
        types: list[str] = []
        away = False
        async with asyncio.timeout(BOUND):
            async for events in stream:
                types += [event.type for event in events]
                if "step_started" in types and not away:
                    away = True
                    stores.server.faults[:] = [Fault("changes", status=503, times=ALWAYS)]
                elif away and not events:
                    stores.server.faults.clear()
        assert types == ["execution_started", "step_started", "step_completed", "execution_completed"]
