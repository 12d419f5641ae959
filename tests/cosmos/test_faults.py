"""What the adapter does when Cosmos DB throttles, fails, hangs up, or is slow."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.cosmos.account import Account
from shared.adapters.cosmos.client import MOST_CALLS
from shared.adapters.cosmos.containers import DEFINITIONS
from shared.adapters.cosmos.documents import CosmosDocuments
from shared.adapters.cosmos.errors import CosmosMisconfiguredError, CosmosUnavailableError
from shared.adapters.cosmos.store import CosmosStore
from shared.domain.causes import BUSY, SLOW, THROTTLED
from shared.domain.errors import DocumentExistsError, DocumentStaleError, UnavailableError
from shared.ports.documents import EXECUTIONS, Create, Patch, Query, Replace
from tests.contracts.shelf import ACME, Shelf, ids
from tests.cosmos.conftest import DEADLINE, Meter, impatient, served
from tests.cosmos.server import CosmosServer, Fault

PASSING = [
    Fault(status=429, headers={"x-ms-retry-after-ms": "5"}),
    Fault(status=429),
    Fault(status=449),
    Fault(status=503),
    Fault(status=408),
    Fault(status=500),
    Fault(status=404, sub_status=1002),
    Fault(status=403, sub_status=3),
    Fault(hang_up=True),
]


def names(fault: Fault) -> str:
    return f"{fault.status or 'hang up'} {fault.sub_status or ''}".strip()


def again(fault: Fault, *, on: str = "any", times: int = 1, applied: bool = False) -> Fault:
    return replace(fault, on=on, times=times, applied=applied)


@pytest.mark.parametrize("fault", PASSING, ids=names)
async def test_what_passes_in_time_is_not_noticed(shelf: Shelf, server: CosmosServer, fault: Fault) -> None:
    for turn in range(3):
        server.faults.append(again(fault, times=2))
        await shelf.create(f"{turn}")
    for read in (shelf.read("0"), shelf.changes(), shelf.matching()):
        server.faults.append(again(fault, times=2))
        assert await read
    assert server.faults == []


@pytest.mark.parametrize("status", [429, 449, 503])
async def test_an_operation_that_cannot_be_done_now_is_done_later(
    shelf: Shelf, server: CosmosServer, status: int
) -> None:
    await shelf.create("head", n=0)
    server.faults.append(Fault("batch", status=status, inside=True, times=2))
    await shelf.transact(Patch("head", increment={("n",): 1}))
    assert (await shelf.body("head"))["n"] == 1


async def test_a_storm_of_throttling_ends_in_unavailable_with_the_time_to_come_back(
    shelf: Shelf, server: CosmosServer
) -> None:
    longer = str(round(DEADLINE * 1000) + 7300)
    server.faults.append(Fault(status=429, headers={"x-ms-retry-after-ms": longer}, times=1000))
    async with asyncio.timeout(DEADLINE):  # the service asks for more than the patience: why wait?
        for call in (shelf.create("a"), shelf.read("a"), shelf.changes(), shelf.matching()):
            with pytest.raises(UnavailableError) as raised:
                await call
            assert raised.value.retry_after == DEADLINE + 8
    server.faults.clear()
    assert await shelf.read("a") is None


async def test_a_storm_of_many_callers_is_weathered(shelf: Shelf, server: CosmosServer) -> None:
    await shelf.create("head", n=0)
    server.faults.append(Fault(status=429, headers={"x-ms-retry-after-ms": "10"}, times=60))
    await asyncio.gather(*(shelf.transact(Patch("head", increment={("n",): 1})) for _ in range(30)))
    assert (await shelf.body("head"))["n"] == 30


async def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_the_patience(
    account: Account, server: CosmosServer
) -> None:
    async with impatient(account, 0.2) as store, asyncio.timeout(DEADLINE):
        shelf = Shelf(store)
        server.faults.append(Fault(delay=2 * DEADLINE, times=1000))
        for call in (shelf.read("a"), shelf.changes(), shelf.matching(), shelf.create("a")):
            with pytest.raises(UnavailableError):
                await call


async def test_a_slow_answer_within_the_patience_is_waited_for(shelf: Shelf, server: CosmosServer) -> None:
    server.faults.append(Fault(delay=0.2))
    await shelf.create("a")
    assert await shelf.body("a") == {"id": "a", "kind": "thing"}


@pytest.mark.parametrize("fault", [Fault(hang_up=True), Fault(status=503), Fault(status=408)], ids=names)
async def test_a_create_whose_answer_was_lost_is_not_taken_for_anothers(
    shelf: Shelf, server: CosmosServer, fault: Fault
) -> None:
    await shelf.create("head", n=0)
    server.faults.append(again(fault, on="batch", applied=True))
    stored = await shelf.transact(
        Create({"id": "event", "kind": "event"}), Patch("head", increment={("n",): 1})
    )
    assert stored == [await shelf.read("event"), await shelf.read("head")]
    assert (await shelf.body("head"))["n"] == 1


async def test_a_conditional_write_whose_answer_was_lost_is_found_again(
    shelf: Shelf, server: CosmosServer
) -> None:
    before = await shelf.create("a", n=0)
    server.faults.append(Fault(on="batch", hang_up=True, applied=True))
    (after,) = await shelf.transact(Replace({"id": "a", "kind": "thing", "n": 1}, if_match=before.etag))
    assert after == await shelf.read("a")
    with pytest.raises(DocumentStaleError):
        await shelf.transact(Replace({"id": "a", "kind": "thing", "n": 2}, if_match=before.etag))


async def test_anothers_document_is_seen_behind_a_lost_answer(shelf: Shelf, server: CosmosServer) -> None:
    await shelf.create("a", by="another")
    server.faults.append(Fault(on="batch", hang_up=True))
    with pytest.raises(DocumentExistsError):
        await shelf.create("a", by="us")


async def test_an_increment_whose_answer_was_lost_is_not_sent_again(
    shelf: Shelf, server: CosmosServer
) -> None:
    await shelf.create("a", n=0)
    server.faults.append(Fault(on="batch", hang_up=True, applied=True))
    with pytest.raises(UnavailableError, match="hung up") as raised:
        await shelf.transact(Patch("a", increment={("n",): 1}))
    assert "look" in raised.value.message
    assert (await shelf.body("a"))["n"] == 1
    assert len(server.asked("batch")) == 2 + 1, "the cursor key, the create and one patch"


async def test_who_is_told_nothing_of_a_write_is_told_so(account: Account, server: CosmosServer) -> None:
    async with impatient(account, 0.3) as store:
        server.faults.append(Fault(on="batch", hang_up=True, times=1000))
        with pytest.raises(UnavailableError) as raised:
            await Shelf(store).create("a")
    assert "look" in raised.value.message


async def test_callers_of_a_database_that_cannot_be_opened_wait_beside_each_other(
    account: Account, server: CosmosServer
) -> None:
    server.faults.append(Fault(on="container", status=503, times=10_000))
    store = CosmosDocuments(account, patience=1)
    calls = [Shelf(store).read("a") for _ in range(2 * round(DEADLINE))]
    async with asyncio.timeout(DEADLINE):
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {CosmosUnavailableError}
    server.faults.clear()
    assert await served(lambda: Shelf(store).read("a")) is None
    await store.close()


async def test_a_database_that_cannot_be_opened_is_not_asked_by_every_caller(
    account: Account, server: CosmosServer
) -> None:
    store = CosmosDocuments(replace(account, key="YW5vdGhlciBrZXk="), patience=DEADLINE)
    for _ in range(100):
        with pytest.raises(CosmosMisconfiguredError):
            await Shelf(store).read("a")
    assert server.openings < 50
    await store.close()


async def test_callers_do_not_pile_up_at_a_store_that_hangs(account: Account, server: CosmosServer) -> None:
    async with impatient(account, 0.5) as store:
        server.faults.append(Fault(delay=2 * DEADLINE, times=10_000))
        calls = [Shelf(store).read("a") for _ in range(MOST_CALLS + 100)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        causes = Counter(error.cause for error in outcomes if isinstance(error, UnavailableError))
        assert causes == {BUSY: 100, SLOW: MOST_CALLS}
        server.faults.clear()
        assert await served(lambda: Shelf(store).read("a")) is None


async def test_what_is_no_answer_is_asked_for_again(shelf: Shelf, server: CosmosServer) -> None:
    for garbled in (b"<html>", b'{"id": "a', b"\xff\xfe"):
        server.faults.append(Fault(raw=garbled))
        await shelf.create(f"{garbled!r}")


@pytest.mark.parametrize("asked", ["soon", "-5", "", "1e9"])
async def test_a_wait_that_is_no_number_is_not_heeded(shelf: Shelf, server: CosmosServer, asked: str) -> None:
    server.faults.append(Fault(status=429, headers={"x-ms-retry-after-ms": asked}))
    await shelf.create("a")


async def test_a_storm_is_not_taken_for_slowness_when_the_patience_ends(
    account: Account, server: CosmosServer
) -> None:
    async with impatient(account, 1) as store:
        server.faults.append(Fault(status=429, headers={"x-ms-retry-after-ms": "100"}, times=10_000))
        with pytest.raises(UnavailableError) as raised:
            await Shelf(store).read("a")
    assert raised.value.cause is THROTTLED


async def test_a_store_is_closed_while_it_opens(account: Account, server: CosmosServer) -> None:
    server.faults.append(Fault(on="container", delay=30, times=100))
    store = CosmosStore(account, patience=5, on_request_units=Meter())
    opening = asyncio.create_task(store.query(ACME, Query(EXECUTIONS, "thing")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(asyncio.CancelledError):
        await opening


async def test_a_store_that_was_closed_is_not_opened_again_by_who_comes_late(
    documents: CosmosDocuments, shelf: Shelf, server: CosmosServer
) -> None:
    await documents.close()
    opened = server.openings
    with pytest.raises(UnavailableError):
        await shelf.read("a")
    assert server.openings == opened


async def test_who_waits_for_changes_lives_through_faults(shelf: Shelf, server: CosmosServer) -> None:
    server.faults.append(Fault(on="changes", status=503, times=2))
    waiting = asyncio.create_task(shelf.changes(wait=DEADLINE))
    await shelf.create("a")
    assert ids(await waiting) == ["a"]


async def test_a_long_answer_comes_in_several_pages() -> None:
    server = CosmosServer(page_size=7)
    try:
        server.make("paged", DEFINITIONS)
        store = CosmosDocuments(Account(server.endpoint, "paged", key=server.key), patience=DEADLINE)
        wanted = [f"{n:02}" for n in range(40)]
        await Shelf(store).transact(*[Create({"id": name, "kind": "thing"}) for name in wanted])
        server.faults.append(Fault(on="query", status=429))
        assert ids(await store.query(ACME, Query(EXECUTIONS, "thing", limit=100))) == wanted
        assert len(server.asked("query")) >= 6
        await store.close()
    finally:
        server.close()


FAULTS = st.builds(
    again,
    st.sampled_from(PASSING),
    on=st.sampled_from(["any", "batch", "read"]),
    times=st.integers(1, 3),
    applied=st.booleans(),
)


@given(schedule=st.lists(st.lists(FAULTS, max_size=3), min_size=1, max_size=6))
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_goes_wrong_no_acknowledged_write_is_lost_and_none_counts_twice(
    running: CosmosServer, schedule: list[list[Fault]]
) -> None:
    async def run() -> None:
        running.reset()
        running.make("faulty", DEFINITIONS)
        account = Account(running.endpoint, "faulty", key=running.key)
        async with impatient(account, DEADLINE) as store:
            shelf = Shelf(store)
            await shelf.create("head", n=0)
            store.patience = 0.5
            acknowledged = [name async for name in written(shelf)]
            running.faults.clear()
            store.patience = DEADLINE
            events = ids(await shelf.changes(kind="event"))
            assert set(acknowledged) <= set(events)
            assert (await shelf.body("head"))["n"] == len(events)

    async def written(shelf: Shelf) -> AsyncIterator[str]:
        """Write an event a turn; the ones that were acknowledged."""
        for turn, faults in enumerate(schedule):
            # A 429 or 449 says that nothing was done; the service does not lie about these.
            honest = [fault for fault in faults if not (fault.applied and _undone(fault))]
            running.faults[:] = [
                again(one, on=one.on, times=one.times, applied=one.applied) for one in honest
            ]
            with suppress(UnavailableError):
                await shelf.transact(
                    Create({"id": f"event {turn}", "kind": "event"}), Patch("head", increment={("n",): 1})
                )
                yield f"event {turn}"

    asyncio.run(run())


def _undone(fault: Fault) -> bool:
    return fault.status in {403, 404, 429, 449}
