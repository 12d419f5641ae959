"""What purged executions left in the build registry goes, a part at a time, and of nobody else."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from shared.domain.errors import UnavailableError
from shared.domain.retrying import Retrial
from shared.ports.actions import Completed
from shared.ports.documents import EXECUTIONS, TENANCY, Container, Delete, Replace
from shared.security.scope import TenantScope
from shared.services.audit.chains import CHAIN
from shared.services.tenancy.directory import DIRECTORY
from shared.services.tenancy.tenants import Tenants
from shared.services.upkeep.clearing import CLEARING, EVERY, TICK, Clearing
from shared.services.upkeep.retention import Retention
from tests.fakes.clock import FrozenClock
from tests.fakes.documents import InterruptedDocuments, Killed, Moment
from tests.fakes.leavings import FakeLeavings
from tests.services.conftest import Workshop, composed
from tests.stores import BOTH_STORES, opened

pytestmark = BOTH_STORES

ACME, KEEP = TenantScope("acme"), timedelta(days=90)


@dataclass
class House:
    """A tenant whose executions leave something in a registry, and the timers that clear up."""

    documents: InterruptedDocuments
    clock: FrozenClock
    workshop: Workshop
    tenants: Tenants
    leavings: FakeLeavings = field(default_factory=FakeLeavings)

    async def left(self, name: str, repository: str = "acme/app") -> str:
        """The id of an execution that has ended, and has left something."""
        execution = await self.workshop.execute({"id": "a", "action": "act"}, name=name)
        await self.workshop.attempt(execution, "a", first=True)
        await self.workshop.finish(execution, "failed")
        self.leavings.left.setdefault(repository, set()).add(execution.execution_id)
        return execution.execution_id

    async def purge(self) -> int:
        timer = Retention(
            documents=self.documents,
            orchestrations=self.workshop.orchestrations,
            tenants=self.tenants,
            clock=self.clock,
            keep=KEEP,
        )
        return await timer.run()

    async def clear(self, keep: timedelta | None = KEEP, *, old: bool = False) -> int:
        timer = Clearing(
            documents=self.documents,
            leavings=self.leavings,
            tenants=self.tenants,
            clock=self.clock,
            keep=keep,
            old=old,
        )
        return await timer.run()

    async def forget_the_first_round(self) -> None:
        """As if the platform had not cleared anything until now."""
        await self.documents.transact(
            TenantScope(DIRECTORY), container=TENANCY, partition=CLEARING, operations=[Delete(CLEARING)]
        )

    def age(self, time: timedelta) -> None:
        self.clock.advance(time.total_seconds())


@pytest.fixture
async def house(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[House]:
    clock = FrozenClock()
    async with opened(store, request, tmp_path / "documents.db", now=clock.now) as real:
        documents = InterruptedDocuments(real)
        workshop = composed(documents, clock)
        workshop.catalogue.add("act", lambda _parameters, _context: Completed({}))
        made = House(documents, clock, workshop, Tenants(documents, clock))
        await made.tenants.ensure("acme")
        await made.clear()
        yield made


async def test_what_an_execution_left_goes_once_it_is_purged(house: House) -> None:
    old = await house.left("old")
    house.age(KEEP)
    young = await house.left("young")
    assert await house.clear() == 0
    house.age(timedelta(seconds=1))
    assert await house.purge() == 1
    assert house.leavings.left == {"acme/app": {old, young}}
    house.age(EVERY)
    assert await house.clear() == 1
    assert house.leavings.left == {"acme/app": {young}}


async def test_what_this_platform_knows_nothing_of_is_left_alone(house: House) -> None:
    stranger = "01AAAAAAAA0000000000000000"
    house.leavings.left = {"acme/app": {stranger}}
    house.age(10 * KEEP)
    assert await house.clear() == 0
    assert house.leavings.left == {"acme/app": {stranger}}


async def test_without_a_limit_nothing_is_looked_at(house: House) -> None:
    await house.left("old")
    house.age(10 * KEEP)
    assert await house.clear(keep=None) == 0
    assert house.leavings.looked == []


async def test_what_a_retry_has_kept_goes_with_the_retry(house: House) -> None:
    old = await house.left("old")
    house.age(KEEP - timedelta(days=1))
    workshop = house.workshop
    retried = await workshop.retrying.retry(workshop.ada, old, Retrial())
    house.age(timedelta(days=2))
    assert await house.purge() == 1
    assert await house.clear() == 0
    assert house.leavings.left == {"acme/app": {old}}
    await workshop.finish(retried, "completed")
    house.age(2 * KEEP)
    assert await house.purge() == 1
    assert await house.clear() == 1


async def test_what_began_before_the_first_round_goes_when_an_operator_says_so(house: House) -> None:
    await house.left("old")
    house.age(timedelta(seconds=1))
    await house.forget_the_first_round()
    for _ in range(2):
        assert await house.clear() == 0
        house.age(KEEP + timedelta(days=1))
        await house.purge()
    assert await house.clear() == 0
    house.age(EVERY)
    assert await house.clear(old=True) == 1


async def test_what_was_purged_before_it_was_known_who_needs_it_goes_much_later(house: House) -> None:
    old = await house.left("old")
    house.age(KEEP + timedelta(days=1))
    await house.purge()
    link = await house.documents.read(ACME, container=EXECUTIONS, partition=old, id=CHAIN)
    assert link is not None
    earlier = {"id": CHAIN, "kind": CHAIN, "audit": link.body["audit"]}
    await house.documents.transact(ACME, container=EXECUTIONS, partition=old, operations=[Replace(earlier)])
    assert await house.clear(old=True) == 0
    house.age(KEEP + timedelta(days=1))
    assert await house.clear(old=True) == 1


async def test_a_round_is_made_once_a_day_and_a_part_of_it_at_each_tick(house: House) -> None:
    for name in "abcd":
        await house.left(name, f"acme/{name}")
    house.age(2 * KEEP)
    assert await house.purge() == 4
    house.leavings.before = lambda _repository: house.age(TICK / 2 + timedelta(seconds=1))
    ticks = 0
    while any(house.leavings.left.values()):
        await house.clear()
        ticks += 1
        assert ticks < 10
    assert ticks > 1
    assert house.leavings.looked[-1] == "acme/d"
    await house.clear()
    looked = len(house.leavings.looked)
    assert await house.clear() == 0
    assert len(house.leavings.looked) == looked
    house.age(EVERY)
    await house.clear()
    assert len(house.leavings.looked) > looked


@pytest.mark.parametrize("writes", range(1, 8))
async def test_a_process_that_dies_leaves_the_rest_to_the_next(house: House, writes: int) -> None:
    for name in "ab":
        await house.left(name, f"acme/{name}")
    house.age(2 * KEEP)
    await house.purge()
    left = [writes]

    def interrupt(moment: Moment, _container: Container) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    house.documents.interrupt = interrupt
    with suppress(Killed):
        await house.clear()
    house.documents.interrupt = None
    house.age(EVERY)
    await house.clear()
    assert house.leavings.left == {"acme/a": set(), "acme/b": set()}


async def test_a_registry_that_is_away_is_asked_again_and_one_that_cannot_is_told_of_once_a_day(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.left("old")
    house.age(2 * KEEP)
    await house.purge()
    house.leavings.is_away = True
    with pytest.raises(UnavailableError):
        await house.clear()
    house.leavings.is_away, house.leavings.cannot = False, True
    for _ in range(2):
        assert await house.clear() == 0
    assert caplog.text.count("stays: it lists nothing") == 1
    house.leavings.cannot = False
    house.age(EVERY)
    assert await house.clear() == 1
