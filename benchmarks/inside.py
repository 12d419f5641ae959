"""E1: what a request costs at the edge, in this process, without a network: token, rate limit, decision."""

import time
from collections.abc import Sequence
from pathlib import Path

from azurefunctions.extensions.http.fastapi import Request, Response

from benchmarks.bars import bar
from benchmarks.report import line, spread
from functions.gateway import rates
from functions.gateway.edge import Call, handle
from functions.gateway.replies import no_content
from functions.routes.table import ROUTES
from localhost.adapters import build
from localhost.identity.issuer import LOCAL_ISSUER
from localhost.identity.keystore import KeyStore
from localhost.identity.minting import mint
from shared.bootstrap import Application, compose
from shared.domain.rates import RateLimits
from shared.settings import Settings

LIST = next(route for route in ROUTES if route.name == "list_intents")
LIMITS = RateLimits(hour=1_000_000, burst=1_000_000, tenant_hour=1_000_000, tenant_burst=1_000_000)
"""All that there are; leases are taken now and then, and none of the requests is refused."""


async def requests(count: int, data: Path) -> None:
    settings = Settings(adapters="localhost", data=data, host_url="http://127.0.0.1:7071", rate_limits=LIMITS)
    adapters = build(settings)
    platform = compose(adapters, settings)
    try:
        await join(platform)
        await measure(platform, KeyStore(data), count)
    finally:
        await adapters.close()


async def join(platform: Application) -> None:
    """The member that asks."""
    await platform.tenants.ensure("acme")
    await platform.members.ensure_member(
        "acme", user="ada", roles=["viewer"], issuer=LOCAL_ISSUER, subject="ada"
    )


async def measure(platform: Application, keys: KeyStore, count: int) -> None:
    known, new = [token(keys)] * count, [token(keys) for _ in range(count // 4)]
    await asked(platform, known[:100])
    for name, what, taken in (
        ("E1", "the edge in process, ms", await asked(platform, known)),
        ("E1-new", "the edge in process, each token seen for the first time, ms", await asked(platform, new)),
        ("E1-limit", "its rate limits, ms", await limited(platform, known[0], count)),
    ):
        figures = spread(taken, scale=1e3)
        line(name, what, requests=len(taken), **figures, **bar(name, figures["median"]))


def token(keys: KeyStore) -> str:
    return "Bearer " + mint(keys, issuer=LOCAL_ISSUER, subject="ada", now=time.time(), lifetime=3600)


async def asked(platform: Application, tokens: Sequence[str]) -> list[float]:
    """Seconds that each request took, from the edge and back."""
    taken: list[float] = []
    for one in tokens:
        headers = [(b"authorization", one.encode())]
        scope = {"type": "http", "method": "GET", "path": "/api/v1/intents", "query_string": b""}
        started = time.perf_counter()
        response = await handle(platform, Request(scope | {"headers": headers}), LIST, nothing)
        taken.append(time.perf_counter() - started)
        assert response.status_code == 204, response.body
    return taken


async def limited(platform: Application, known: str, count: int) -> list[float]:
    """Seconds that counting each of so many requests took, leases included, and saying it in headers."""
    caller = await platform.authentication.authenticate(known, None)
    taken: list[float] = []
    for _ in range(count):
        started = time.perf_counter()
        standing = await platform.rates.take(caller.scope, caller.principal.user)
        rates.allowed(standing)
        rates.headers(standing)
        taken.append(time.perf_counter() - started)
    return taken


async def nothing(_platform: Application, _call: Call) -> Response:
    """A handler that does nothing: what is measured comes before it and after it."""
    return no_content()
