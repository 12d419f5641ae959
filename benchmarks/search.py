"""S1: lists of a large registry over HTTP: each filter, sort and facet, of one tenant among many.

The intents are put into the store's file before the host starts, as the services would write them.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.client import Connection
from benchmarks.report import line, spread
from examples import hosting
from localhost.sqlite.documents import SqliteDocuments
from shared.domain.intents import HEAD
from shared.domain.times import rfc3339
from shared.ports.documents import REGISTRY, Create
from shared.security.scope import TenantScope
from shared.services.registry.registry import activated, new_version

TENANT = "acme"
WRITERS = 256
WORDS = [
    "audit",
    "backup",
    "billing",
    "build",
    "cache",
    "canary",
    "checkout",
    "cluster",
    "database",
    "deploy",
    "gateway",
    "image",
    "invoice",
    "keys",
    "mail",
    "migrate",
    "mobile",
    "nightly",
    "orders",
    "payment",
    "queue",
    "region",
    "release",
    "report",
    "restore",
    "rollback",
    "rotate",
    "search",
    "stream",
    "verify",
]
ACTIONS = [f"{verb}-{noun}" for verb in ("build", "push", "deploy", "check") for noun in WORDS[:8]]
STATUSES = ("active", "draft", "deprecated", "archived")
RARE = 5000
"""One intent in so many has a rare word and a rare label."""
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)

type Query = Sequence[tuple[str, str]]

SHAPES: dict[str, Query] = {
    "everything": [],
    "by creation, newest first": [("sort", "-created_at")],
    "by update, newest first": [("sort", "-updated_at")],
    "status, common": [("status", "active")],
    "status, less common": [("status", "archived"), ("sort", "-updated_at")],
    "label, common": [("label", "tier:1")],
    "label, one team": [("label", "team:team-07"), ("sort", "-name")],
    "label, rare": [("label", "rare:yes")],
    "label, absent": [("label", "team:nobody")],
    "action": [("action", "deploy-cache"), ("sort", "-created_at")],
    "author": [("created_by", "user1@acme")],
    "author, rare": [("created_by", "user299@acme"), ("sort", "updated_at")],
    "updated since, recent": [("updated_since", "2024-03-09T00:00:00Z")],
    "updated since, long ago": [("updated_since", "2024-01-02T00:00:00Z"), ("sort", "-name")],
    "text, common": [("q", "deploy")],
    "text, two words": [("q", "deploy queue"), ("sort", "-updated_at")],
    "text, rare": [("q", "zebra")],
    "text, absent": [("q", "xylophone")],
    "text, two letters": [("q", "db")],
    "text, one letter": [("q", "z")],
    "text, two letters, absent": [("q", "zq")],
    "status, label, action": [("status", "active"), ("label", "tier:1"), ("action", "build-cache")],
    "text, status, label": [("q", "deploy"), ("status", "active"), ("label", "tier:2")],
    "labels that exclude each other": [("label", "tier:1"), ("label", "tier:2")],
    "all filters": [
        *[("q", "deploy"), ("status", "active"), ("label", "tier:1"), ("label", "env:prod")],
        *[("action", "build-cache"), ("updated_since", "2024-01-02T00:00:00Z"), ("sort", "-updated_at")],
    ],
}
FACETS: dict[str, Query] = {
    "facet of status": [("facets", "status")],
    "facet of labels": [("facets", "label")],
    "all facets": [("facets", name) for name in ("status", "label", "action", "created_by")],
    "all facets of a rare word": [
        *[("facets", name) for name in ("status", "label", "action", "created_by")],
        ("q", "zebra"),
    ],
    "all facets of a common label": [
        *[("facets", name) for name in ("status", "label", "action", "created_by")],
        ("label", "tier:1"),
    ],
    "all facets of a common word": [
        *[("facets", name) for name in ("status", "label", "action", "created_by")],
        ("q", "deploy"),
    ],
}


async def lists(intents: int, others: tuple[int, int], runs: int, folder: Path) -> None:
    """Fill a store with ``intents`` of one tenant and, of so many others, so many each; ask for pages."""
    await fill(folder / "documents.db", intents, others)
    host = hosting.start(folder, log=folder.with_suffix(".log"))
    try:
        token = host.token(role="viewer")
        connection = await Connection.open(host.url)
        for name, query in (SHAPES | FACETS).items():
            await measure(connection, token, name, query, runs)
        for name, query in SHAPES.items():
            if name in ("everything", "label, common", "text, common"):
                await walk(connection, token, name, query, runs)
        await connection.close()
    finally:
        host.stop()


async def fill(file: Path, intents: int, others: tuple[int, int]) -> None:
    store = opened(file)
    tenants, each = others
    kinds = random.Random(7)  # the same data in every run
    waiting = made(intents, tenants, each, kinds)

    async def write() -> None:
        for scope, name, bodies in waiting:
            operations = [Create(body) for body in bodies]
            await store.transact(scope, container=REGISTRY, partition=name, operations=operations)

    began = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(WRITERS)))
    seconds = time.perf_counter() - began
    store.close()
    count = intents + tenants * each
    rate = round(count / seconds, 1)
    line(
        "S1-fill",
        "intents put in",
        intents=count,
        seconds=round(seconds, 1),
        per_second=rate,
        megabytes=megabytes(file),
    )


def opened(file: Path) -> SqliteDocuments:
    file.parent.mkdir(parents=True)
    return SqliteDocuments(file)


def megabytes(file: Path) -> float:
    return round(file.stat().st_size / 1e6, 1)


def made(
    intents: int, tenants: int, each: int, kinds: random.Random
) -> Iterator[tuple[TenantScope, str, list[dict[str, Any]]]]:
    """All intents, those of the other tenants among them."""
    every = max(1, intents // max(1, tenants * each))
    others = ((f"tenant-{number % tenants}", number) for number in range(tenants * each))
    for number in range(intents):
        yield of(TENANT, number, kinds)
        if number % every == 0 and (other := next(others, None)):
            yield of(*other, kinds)
    for other in others:
        yield of(*other, kinds)


def of(tenant: str, number: int, kinds: random.Random) -> tuple[TenantScope, str, list[dict[str, Any]]]:
    team = f"team-{min(49, int(kinds.paretovariate(0.8))):02}"
    rare = number % RARE == 7
    name = f"{team}-{'-'.join(kinds.sample(WORDS, 2))}-{number}"
    labels = {
        "team": team,
        "tier": str(kinds.randint(1, 3)),
        "env": kinds.choice(["prod", "dev", "test"]),
        "cost-centre": f"c{kinds.randint(1, 1000)}",
        **({"rare": "yes"} if rare else {}),
    }
    author = f"user{min(299, int(kinds.paretovariate(0.7)))}@{tenant}"
    steps = [{"id": f"s{n}", "action": action} for n, action in enumerate(kinds.sample(ACTIONS, 3))]
    created = BEGAN + timedelta(minutes=number)
    head: dict[str, Any] = {
        "id": HEAD,
        "kind": "intent",
        "name": name,
        "description": " ".join(kinds.choices(WORDS, k=12)) + (" zebra" if rare else ""),
        "labels": labels,
        "status": kinds.choices(STATUSES, [85, 8, 5, 2])[0],
        "successor": None,
        "deprecated_at": None,
        "updated_at": rfc3339(created + timedelta(minutes=kinds.randint(0, 10_000))),
    }
    definition = {"target": "production", "steps": steps}
    version, head = new_version(head, definition, by=author, at=rfc3339(created), message=None)
    return TenantScope(tenant), name, [activated(head, version), version]


async def measure(connection: Connection, token: str, name: str, query: Query, runs: int) -> None:
    samples = [await page(connection, token, query) for _ in range(runs + 1)][1:]
    report(name, [seconds for seconds, _ in samples], len(samples[0][1]["items"]))


async def walk(connection: Connection, token: str, name: str, query: Query, runs: int) -> None:
    """Pages one behind the other, of 200 each: a later one may not cost more than the first."""
    samples: list[float] = []
    cursor: str | None = ""
    while cursor is not None and len(samples) < 10 * runs:
        parameters = [*query, ("limit", "200"), *([("cursor", cursor)] if cursor else [])]
        seconds, found = await page(connection, token, parameters)
        samples.append(seconds)
        cursor = found["next_cursor"]
    report(f"{name}, a walk by pages of 200", samples[1:] or samples, 200)


async def page(connection: Connection, token: str, query: Query) -> tuple[float, Any]:
    request = connection.prepared("GET", f"/api/v1/intents?{urlencode(query)}", token=token)
    began = time.perf_counter()
    answer = await connection.send(request)
    seconds = time.perf_counter() - began
    assert answer.status == 200, answer
    return seconds, answer.json()


def report(name: str, samples: list[float], items: int) -> None:
    p95 = sorted(samples)[round(0.95 * (len(samples) - 1))] * 1e3
    line("S1", f"{name}, ms", items=items, **spread(samples, scale=1e3), p95=round(p95, 3))
