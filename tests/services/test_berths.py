"""No more event streams of a tenant are open than may be, over all instances, whatever becomes of them."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from shared.domain.errors import QuotaExceededError, UnavailableError
from shared.domain.events import Event
from shared.domain.executions import Execution
from shared.ports.documents import Container
from shared.services.tenancy.berths import LIFE, RENEWED, Berth, Berths
from tests.fakes.documents import Moment
from tests.services.conftest import Workshop
from tests.services.test_quotas import Town, town
from tests.stores import BOTH_STORES

__all__ = ["town"]

type Tail = AsyncIterator[Sequence[Event]]


def berths_of(shop: Workshop) -> Berths:
    return shop.platform.streams._berths


async def opened(shop: Workshop) -> Berth | None:
    try:
        return await berths_of(shop).take(shop.ada.scope)
    except QuotaExceededError:
        return None


async def renew(town: Town, *shops: Workshop) -> None:
    """Have the instances say what is open, when that is due."""
    town.clock.advance(RENEWED)
    for shop in shops or town.shops:
        await berths_of(shop).renew(shop.ada.scope)


@BOTH_STORES
async def test_of_many_that_open_streams_at_once_as_many_do_as_may(town: Town) -> None:
    for limit in (1, 7, 20):
        await town.allow(event_streams=limit)
        made: list[Berth] = []
        while len(made) < limit + 6:
            found = await asyncio.gather(*(opened(shop) for shop in town.shops for _ in range(3)))
            made += [one for one in found if one is not None]
            assert len(made) <= limit
            if not any(found):
                break
        for one in made:
            one.leave()
            one.leave()  # once is enough
        await renew(town)
        assert await berths_of(town.shops[0]).used(town.shops[0].ada.scope) == 0


@BOTH_STORES
async def test_the_last_berth_is_had_by_exactly_one(town: Town) -> None:
    await town.allow(event_streams=1)
    found = await asyncio.gather(*(opened(shop) for shop in town.shops for _ in range(4)))
    (one,) = [each for each in found if each is not None]
    one.leave()
    with pytest.raises(QuotaExceededError) as refused:
        await asyncio.gather(*(berths_of(shop).take(shop.ada.scope) for shop in town.shops))
    assert (refused.value.violated, refused.value.retry_after) == (("event_streams",), int(RENEWED))


async def test_what_has_ended_is_put_back_and_what_a_dead_instance_had_expires(town: Town) -> None:
    await town.allow(event_streams=2)
    dead, alive, third = town.shops
    lost, kept = await opened(dead), await opened(alive)
    assert None not in [lost, kept]
    assert await opened(third) is None
    await renew(town, alive)  # and the other one does not
    assert await opened(third) is None
    town.clock.advance(LIFE - RENEWED + 1)
    assert await opened(third) is not None
    assert await opened(alive) is None


async def test_an_instance_that_was_cut_off_keeps_its_streams_and_is_counted_again(town: Town) -> None:
    await town.allow(event_streams=2)
    cut, other, _ = town.shops
    held = [await opened(cut), await opened(cut)]

    def away(_: Moment, __: Container) -> None:
        raise UnavailableError

    town.documents.interrupt = away
    await renew(town, cut)
    town.documents.interrupt = None
    town.clock.advance(LIFE + 1)
    taken = await opened(other)
    assert taken is not None, "its places were given away"
    await renew(town, cut)
    assert await berths_of(other).used(other.ada.scope) == 3
    assert await opened(other) is await opened(cut) is None
    for one in held:
        assert one is not None
        one.leave()
    await renew(town, cut)
    assert await opened(other) is not None


async def test_random_instances_that_open_close_renew_and_die_never_exceed_the_limit(town: Town) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance, limit = random.Random(seed), 12
    await town.allow(event_streams=limit)
    there: list[tuple[int, Berth]] = []

    async def move() -> None:
        number = chance.randrange(3)
        draw = chance.random()
        if draw < 0.6:
            if (one := await opened(town.shops[number])) is not None:
                there.append((number, one))
        elif draw < 0.85 and there:
            there.pop(chance.randrange(len(there)))[1].leave()
        else:
            await berths_of(town.shops[number]).renew(town.shops[number].ada.scope)

    for _ in range(60):
        await asyncio.gather(*(move() for _ in range(chance.randint(1, 6))))
        assert len(there) <= limit
        if chance.random() < 0.3:
            await renew(town)
            assert await berths_of(town.shops[0]).used(town.shops[0].ada.scope) == len(there)


async def test_most_streams_are_opened_without_asking_the_store(town: Town) -> None:
    shop, asked = town.shops[0], 0

    def count(_: Moment, __: Container) -> None:
        nonlocal asked
        asked += 1

    assert await opened(shop)
    town.documents.interrupt = count
    assert all([await opened(shop) for _ in range(99)])
    assert asked == 0


@pytest.fixture
async def execution(town: Town) -> Execution:
    return await town.shops[0].execute({"id": "a", "action": "act"}, name="watched")


async def tail(town: Town, execution: Execution) -> Tail:
    shop = town.shops[0]
    return await shop.streams.tail(shop.ada, execution.execution_id, after=None)


async def test_a_stream_has_a_berth_until_it_ends_however_it_does(town: Town, execution: Execution) -> None:
    await town.allow(event_streams=1)
    finished: Any = await tail(town, execution)
    with pytest.raises(QuotaExceededError):
        await tail(town, execution)
    await town.shops[0].attempt(execution, "a")
    await town.shops[0].finish(execution, "completed")
    assert [event.type for batch in [one async for one in finished] for event in batch][-1:] == [
        "execution_completed"
    ]
    broken: Any = await tail(town, execution)
    await anext(broken)
    await broken.aclose()
    never_begun: Any = await tail(town, execution)
    del never_begun
    gc.collect()
    await tail(town, execution)


async def test_a_stream_says_by_itself_that_it_is_open(town: Town, execution: Execution) -> None:
    watching: Any = await tail(town, execution)
    await anext(watching)
    for _ in range(8):
        town.clock.advance(RENEWED)
        await anext(watching)
    assert await berths_of(town.shops[1]).used(town.shops[1].ada.scope) == 1
    await watching.aclose()
    town.clock.advance(LIFE + 1)
    assert await berths_of(town.shops[1]).used(town.shops[1].ada.scope) == 0


async def test_what_an_instance_has_not_renewed_it_asks_for_again(town: Town) -> None:
    await town.allow(event_streams=20)
    first, second, _ = town.shops
    one = await opened(first)  # and has another in reserve
    assert one is not None
    one.leave()
    town.clock.advance(LIFE + 1)
    taken = [await opened(second) for _ in range(20)]
    assert None not in taken
    assert await opened(first) is None
