"""Rate limits hold over many instances, and a store that is away does not stop everybody."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import UnavailableError
from shared.domain.metrics import LEASES_UNCOUNTED
from shared.domain.rates import RateLimits
from shared.ports.documents import COUNTERS, Container, Document, Documents, Operation, Query
from shared.security.scope import TenantScope
from shared.services.tenancy import rates as subject
from shared.services.watched import WatchedDocuments
from tests.fakes.clock import START, FrozenClock
from tests.fakes.documents import InterruptedDocuments, Moment
from tests.fakes.telemetry import RecordedTelemetry
from tests.forked import together
from tests.services.conftest import caller
from tests.services.taking import drain, instance, take
from tests.stores import BOTH_STORES, opened

if TYPE_CHECKING:
    from tests.cosmos.server import CosmosServer

ADA, BOB = caller(), caller(user="bob")
ACME = TenantScope("acme")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def documents(
    request: pytest.FixtureRequest, store: str, tmp_path: Path, clock: FrozenClock
) -> AsyncIterator[Documents]:
    async with opened(store, request, tmp_path / "documents.db", now=clock.now) as made:
        yield made


@BOTH_STORES
async def test_a_user_is_let_through_as_often_as_the_limit_says_and_again_in_the_next_window(
    documents: Documents, clock: FrozenClock
) -> None:
    rates = instance(documents, clock, RateLimits(hour=25, burst=10))
    assert await drain(rates) == 10
    refused = await rates.take(ADA.scope, ADA.principal.user)
    assert refused.violated == ["burst"]
    clock.advance(60)
    assert await drain(rates) == 10
    clock.advance(60)
    assert await drain(rates) == 5
    both = await rates.take(ADA.scope, ADA.principal.user)
    assert both.violated == ["hour"]
    clock.advance(3600)
    assert await drain(rates) == 10


@BOTH_STORES
async def test_instances_of_one_store_let_through_the_limit_together(
    documents: Documents, clock: FrozenClock
) -> None:
    for seed in range(5):
        print("seed", seed)
        chance = random.Random(seed)
        limit = chance.randint(1, 120)
        some = [instance(documents, clock, RateLimits(burst=limit)) for _ in range(chance.randint(2, 5))]
        through = 0
        while True:
            standings = await asyncio.gather(
                *(
                    chance.choice(some).take(ADA.scope, ADA.principal.user)
                    for _ in range(chance.randint(1, 8))
                )
            )
            through += sum(not standing.violated for standing in standings)
            if all(standing.violated for standing in standings):
                break
        through += sum([await drain(one) for one in some])
        assert through == limit
        clock.advance(60)


async def test_users_and_tenants_have_limits_of_their_own(documents: Documents, clock: FrozenClock) -> None:
    rates = instance(documents, clock, RateLimits(burst=3))
    assert await drain(rates, "ada") == 3
    assert await drain(rates, "bob") == 3
    assert await drain(rates, "ada", tenant="globex") == 3


async def test_a_tenants_limit_is_of_all_its_users_together(documents: Documents, clock: FrozenClock) -> None:
    some = [instance(documents, clock, RateLimits(burst=4, tenant_burst=6)) for _ in range(2)]
    assert await drain(some[0], "ada") == 4
    assert await drain(some[1], "bob") == 2
    assert (await some[0].take(BOB.scope, BOB.principal.user)).violated == ["tenant_burst"]
    assert await drain(some[0], "eve", tenant="globex") == 4


async def test_what_is_refused_is_not_counted(documents: Documents, clock: FrozenClock) -> None:
    rates = instance(documents, clock, RateLimits(hour=100, burst=2))
    assert await drain(rates) == 2
    before = (await rates.take(ADA.scope, ADA.principal.user)).remaining
    for _ in range(20):
        assert (await rates.take(ADA.scope, ADA.principal.user)).remaining == before == [98, 0]


async def test_the_store_is_asked_once_for_each_lease(documents: Documents, clock: FrozenClock) -> None:
    asked: list[Container] = []
    counted = InterruptedDocuments(documents)
    counted.interrupt = lambda moment, container: asked.append(container) if moment == "after" else None
    rates = instance(counted, clock, RateLimits(hour=1000))
    for _ in range(500):
        await rates.take(ADA.scope, ADA.principal.user)
    assert asked == [COUNTERS] * 5
    standing = await rates.take(ADA.scope, ADA.principal.user)
    assert standing.remaining == [499]


async def test_a_counter_is_gone_some_time_after_its_window(documents: Documents, clock: FrozenClock) -> None:
    await drain(instance(documents, clock, RateLimits(burst=3)))
    query = Query(COUNTERS, "rate")
    assert [one.body["taken"] for one in (await documents.query(ACME, query)).items] == [3]
    clock.advance(181)
    assert not (await documents.query(ACME, query)).items


async def test_a_lower_limit_is_felt_within_the_window(documents: Documents, clock: FrozenClock) -> None:
    high = instance(documents, clock, RateLimits(burst=100))
    for _ in range(50):
        await high.take(ADA.scope, ADA.principal.user)
    assert await drain(instance(documents, clock, RateLimits(burst=20))) == 0


async def test_without_the_store_each_instance_goes_on_for_a_lease_and_says_so(
    documents: Documents, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    away, telemetry = _away(documents), RecordedTelemetry()
    rates = instance(away, clock, RateLimits(burst=100), telemetry)
    for _ in range(10):
        standing = await rates.take(ADA.scope, ADA.principal.user)
        assert not standing.violated
        assert standing.remaining[0] <= 100
    with pytest.raises(UnavailableError):
        await rates.take(ADA.scope, ADA.principal.user)
    assert telemetry.of(LEASES_UNCOUNTED) == [(1, {"tenant_id": "acme", "policy": "burst"})]
    assert "10 requests of burst go uncounted" in caplog.text


async def test_instances_that_lost_the_store_for_a_while_exceed_the_limit_by_a_lease_each_at_most(
    documents: Documents, clock: FrozenClock
) -> None:
    limit, stores = 40, [_away(documents) for _ in range(3)]
    some = [instance(store, clock, RateLimits(burst=limit)) for store in stores]
    through = 0
    for one in some:
        with suppress(UnavailableError):
            while True:
                await one.take(ADA.scope, ADA.principal.user)
                through += 1
    for store in stores:
        store.interrupt = None
    clock.advance(subject.AWAY_SECONDS)
    through += sum([await drain(one) for one in some])
    assert limit < through <= limit + 3 * (limit // 10)


async def test_a_store_that_never_answers_counts_as_away(
    documents: Documents, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "LEASE_SECONDS", 0.01)
    rates = instance(SilentDocuments(documents), clock, RateLimits(burst=100))
    for _ in range(10):
        assert not (await rates.take(ADA.scope, "ada")).violated
    with pytest.raises(UnavailableError):
        await rates.take(ADA.scope, "ada")
    with pytest.raises(UnavailableError):  # without asking again so soon
        await rates.take(ADA.scope, "ada")


class SilentDocuments(WatchedDocuments):
    """A store that takes what it is asked and never answers."""

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        return await asyncio.Future()

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        return await asyncio.Future()


def _away(documents: Documents) -> InterruptedDocuments:
    def refuse(moment: Moment, container: Container) -> None:
        if moment == "before" and container is COUNTERS:
            raise UnavailableError

    store = InterruptedDocuments(documents)
    store.interrupt = refuse
    return store


@pytest.mark.parametrize("limits", [{"hour": 1000}, {"hour": 1000, "burst": 237}], ids=["hour", "both"])
def test_processes_on_one_file_let_through_the_limit_together(tmp_path: Path, limits: dict[str, int]) -> None:
    # The file is there before they begin, as it is when a host is started.
    told = {"time": START.timestamp(), "limits": limits, "sqlite": str(tmp_path / "documents.db")}
    assert sum(together(take, told)) == min(limits.values())


def test_processes_over_cosmos_let_through_the_limit_together(cosmos_server: "CosmosServer") -> None:
    from shared.adapters.cosmos.containers import DEFINITIONS  # loads the SDK: a second

    cosmos_server.make("rates", DEFINITIONS)
    cosmos_server.now = lambda: START
    where = [cosmos_server.endpoint, "rates", cosmos_server.key]
    told = {"time": START.timestamp(), "limits": {"hour": 200}, "cosmos": where}
    assert sum(together(take, told)) == 200
