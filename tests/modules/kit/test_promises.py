"""What every action promises, whatever it does.

``QUANTUM_TEST_KIT=all`` breaks each off wherever it waits; otherwise that is done at some of these places.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from shared.ports.actions import Pending, Result
from tests.modules.kit.breaking import Breaker
from tests.modules.kit.specimen import Specimen, Surroundings
from tests.modules.kit.specimens import SPECIMENS

PLACES = (0, 0.4, 0.75, 0.92)
"""Of all the times that it waits."""


class Worlds:
    """As many worlds of a specimen as a test wants."""

    def __init__(self, name: str, around: Surroundings, opened: AsyncExitStack) -> None:
        self._opening = SPECIMENS[name]
        self._around = around
        self._opened = opened

    async def another(self) -> Specimen:
        return await self._opened.enter_async_context(self._opening(self._around))


@pytest.fixture(params=SPECIMENS)
async def worlds(request: pytest.FixtureRequest, surroundings: Surroundings) -> AsyncIterator[Worlds]:
    async with AsyncExitStack() as opened:
        yield Worlds(request.param, surroundings, opened)


async def test_what_is_begun_twice_and_looked_at_twice_is_done_once_and_comes_to_the_same(
    worlds: Worlds,
) -> None:
    once, twice = await worlds.another(), await worlds.another()
    before = await once.seen()

    async def each_twice(token: object) -> Result:
        await twice.call(token)
        return await twice.call(token)

    expected, found = await once.outputs(), await twice.outputs(each_twice)
    assert twice.told(found) == once.told(expected)
    assert await twice.seen() == await once.seen()
    assert (await once.seen() != before) == once.changes


async def test_what_is_broken_off_wherever_it_waits_is_done_once_when_it_is_begun_again(
    worlds: Worlds,
) -> None:
    once = await worlds.another()
    expected, waits = await broken(once, Breaker())
    for place in places(waits):
        again, breaker = await worlds.another(), Breaker(place)
        found, _ = await broken(again, breaker)
        assert breaker.broke or place, "how often it waits is not always the same"
        assert again.told(found) == once.told(expected), f"broken off at {place} of {waits}"
        assert await again.seen() == await once.seen(), f"broken off at {place} of {waits}"


async def broken(specimen: Specimen, breaker: Breaker) -> tuple[dict[str, object], int]:
    """The outputs of what is broken off once, and begun again there; and how often it has waited."""

    async def call(token: object) -> Result:
        result = await breaker(specimen.call(token))
        return await specimen.call(token) if result is None else result

    return await specimen.outputs(call), breaker.waits


def places(waits: int) -> list[int]:
    """Where it is broken off: at once, in between, and when it is nearly done."""
    if os.environ.get("QUANTUM_TEST_KIT") == "all" or waits <= len(PLACES):
        return list(range(waits))
    return [round(part * (waits - 1)) for part in PLACES]


async def test_what_is_given_up_leaves_the_world_as_it_was_or_the_specimen_says_what_is_left(
    worlds: Worlds,
) -> None:
    measured = await worlds.another()
    _, waits = await broken(measured, Breaker())
    for place in places(waits):
        specimen = await worlds.another()
        before = await specimen.look()
        breaker = Breaker(place)
        token = await until(specimen, breaker)
        if not breaker.broke:
            continue  # it was done before
        if specimen.make().gives_up:
            done = [await specimen.give_up(token) for _ in range(2)]
            if done != [None, None]:
                continue  # likewise
        after = await specimen.look()
        assert after == before or specimen.remains, f"given up at {place} of {waits}"


async def until(specimen: Specimen, breaker: Breaker) -> object:
    """Run it until it is broken off; the token that it is given up with, then."""
    token = None
    while isinstance(result := await breaker(specimen.call(token)), Pending):
        token = result.token
        await specimen.go_on()
    return token


async def test_a_dry_run_changes_nothing_and_what_it_knows_is_true(worlds: Worlds) -> None:
    specimen = await worlds.another()
    before = await specimen.seen()
    foreseen = await specimen.foreseen()
    assert await specimen.seen() == before
    outputs = await specimen.outputs()
    assert foreseen.outputs.keys() <= outputs.keys()
    known = foreseen.outputs.keys() - set(foreseen.unknown or ())
    assert {name: foreseen.outputs[name] for name in known} == {name: outputs[name] for name in known}
    if foreseen.unknown is not None:
        assert outputs.keys() == foreseen.outputs.keys(), "what is not known must be named"


async def test_what_is_undone_is_as_it_was_also_when_that_is_done_twice(worlds: Worlds) -> None:
    specimen = await worlds.another()
    if specimen.make().undone_by is None:
        assert specimen.undo is None
        assert specimen.make().side_effect != "compensatable"
        return
    before = await specimen.look()
    outputs = await specimen.outputs()
    assert await specimen.look() != before
    for _ in range(2):
        await specimen.undone(outputs)
        assert await specimen.look() == before
