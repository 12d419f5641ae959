"""The count of intents: exact whoever makes them at once and wherever a process dies."""

import asyncio
import random
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path

import pytest

from shared.domain.errors import ConflictError, QuantumError, QuotaExceededError, UnavailableError
from shared.domain.intents import IntentFilter, NewIntent, NewVersion
from shared.ports.documents import REGISTRY, TENANCY, Container, Delete, Query
from shared.services.registry.slots import BOOK, MAX_MOVE, PARTITION, SLOT, UNDER_WAY
from tests.fakes.documents import Killed, LaggingDocuments, Moment
from tests.forked import together
from tests.services.conftest import composed
from tests.services.making import make_all
from tests.services.test_quotas import STEPS, Town, town
from tests.stores import BOTH_STORES

__all__ = ["town"]
RACERS = 6


async def slots(town: Town) -> list[str]:
    query = Query(TENANCY, SLOT, partition=PARTITION, limit=1000)
    page = await town.documents.query(town.shops[0].ada.scope, query)
    return sorted(one.body["intent"] for one in page.items)


async def alive(town: Town) -> list[str]:
    shop = town.shops[0]
    found, _ = await shop.intents.list(shop.ada, IntentFilter(), limit=200)
    return sorted(one.name for one in found if one.status != "archived")


async def used(town: Town) -> int:
    return await town.shops[0].platform.slots.used(town.shops[0].ada.scope)


@BOTH_STORES
async def test_of_many_that_make_the_last_intent_exactly_one_does(town: Town) -> None:
    await town.allow(intents=2)  # and there is one
    made = [
        town.shops[number % 3].intents.create(town.shops[0].ada, NewIntent(f"n{number}", STEPS))
        for number in range(RACERS)
    ]
    outcomes = await asyncio.gather(*made, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, QuotaExceededError)]
    assert len(refused) == RACERS - 1, outcomes
    assert {one.violated for one in refused} == {("intents",)}
    assert await slots(town) == await alive(town)
    assert await used(town) == 2


@BOTH_STORES
async def test_an_archived_intent_makes_room_and_is_restored_only_if_there_is_some(town: Town) -> None:
    shop, ada = town.shops[0], town.shops[0].ada
    await town.allow(intents=1)
    await shop.lifecycle.archive(ada, "deploy")
    assert await used(town) == 0
    await town.shops[1].intents.create(ada, NewIntent("other", STEPS))
    with pytest.raises(QuotaExceededError, match="has 1 intents, and may have 1: archive one first"):
        await shop.lifecycle.amend(ada, "deploy", {"status": "active"})
    # What is there changes as it likes, and whose name is taken is told so.
    await shop.lifecycle.amend(ada, "other", {"status": "deprecated"})
    await shop.versions.put(ada, "other", NewVersion({"target": "b", **STEPS}), if_match={"*"})
    with pytest.raises(ConflictError):
        await shop.intents.create(ada, NewIntent("other", STEPS))
    await shop.lifecycle.archive(ada, "other")
    await shop.lifecycle.amend(ada, "deploy", {"status": "active"})
    assert await slots(town) == ["deploy"]


@BOTH_STORES
async def test_a_name_that_is_taken_by_an_archived_intent_keeps_no_slot(town: Town) -> None:
    shop = town.shops[0]
    await shop.lifecycle.archive(shop.ada, "deploy")
    with pytest.raises(ConflictError):
        await shop.intents.create(shop.ada, NewIntent("deploy", STEPS))
    assert await slots(town) == []
    assert await used(town) == 0


