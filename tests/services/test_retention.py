"""What finished executions leave behind goes: all of it, nothing else, and whoever dies in between."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from quantum.contract.chains import damages
from shared.domain.errors import NotFoundError, UnavailableError
from shared.domain.executions import Execution
from shared.domain.paging import Cursors
from shared.domain.retrying import Retrial
from shared.domain.times import rfc3339
from shared.ports.actions import Completed
from shared.ports.documents import EXECUTIONS, TENANCY, Query
from shared.security.scope import TenantScope
from shared.services.audit.audit import Audit, AuditFilter
from shared.services.tenancy.directory import DIRECTORY
from shared.services.tenancy.tenants import Tenants
from shared.services.upkeep import retention
from shared.services.upkeep.retention import Retention
from tests.fakes.clock import FrozenClock
from tests.fakes.documents import InterruptedDocuments, Killed
from tests.services.conftest import Workshop, composed
from tests.stores import BOTH_STORES, opened

pytestmark = BOTH_STORES

KEEP = timedelta(days=90)
STEP = {"id": "a", "action": "act"}


class Keeper:
    """A tenant ``acme`` with executions, and the timer that forgets them."""

    def __init__(self, documents: InterruptedDocuments, clock: FrozenClock) -> None:
        self.documents, self.clock = documents, clock
        self.workshop = self.composed()
        self.tenants = Tenants(documents, clock)
        self.audit = Audit(documents=documents, cursors=Cursors(b"k" * 32))

    def composed(self, audit: timedelta | None = None) -> Workshop:
        made = composed(self.documents, self.clock, audit_retention=audit)
        made.catalogue.add("act", lambda _parameters, _context: Completed({"text": "x" * 100_000}))
        return made

    def timer(self, keep: timedelta | None = KEEP) -> Retention:
        return Retention(
            documents=self.documents,
            orchestrations=self.workshop.orchestrations,
            tenants=self.tenants,
            clock=self.clock,
            keep=keep,
        )

    async def finished(self, name: str, steps: int = 1) -> Execution:
        """An execution that has completed, and that had been told to stop before: two audit records."""
        execution = await self.running(name, steps)
        await self.workshop.steering.steer(self.workshop.ada, execution.execution_id, "cancel")
        await self.workshop.finish(execution, "cancelled")
        return execution

    async def running(self, name: str, steps: int = 1) -> Execution:
        workshop = self.workshop
        execution = await workshop.execute(*({**STEP, "id": f"s{i}"} for i in range(steps)), name=name)
        for step in range(steps):
            await workshop.attempt(execution, f"s{step}", first=not step)
        return execution

    async def kinds(self, execution: Execution) -> Sequence[str]:
        """The kinds of documents in the partition of an execution."""
        found: list[str] = []
        after: str | None = None
        while changes := await self.documents.changes(
            TenantScope("acme"), container=EXECUTIONS, partition=execution.execution_id, after=after
        ):
            found += [change.document.body["kind"] for change in changes]
            after = changes[-1].position
        return sorted(found)

    async def notes(self) -> int:
        query = Query(TENANCY, "purge", partition=retention.PURGES)
        return len((await self.documents.query(TenantScope(DIRECTORY), query)).items)

    async def verified(self) -> dict[str, int]:
        """Every chain of acme's executions, found whole, and how many records it has."""
        found = {}
        async for trail in self.audit.trails(self.workshop.ada, AuditFilter()):
            now = rfc3339(self.clock.now())
            assert damages(trail.records, trail.link, now=now) == []
            found[trail.chain.name] = len(trail.records)
        return {name.partition("/")[2]: count for name, count in found.items() if name.startswith("exec")}

    def age(self, **time: int) -> None:
        self.clock.advance(timedelta(**time).total_seconds())


