"""What readiness finds out, what it costs, and what it tells."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain import causes
from shared.domain.causes import CAUSES, Cause
from tests.cosmos.server import CosmosServer, Fault
from tests.faults.stage import DATABASE, AzureStores, LocalStores, Stage, azure_stores, staged, until
from tests.http.harness import Identity

INTENT = {"definition": {"steps": [{"id": "a", "action": "assert", "condition": "true"}]}}
OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"


@pytest.fixture
async def azure(cosmos_server: CosmosServer) -> AsyncIterator[AzureStores]:
    async with azure_stores(cosmos_server, patience=30) as stores:  # what fails says so at once
        yield stores


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[LocalStores]:
    stores = LocalStores(tmp_path, patience=0.05)
    yield stores
    stores.events.close()
    stores.documents.close()


async def create(stage: Stage, name: str, **more: str) -> int:
    return (await stage.send("author", "POST", "/intents", json=INTENT | {"name": name} | more)).status_code


async def told(stage: Stage) -> dict[str, Any]:
    return {one["check"]: one for one in (await stage.ready())["impairments"]}


async def stands(stage: Stage, cause: Cause | None) -> None:
    """Wait until readiness says that of the documents."""

    async def so() -> bool:
        found = (await told(stage)).get("documents")
        return (found and found["cause"]) == (cause and cause.code)

    await until(so, what=f"readiness says {cause.code if cause else 'ok'}")


async def test_a_key_that_may_only_read_is_not_ready(azure: AzureStores, identity: Identity) -> None:
    async with staged(azure, identity) as stage:
        await stands(stage, None)
        azure.server.faults[:] = [Fault("batch", status=403, times=1_000_000)]
        assert await create(stage, "a") == 503
        await stands(stage, causes.FORBIDDEN)
        assert (await stage.send("viewer", "GET", "/intents")).status_code == 200
        azure.server.faults.clear()
        await stands(stage, None)
        assert await create(stage, "a") == 201


async def test_a_single_container_that_is_missing_is_not_ready(
    azure: AzureStores, identity: Identity
) -> None:
    async with staged(azure, identity) as stage:
        containers = azure.server._databases[DATABASE]
        lost = containers.pop("executions")
        assert (await stage.send("viewer", "GET", "/executions")).status_code == 503
        await stands(stage, causes.MISSING)
        containers["executions"] = lost
        await stands(stage, None)


async def test_a_file_that_another_process_holds_is_not_ready(local: LocalStores, identity: Identity) -> None:
    async with staged(local, identity) as stage:
        lock = local.locked("documents.db")
        assert await create(stage, "a") == 503
        await stands(stage, causes.LOCKED)
        assert (await stage.send("viewer", "GET", "/intents")).status_code == 200
        lock.release()
        await stands(stage, None)
        assert await create(stage, "a") == 201


async def test_a_disk_that_is_full_is_not_ready(local: LocalStores, identity: Identity) -> None:
    def limit(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # it becomes what the file has

    def lift(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1000000")

    async with staged(local, identity) as stage:
        await local.documents._writer.run(limit)
        names = (f"n{n}" for n in range(60))  # a page that is free may take some
        assert 503 in [await create(stage, name, description="x" * 2000) for name in names]
        await stands(stage, causes.FULL)
        await local.documents._writer.run(lift)
        await stands(stage, None)


async def test_however_many_ask_it_costs_one_read(azure: AzureStores, identity: Identity) -> None:
    async with staged(azure, identity) as stage:
        await stands(stage, None)
        azure.server.seen.clear()
        await asyncio.gather(*(stage.ready() for _ in range(100)))
        probes = [request for request in azure.server.asked("read") if "tenancy" in request.path]
        assert len(probes) <= 1


async def test_a_store_that_hangs_is_told_of_before_it_answers(
    cosmos_server: CosmosServer, identity: Identity
) -> None:
    async with azure_stores(cosmos_server, patience=30) as azure, staged(azure, identity) as stage:
        await stands(stage, None)
        azure.server.faults[:] = [Fault(delay=3, times=1_000_000)]
        await stands(stage, causes.SLOW)
        azure.server.faults.clear()
        await stands(stage, None)


async def test_what_is_told_is_of_the_vocabulary_and_names_nothing(
    azure: AzureStores, identity: Identity
) -> None:
    async with staged(azure, identity) as stage:
        azure.server.reset()
        await stands(stage, causes.MISSING)
        answer = await stage.send(None, "GET", "/health/ready")
        impairment = next(one for one in answer.json()["impairments"] if one["check"] == "documents")
        cause = causes.MISSING
        assert impairment == {
            "check": "documents",
            "cause": cause.code,
            "reason": cause.reason,
            "remedy": cause.remedy,
        }
        assert DATABASE not in answer.text
        assert "127.0.0.1" not in answer.text


async def test_the_warm_up_puts_what_is_wrong_into_the_log(
    azure: AzureStores, identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    async with staged(azure, identity) as stage:
        azure.server.reset()
        await until(lambda: warned(stage, caplog), what="the log says what is missing")


async def warned(stage: Stage, caplog: pytest.LogCaptureFixture) -> bool:
    await stage.platform.health.begin()
    return causes.MISSING.remedy in caplog.text and "documents" in caplog.text


def test_the_page_for_operators_has_every_cause() -> None:
    page = OPERATING.read_text("utf-8")
    for cause in CAUSES:
        assert f"| `{cause.code}` | {cause.reason} | {cause.remedy} |" in page