@pytest.mark.parametrize(
    ("store", "seed"),
    [*(("sqlite", seed) for seed in range(8)), *(("cosmos", seed) for seed in range(8, 10))],
    indirect=["store"],
)
async def test_no_more_are_there_than_may_be_and_no_count_drifts_wherever_processes_die(
    town: Town, seed: int
) -> None:
    chance, limit = random.Random(seed), 4
    await town.allow(intents=limit)
    names = [f"n{number}" for number in range(6)]

    def fault(_: Moment, __: Container) -> None:
        if chance.random() < 0.1:
            raise Killed if chance.random() < 0.5 else UnavailableError

    def move() -> Awaitable[object]:
        shop, name = chance.choice(town.shops), chance.choice(names)
        draw = chance.random()
        if draw < 0.5:
            return shop.intents.create(shop.ada, NewIntent(name, STEPS))
        if draw < 0.75:
            return shop.lifecycle.archive(shop.ada, name)
        if draw < 0.95:
            return shop.lifecycle.amend(shop.ada, name, {"status": "active"})
        return shop.platform.slots.heal()

    async def survived(one: Awaitable[object]) -> None:
        with suppress(Killed, QuantumError):
            await one

    for _ in range(25):
        town.documents.interrupt = fault if chance.random() < 0.5 else None
        await asyncio.gather(*(survived(move()) for _ in range(chance.randint(1, 5))))
        town.documents.interrupt = None
        town.clock.advance(chance.choice([1, 20, 61]))
        assert set(await alive(town)) <= set(await slots(town))
        assert await used(town) == len(await slots(town)) <= limit
    town.clock.advance(UNDER_WAY.total_seconds() + 1)
    await town.shops[0].platform.slots.heal()
    assert await slots(town) == await alive(town)
    assert await used(town) == len(await alive(town))


@BOTH_STORES
async def test_what_an_older_release_has_stored_is_counted(town: Town) -> None:
    shop = town.shops[0]
    for number in range(3):
        await shop.intents.create(shop.ada, NewIntent(f"n{number}", STEPS))
    await shop.lifecycle.archive(shop.ada, "n0")
    old = [f"{SLOT}:{name}" for name in await slots(town)]
    await town.documents.transact(
        shop.ada.scope, container=TENANCY, partition=PARTITION,
        operations=[Delete(one) for one in (BOOK, *old)],
    )  # fmt: skip
    counts = await asyncio.gather(*(one.platform.slots.used(one.ada.scope) for one in town.shops))
    assert set(counts) == {3}
    assert await slots(town) == ["deploy", "n1", "n2"]


async def test_who_took_so_long_that_its_slot_may_be_gone_stores_nothing(town: Town) -> None:
    shop = town.shops[0]

    def wait(moment: Moment, container: Container) -> None:
        if (moment, container) == ("after", TENANCY):
            town.clock.advance(MAX_MOVE.total_seconds() + 1)

    town.documents.interrupt = wait
    with pytest.raises(UnavailableError):
        await shop.intents.create(shop.ada, NewIntent("late", STEPS))
    assert await alive(town) == ["deploy"]


async def test_a_process_that_sees_an_old_state_takes_no_slot_back(town: Town) -> None:
    shop = town.shops[0]
    await shop.intents.create(shop.ada, NewIntent("young", STEPS))
    behind = LaggingDocuments(town.documents)
    behind._seen["young"] = {}  # as before it was stored
    town.clock.advance(UNDER_WAY.total_seconds() + 1)
    await composed(behind, town.clock).platform.slots.heal()
    assert await slots(town) == ["deploy", "young"]


async def test_a_slot_that_was_looked_at_is_not_looked_at_again(town: Town) -> None:
    town.clock.advance(UNDER_WAY.total_seconds() + 1)
    await town.shops[0].platform.slots.heal()
    asked: list[Container] = []
    town.documents.interrupt = lambda _, container: asked.append(container)
    await town.shops[0].platform.slots.heal()
    assert asked == []


async def test_only_what_makes_or_archives_an_intent_writes_the_book(town: Town) -> None:
    shop = town.shops[0]
    asked: list[Container] = []
    town.documents.interrupt = lambda moment, container: (
        asked.append(container) if moment == "before" else None
    )
    await shop.versions.put(shop.ada, "deploy", NewVersion({"target": "b", **STEPS}), if_match={"*"})
    await shop.lifecycle.amend(shop.ada, "deploy", {"labels": {"a": "b"}})
    assert asked == [REGISTRY, REGISTRY]
    await shop.intents.create(shop.ada, NewIntent("one", STEPS))
    assert asked[2:] == [TENANCY, REGISTRY]


def test_processes_on_one_file_make_as_many_as_there_may_be_together(tmp_path: Path) -> None:
    told = {"file": str(tmp_path / "documents.db"), "limit": 25}
    assert sum(together(make_all, told)) == 25