@pytest.fixture
async def keeper(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[Keeper]:
    clock = FrozenClock()
    async with opened(store, request, tmp_path / "documents.db", now=clock.now) as real:
        made = Keeper(InterruptedDocuments(real), clock)
        await made.tenants.ensure("acme")
        yield made


async def test_an_execution_goes_when_it_was_kept_for_long_enough_and_leaves_its_audit_trail(
    keeper: Keeper,
) -> None:
    old = await keeper.finished("old", steps=3)
    keeper.age(days=89)
    young = await keeper.finished("young")
    whole = await keeper.kinds(young)
    before = await keeper.verified()
    assert await keeper.timer().run() == 0
    keeper.age(days=1, seconds=1)
    assert await keeper.timer().run() == 1
    assert await keeper.kinds(old) == ["audit", "audit", "chain"]
    assert await keeper.kinds(young) == whole
    assert await keeper.verified() == before == {old.execution_id: 2, young.execution_id: 2}
    trail = await keeper.audit.trail(keeper.workshop.ada, EXECUTIONS, old.execution_id)
    assert [record["action"] for record in trail.records] == ["execution.create", "execution.cancel"]
    assert trail.link is not None
    with pytest.raises(NotFoundError):
        await keeper.workshop.executions.get(keeper.workshop.ada, old.execution_id)
    listed, _ = await keeper.workshop.executions.list(keeper.workshop.ada)
    assert [one.execution_id for one in listed] == [young.execution_id]
    assert set(keeper.workshop.orchestrations.started) == {young.execution_id}
    assert await keeper.notes() == 0


async def test_what_has_not_ended_or_has_ended_late_is_not_purged(keeper: Keeper) -> None:
    running, late = await keeper.running("running"), await keeper.running("late")
    keeper.age(days=100)
    await keeper.workshop.finish(late, "completed")
    keeper.age(days=89)
    kinds = await keeper.kinds(running)
    assert await keeper.timer().run() == 0
    keeper.age(days=2)
    assert await keeper.timer().run() == 1
    assert await keeper.kinds(running) == kinds
    assert await keeper.kinds(late) == ["audit", "chain"]


async def test_without_a_limit_executions_are_kept_and_histories_go(keeper: Keeper) -> None:
    execution = await keeper.finished("old")
    keeper.age(days=10_000)
    assert await keeper.timer(keep=None).run() == 0
    assert "execution" in await keeper.kinds(execution)
    assert keeper.workshop.orchestrations.purges == [keeper.clock.now() - retention.HISTORY_KEPT]


async def test_a_trail_that_expires_takes_the_link_of_its_chain_along(keeper: Keeper) -> None:
    keeper.workshop = keeper.composed(audit=timedelta(days=120))
    execution = await keeper.finished("old")
    keeper.age(days=91)
    await keeper.timer().run()
    assert await keeper.verified() == {execution.execution_id: 2}
    keeper.age(days=29, minutes=90)
    assert await keeper.kinds(execution) == ["chain"]
    assert await keeper.verified() == {execution.execution_id: 0}
    keeper.age(hours=2)
    assert await keeper.kinds(execution) == []
    assert await keeper.verified() == {}


async def test_a_removed_record_of_a_purged_execution_is_still_found(keeper: Keeper) -> None:
    execution = await keeper.finished("old")
    keeper.age(days=91)
    await keeper.timer().run()
    trail = await keeper.audit.trail(keeper.workshop.ada, EXECUTIONS, execution.execution_id)
    (damage,) = damages(trail.records[:1], trail.link, now=rfc3339(keeper.clock.now()))
    assert damage.kind == "truncated"


@pytest.mark.parametrize("fault", [Killed(), UnavailableError()], ids=["killed", "unavailable"])
async def test_whatever_dies_wherever_the_next_tick_goes_on(keeper: Keeper, fault: BaseException) -> None:
    executions = [await keeper.finished(f"old-{i}", steps=60) for i in range(3)]
    keeper.age(days=91)
    for point in range(1000):
        passed = 0

        def interrupt(_: object, __: object, at: int = point) -> None:
            nonlocal passed
            passed += 1
            if passed == at % 7 + 1:
                raise fault

        keeper.documents.interrupt = interrupt
        try:
            await keeper.timer().run()
        except type(fault):
            for execution in executions:
                kinds = await keeper.kinds(execution)
                assert ("execution" in kinds) != ("chain" in kinds)
        else:
            break
        finally:
            keeper.documents.interrupt = None
    assert {execution.execution_id: 2 for execution in executions} == await keeper.verified()
    for execution in executions:
        assert await keeper.kinds(execution) == ["audit", "audit", "chain"]
    await keeper.timer().run()
    assert await keeper.notes() == 0


async def test_a_tick_is_bounded_and_the_next_goes_on(keeper: Keeper) -> None:
    executions = [await keeper.finished(f"old-{i}") for i in range(retention.BATCH + 5)]
    keeper.age(days=91)
    keeper.documents.interrupt = lambda _, __: keeper.age(seconds=60)
    assert await keeper.timer().run() == retention.BATCH
    keeper.documents.interrupt = None
    assert await keeper.timer().run() == 5
    assert len(await keeper.verified()) == len(executions)


async def test_recovery_leaves_a_purged_execution_alone(keeper: Keeper) -> None:
    execution = await keeper.finished("old")
    keeper.age(days=91)
    await keeper.timer().run()
    await keeper.workshop.launcher.recover(keeper.workshop.ada.scope, execution.execution_id)
    assert keeper.workshop.orchestrations.started == {}


async def test_what_is_being_retried_is_purged_when_all_that_is_kept_of_it_has_been_copied(
    keeper: Keeper,
) -> None:
    execution = await keeper.finished("deploy")

    moments: list[str] = []

    def interrupt(moment: str, _: object) -> None:
        moments.append(moment)
        if moments.count("after") == 2:  # it has caught up, and the order is stored
            raise Killed

    keeper.documents.interrupt = interrupt
    with pytest.raises(Killed):
        await keeper.workshop.retrying.retry(
            keeper.workshop.ada, execution.execution_id, Retrial("s0", reason="it must run again")
        )
    keeper.documents.interrupt = None
    keeper.age(days=91)
    assert await keeper.timer().run() == 0
    assert "plan" in await keeper.kinds(execution)
    orders = keeper.workshop.retry_orders
    assert await orders.carry_out_left(keeper.workshop.ada.scope, before=keeper.clock.now()) == 1
    assert await keeper.timer().run() == 1
    assert set(await keeper.kinds(execution)) == {"audit", "chain"}
