"""The documents port: the change feed of a partition."""

import asyncio
import base64
import itertools

import pytest

from shared.domain.errors import BadCursorError
from shared.ports.documents import Create, Delete, Documents, Patch, Replace
from tests.contracts.shelf import GLOBEX, Shelf, ids

LONG = 90.0
"""Seconds to wait for what must come at once; the test fails where the wait is used up."""


@pytest.fixture
def shelf(documents: Documents) -> Shelf:
    return Shelf(documents)


async def test_changes_come_in_the_order_of_commits_and_of_operations(shelf: Shelf) -> None:
    await shelf.transact(*[Create({"id": name, "kind": "thing"}) for name in "cab"])
    await shelf.create("0")
    assert ids(await shelf.changes()) == ["c", "a", "b", "0"]


async def test_a_change_shows_the_document_as_stored(shelf: Shelf) -> None:
    await shelf.create("a", n=1)
    (patched,) = await shelf.transact(Patch("a", set={("n",): 2}))
    (change,) = await shelf.changes()
    assert change.document == patched


async def test_a_changed_document_moves_to_the_end_and_a_deleted_one_disappears(shelf: Shelf) -> None:
    await shelf.transact(*[Create({"id": name, "kind": "thing"}) for name in "abcd"])
    await shelf.transact(Delete("b"), Patch("a", set={("n",): 1}), Replace({"id": "c", "kind": "thing"}))
    assert ids(await shelf.changes()) == ["d", "a", "c"]


async def test_a_feed_is_resumed_behind_any_of_its_positions(shelf: Shelf) -> None:
    for name in "abc":
        await shelf.create(name)
    changes = await shelf.changes()
    assert [ids(await shelf.changes(change.position)) for change in changes] == [["b", "c"], ["c"], []]
    await shelf.create("d")
    assert ids(await shelf.changes(changes[-1].position)) == ["d"]


async def test_a_position_outlives_the_document_it_was_given_with(shelf: Shelf) -> None:
    await shelf.create("a")
    (change,) = await shelf.changes()
    await shelf.transact(Delete("a"), Create({"id": "b", "kind": "thing"}))
    assert ids(await shelf.changes(change.position)) == ["b"]


async def test_a_walk_in_small_steps_while_others_write_shows_each_document_once(shelf: Shelf) -> None:
    wanted = [f"{writer} {n}" for writer in range(4) for n in range(25)]

    async def write(writer: int) -> None:
        for n in range(25):
            await shelf.create(f"{writer} {n}")

    async def read() -> list[str]:
        seen: list[str] = []
        position = None
        while len(seen) < len(wanted):
            changes = await shelf.changes(position, limit=3, wait=LONG)
            assert 0 < len(changes) <= 3
            seen += ids(changes)
            position = changes[-1].position
        return seen

    reading = asyncio.create_task(read())
    await asyncio.gather(*map(write, range(4)))
    seen = await reading
    assert sorted(seen) == sorted(wanted)
    for writer in range(4):
        assert [name for name in seen if name.startswith(f"{writer} ")] == wanted[writer * 25 :][:25]


async def test_a_kind_picks_from_the_feed_and_shares_its_positions(shelf: Shelf) -> None:
    for n, kind in enumerate(["event", "step", "event", "step"]):
        await shelf.create(str(n), kind=kind)
    events = await shelf.changes(kind="event")
    assert ids(events) == ["0", "2"]
    assert ids(await shelf.changes(events[0].position)) == ["1", "2", "3"]
    assert ids(await shelf.changes(events[1].position, kind="step")) == ["3"]


async def test_an_empty_answer_comes_at_once_without_a_wait(shelf: Shelf) -> None:
    async with asyncio.timeout(LONG):
        assert await shelf.changes() == []


