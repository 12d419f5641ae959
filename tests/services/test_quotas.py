"""No quota is overrun, whoever makes the last of it at the same time, and none drifts."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.domain.errors import NotFoundError, QuotaExceededError, UnavailableError
from shared.domain.intents import NewIntent
from shared.domain.members import NewMember
from shared.domain.paging import Cursors
from shared.domain.policies import NewPolicy
from shared.domain.schedules import NewSchedule
from shared.domain.subscriptions import NewSubscription
from shared.ports.actions import Completed
from shared.services.audit.chains import Chains
from shared.services.tenancy.members import Members
from tests.fakes.clock import FrozenClock
from tests.fakes.documents import InterruptedDocuments
from tests.services.conftest import Workshop, composed
from tests.stores import BOTH_STORES, opened

STEPS = {"steps": [{"id": "a", "action": "act"}]}
POLICY = 'permit (principal, action == Action::"audit.read", resource);'


@dataclass
class Town:
    """Three processes over one store, in tenant ``acme``, whose administrator is ``ada``."""

    shops: tuple[Workshop, ...]
    documents: InterruptedDocuments
    clock: FrozenClock

    async def allow(self, **quotas: int | None) -> None:
        """Have all processes go by these quotas."""
        ada = self.shops[0].ada
        await self.shops[0].configuration.configure(ada, "acme", {"quotas": quotas})
        self.clock.advance(5)


@pytest.fixture
async def town(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[Town]:
    clock = FrozenClock()
    async with opened(store, request, tmp_path / "documents.db", now=clock.now) as real:
        documents = InterruptedDocuments(real)
        shops = tuple(composed(documents, clock) for _ in range(3))
        for shop in shops:
            shop.catalogue.add("act", lambda *_: Completed({}))
        await shops[0].platform.tenants.ensure("acme")
        await shops[0].members.ensure_member(
            "acme", user="ada", roles=["admin"], issuer="urn:test", subject="ada"
        )
        await shops[0].intents.create(shops[0].ada, NewIntent("deploy", STEPS))
        yield Town(shops, documents, clock)


def members(shop: Workshop) -> Members:
    """Of whatever issuer."""
    room = shop.platform.room
    return Members(shop.documents, chains=Chains(), cursors=Cursors(b"k"), clock=shop.clock, room=room)


type Maker = Callable[[Workshop, str], Awaitable[Any]]

MAKERS: Mapping[str, Maker] = {
    "schedules": lambda shop, name: shop.platform.schedules.put(
        shop.ada, name, NewSchedule(intent="deploy", cron="0 3 * * *")
    ),
    "subscriptions": lambda shop, name: shop.platform.subscriptions.put(
        shop.ada, name, NewSubscription(url="https://hooks.example.com", events=["*"])
    ),
    "policies": lambda shop, name: shop.platform.policies.put(shop.ada, name, NewPolicy(POLICY)),
    "members": lambda shop, name: members(shop).put(
        shop.ada, name, NewMember(["viewer"], {}, issuer="urn:test", subject=name)
    ),
}
REMOVERS: Mapping[str, Maker] = {
    "schedules": lambda shop, name: shop.platform.schedules.delete(shop.ada, name),
    "subscriptions": lambda shop, name: shop.platform.subscriptions.delete(shop.ada, name),
    "policies": lambda shop, name: shop.platform.policies.delete(shop.ada, name),
    "members": lambda shop, name: shop.members.delete(shop.ada, name),
}


@BOTH_STORES
@pytest.mark.parametrize("quota", MAKERS)
async def test_of_many_that_make_and_remove_at_the_same_time_no_more_are_there_than_may_be(
    town: Town, quota: str
) -> None:
    room = town.shops[0].platform.room
    scope = town.shops[0].ada.scope
    there = await room.used(scope, quota)
    await town.allow(**{quota: there + 4})
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    names = [f"n{number}" for number in range(8)]
    kept: set[str] = set()

    async def make(name: str) -> None:
        try:
            await MAKERS[quota](chance.choice(town.shops), name)
        except (QuotaExceededError, UnavailableError):  # too many at once: it may be tried again
            return
        kept.add(name)

    async def remove(name: str) -> None:
        try:
            await REMOVERS[quota](chance.choice(town.shops), name)
        except (NotFoundError, UnavailableError):
            return
        kept.discard(name)

    for _ in range(4):
        chosen = chance.sample(names, 5)
        await asyncio.gather(*(remove(name) if name in kept else make(name) for name in chosen))
        assert await room.used(scope, quota) == there + len(kept) <= there + 4
    for name in names:
        if name not in kept:
            await make(name)
    assert len(kept) == 4, "what was given up is room for others"


@BOTH_STORES
async def test_outputs_are_as_large_as_the_tenant_may_have_them(town: Town) -> None:
    shop = town.shops[0]
    text = "x" * 2000
    shop.catalogue.add("say", lambda *_: Completed({"text": text}))
    await town.allow(output_bytes=1024)
    execution = await shop.execute({"id": "a", "action": "say"}, name="talks")
    outcome = await shop.attempt(execution, "a", first=True)
    assert (outcome["status"], outcome["error"]["code"]) == ("failed", "OUTPUTS")
    assert "at most 1024 can be kept" in outcome["error"]["message"]
    await town.allow(output_bytes=None)
    again = await shop.executions.execute(shop.ada, "talks", {})
    assert (await shop.attempt(again, "a", first=True))["status"] == "completed"


async def test_the_outputs_of_an_execution_are_held_to_the_same(town: Town) -> None:
    shop = town.shops[0]
    shop.catalogue.add("say", lambda *_: Completed({"text": "x" * 900}))
    await town.allow(output_bytes=1024)
    doubled = {"a": "${{ steps.a.outputs.text }}", "b": "${{ steps.a.outputs.text }}"}
    definition = {"steps": [{"id": "a", "action": "say"}], "outputs": doubled}
    await shop.intents.create(shop.ada, NewIntent("doubles", definition))
    execution = await shop.executions.execute(shop.ada, "doubles", {})
    await shop.attempt(execution, "a", first=True)
    await shop.finish(execution, "completed")
    head = await shop.head(execution)
    assert head["status"] == "failed"
    assert (head["error"]["code"], "at most 1024 can be kept" in head["error"]["message"]) == (
        "OUTPUTS",
        True,
    )
