"""What executions, schedules, streams and webhooks of a suspended tenant do: nothing, until it is resumed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import TenantSuspendedError
from shared.domain.schedules import Firing
from shared.ports.actions import Completed, Pending
from shared.ports.documents import TENANCY, Patch
from shared.services.steps.steps import HELD_SECONDS
from shared.services.tenancy.tenants import TENANT, Tenants
from tests.services.bench import ISSUER, Bench, open_bench
from tests.services.conftest import Workshop
from tests.services.test_streams import tailed
from tests.services.test_webhooks import ADA, Office, event, office
from tests.stores import BOTH_STORES

__all__ = ["office"]


async def stand(workshop: Any, status: str, tenants: Tenants | None = None) -> None:
    known = tenants or workshop.tenants
    await known.ensure("acme")
    changes: dict[Any, Any] = {("status",): status, ("reason",): "a dispute"}
    await workshop.documents.transact(
        ADA.scope, container=TENANCY, partition=TENANT, operations=[Patch(TENANT, set=changes)]
    )
    known.forget(ADA.scope)


@BOTH_STORES
async def test_no_step_begins_or_is_polled_and_each_goes_on_where_it_stood(workshop: Workshop) -> None:
    calls: list[str] = []

    def act(_parameters: Any, _context: Any) -> Pending:
        calls.append("begun")
        return Pending(30, {"job": 7})

    workshop.catalogue.add("act", act)
    execution = await workshop.execute({"id": "a", "action": "act"}, {"id": "b", "action": "act"})
    begun = await workshop.attempt(execution, "a")
    await stand(workshop, "suspended")
    held = {"status": "pending", "delay": HELD_SECONDS}
    assert await workshop.attempt(execution, "a", token=begun["token"]) == held | {"token": begun["token"]}
    assert await workshop.attempt(execution, "b") == held
    assert calls == ["begun"]
    await stand(workshop, "active")
    assert (await workshop.attempt(execution, "b"))["status"] == "pending"
    assert calls == ["begun", "begun"]


async def test_what_is_given_up_is_stopped_all_the_same(workshop: Workshop) -> None:
    workshop.catalogue.add("act", lambda _parameters, _context: Pending(30, {"job": 7}))
    execution = await workshop.execute({"id": "a", "action": "act"})
    begun = await workshop.attempt(execution, "a")
    await stand(workshop, "suspended")
    stopped = await workshop.attempt(execution, "a", token=begun["token"], gives_up="cancel")
    assert stopped["status"] == "cancelled"


async def test_a_stream_ends(workshop: Workshop) -> None:
    workshop.catalogue.add("act", lambda _parameters, _context: Completed({}))
    execution = await workshop.execute({"id": "a", "action": "act"})
    await stand(workshop, "active")
    watching = asyncio.create_task(tailed(workshop, execution))
    await asyncio.sleep(0)
    await stand(workshop, "suspended")
    assert [one.type for one in await asyncio.wait_for(watching, 10)] == ["execution_started"]


@pytest.fixture
async def bench(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(request, store, tmp_path) as made:
        yield made


@BOTH_STORES
async def test_no_schedule_fires_and_what_came_meanwhile_is_missed(bench: Bench) -> None:
    await bench.put("made-up", catch_up=1)
    await bench.put("skipped", overlap="allow")
    await bench.tick(60)
    before = len(await bench.executions())
    await stand(bench.workshop, "suspended")
    for _ in range(3):
        await bench.tick(300)
    assert len(await bench.executions()) == before
    for execution in await bench.executions():
        await bench.workshop.finish(execution, "completed")
    await stand(bench.workshop, "active")
    await bench.tick(15)
    after = [one.schedule for one in await bench.executions() if one.schedule]
    assert [one["name"] for one in after].count("made-up") == 2
    assert (await bench.get("skipped")).firings.last_skip is not None
    await stand(bench.workshop, "suspended")
    owner = {"user": "ada", "issuer": ISSUER, "subject": "ada"}
    with pytest.raises(TenantSuspendedError):
        await bench.authentication.acting(ADA.scope, Firing("made-up", "2026-01-02T03:05:00Z"), **owner)


async def test_what_was_to_be_delivered_is_a_dead_letter_that_says_why(office: Office) -> None:
    await office.subscribe("*")
    await office.webhooks.notify([event()])
    await stand(office, "suspended", office.tenants)
    assert await office.deliver() is None
    (delivery,) = await office.deliveries()
    assert (delivery.status, delivery.error) == ("dead", "the tenant was suspended")
    assert not office.receiver.sent