async def test_a_wait_ends_with_the_first_change(shelf: Shelf) -> None:
    await shelf.create("a")
    (change,) = await shelf.changes()
    waiting = asyncio.create_task(shelf.changes(change.position, wait=LONG))
    await asyncio.sleep(0)
    assert not waiting.done()
    await shelf.create("b")
    async with asyncio.timeout(LONG / 3):
        assert ids(await waiting) == ["b"]


async def test_all_who_wait_are_woken(shelf: Shelf) -> None:
    waiting = [asyncio.create_task(shelf.changes(wait=LONG)) for _ in range(20)]
    await asyncio.sleep(0)
    await shelf.create("a")
    async with asyncio.timeout(LONG / 3):
        assert [ids(changes) for changes in await asyncio.gather(*waiting)] == [["a"]] * 20


async def test_a_wait_is_not_ended_by_other_kinds_and_places(documents: Documents, shelf: Shelf) -> None:
    waiting = asyncio.create_task(shelf.changes(kind="event", wait=LONG))
    await asyncio.sleep(0)
    await shelf.create("a", kind="step")
    await Shelf(documents, partition="two").create("b", kind="event")
    await Shelf(documents, scope=GLOBEX).create("c", kind="event")
    await shelf.create("d", kind="event")
    async with asyncio.timeout(LONG / 3):
        assert ids(await waiting) == ["d"]


async def test_a_refused_transaction_gives_a_waiter_nothing(shelf: Shelf) -> None:
    await shelf.create("a")
    (change,) = await shelf.changes()
    waiting = asyncio.create_task(shelf.changes(change.position, wait=LONG))
    await asyncio.sleep(0)
    with pytest.raises(Exception, match="a"):
        await shelf.transact(Create({"id": "b", "kind": "thing"}), Create({"id": "a", "kind": "thing"}))
    await shelf.create("c")
    async with asyncio.timeout(LONG / 3):
        assert ids(await waiting) == ["c"]


async def test_a_wait_is_over_when_its_time_is(shelf: Shelf) -> None:
    async with asyncio.timeout(LONG):
        assert await shelf.changes(wait=0.01) == []


async def test_who_stops_waiting_disturbs_nobody(shelf: Shelf) -> None:
    leaving = asyncio.create_task(shelf.changes(wait=LONG))
    staying = asyncio.create_task(shelf.changes(wait=LONG))
    await asyncio.sleep(0)
    leaving.cancel()
    await shelf.create("a")
    async with asyncio.timeout(LONG / 3):
        assert ids(await staying) == ["a"]
    assert leaving.cancelled()


async def test_a_position_of_another_feed_is_refused(documents: Documents, shelf: Shelf) -> None:
    await shelf.create("a")
    (change,) = await shelf.changes()
    for other in (Shelf(documents, partition="two"), Shelf(documents, scope=GLOBEX)):
        await other.create("a")
        with pytest.raises(BadCursorError):
            await other.changes(change.position)


async def test_an_altered_or_invented_position_is_refused(shelf: Shelf) -> None:
    await shelf.create("a")
    (change,) = await shelf.changes()
    position = change.position
    altered = (
        position[:n] + ("B" if position[n] == "A" else "A") + position[n + 1 :] for n in range(len(position))
    )
    for bad in itertools.chain(altered, [position[:-1], position + "A", "", "0", "1", "é", "-1", "A" * 5000]):
        with pytest.raises(BadCursorError):
            await shelf.changes(bad)


async def test_at_least_one_change_is_asked_for(shelf: Shelf) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await shelf.changes(limit=0)


async def test_a_position_tells_nothing_of_how_much_is_written(shelf: Shelf) -> None:
    """What stores count by is counted for all tenants: who could read it would see what the others do."""
    for n in range(12):
        await shelf.create(str(n))
    positions = [change.position for change in await shelf.changes()]
    spelled = [base64.urlsafe_b64decode(position + "=" * (-len(position) % 4)) for position in positions]
    columns = list(zip(*spelled, strict=False))
    assert len({len(position) for position in positions}) == 1
    assert columns
    assert [set(column) for column in columns if len(set(column)) == 1] == []
