"""The audit trail as it is read, over a real store that somebody has been at."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.wire.verification import Verification
from shared.domain.errors import BadCursorError, NotFoundError
from shared.domain.paging import Cursors
from shared.domain.times import rfc3339
from shared.ports.actions import Completed
from shared.ports.documents import EXECUTIONS, REGISTRY, Create, Delete, Operation, Patch, Replace
from shared.services.audit.audit import Audit, AuditFilter, Trail
from shared.services.audit.chains import CHAIN, Act, Chain, Chains
from tests.services.conftest import Workshop, caller
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

DAY = 86400


def audit(workshop: Workshop) -> Audit:
    return Audit(documents=workshop.documents, cursors=Cursors(b"k" * 32))


async def write(workshop: Workshop, *operations: Operation, partition: str = "deploy") -> None:
    await workshop.documents.transact(
        workshop.ada.scope, container=REGISTRY, partition=partition, operations=operations
    )


async def grow(workshop: Workshop, count: int, *, name: str = "deploy", days: int | None = None) -> None:
    """An intent's chain with so many records more, a minute between them."""
    chains = Chains(None if days is None else timedelta(days=days))
    for _ in range(count):
        head = await workshop.documents.read(
            workshop.ada.scope, container=REGISTRY, partition=name, id="intent"
        )
        link = head.body["audit"] if head else None
        act = Act("intent.update", workshop.ada.origin, None, {"name": name})
        chain = Chain(workshop.ada.scope, REGISTRY, name)
        entry = chains.add(chain, link, act, now=workshop.clock.now())
        body = {"id": "intent", "kind": "intent", "name": name, "audit": entry.link}
        stored = Replace(body, if_match=head.etag) if head else Create(body)
        await write(workshop, stored, *entry.operations, partition=name)
        workshop.clock.advance(60)


async def executed(workshop: Workshop) -> str:
    workshop.catalogue.add("act", lambda *_: Completed({}))
    return (await workshop.execute({"id": "x", "action": "act"})).execution_id


async def stored(workshop: Workshop, number: int) -> Mapping[str, Any]:
    document = await workshop.documents.read(
        workshop.ada.scope, container=REGISTRY, partition="deploy", id=f"audit:{number}"
    )
    assert document is not None
    return document.body


def verified(workshop: Workshop, trails: Sequence[Trail]) -> list[tuple[str, str, int]]:
    verification = Verification(rfc3339(workshop.clock.now()))
    for trail in trails:
        verification.add(trail)
    return [(one["chain"], one["kind"], one["number"]) for one in verification.result()["damage"]]


async def damage(workshop: Workshop) -> list[tuple[str, int]]:
    """What is found in the intent's chain; the look at the whole tenant has to find the same."""
    chain = await audit(workshop).trail(workshop.ada, REGISTRY, "deploy")
    every = [trail async for trail in audit(workshop).trails(workshop.ada, AuditFilter())]
    found = verified(workshop, [chain])
    assert verified(workshop, every) == found
    return [(kind, number) for _, kind, number in found]


async def test_a_chain_that_nobody_touched_is_whole(workshop: Workshop) -> None:
    await grow(workshop, 12)
    trail = await audit(workshop).trail(workshop.ada, REGISTRY, "deploy")
    assert [record["number"] for record in trail.records] == list(range(1, 13))
    assert await damage(workshop) == []


async def test_an_altered_record_is_named(workshop: Workshop) -> None:
    await grow(workshop, 4)
    await write(workshop, Patch("audit:2", set={("principal",): "eve@acme"}))
    assert await damage(workshop) == [("altered", 2)]


async def test_a_removed_record_is_named(workshop: Workshop) -> None:
    await grow(workshop, 4)
    await write(workshop, Delete("audit:3"))
    assert await damage(workshop) == [("removed", 3)]


async def test_records_that_changed_places_are_named(workshop: Workshop) -> None:
    await grow(workshop, 5)
    second, third = await stored(workshop, 2), await stored(workshop, 3)
    await write(workshop, Replace({**second, "id": "audit:3"}), Replace({**third, "id": "audit:2"}))
    assert [kind for kind, number in await damage(workshop) if number in {2, 3}] == ["reordered"]


@pytest.mark.parametrize("left", [0, 2])
async def test_a_chain_that_was_cut_at_its_end_is_named(workshop: Workshop, left: int) -> None:
    await grow(workshop, 4)
    await write(workshop, *(Delete(f"audit:{number}") for number in range(left + 1, 5)))
    assert await damage(workshop) == [("truncated", left + 1)]


async def test_a_record_that_was_slipped_in_is_named(workshop: Workshop) -> None:
    await grow(workshop, 2)
    first = await stored(workshop, 1)
    await write(workshop, Create({**first, "id": "audit:3", "number": 3}))
    assert await damage(workshop) == [("added", 3)]


async def test_a_repeated_record_is_named(workshop: Workshop) -> None:
    await grow(workshop, 2)
    await write(workshop, Create({**await stored(workshop, 1), "id": "audit:9"}))
    assert ("repeated", 1) in await damage(workshop)


async def test_records_without_their_head_are_damage(workshop: Workshop) -> None:
    await grow(workshop, 2)
    await write(workshop, Delete("intent"))
    assert await damage(workshop) == [("truncated", 2)]


async def test_records_expire_when_their_time_is_over_and_the_chain_is_whole(workshop: Workshop) -> None:
    await grow(workshop, 3, days=2)
    workshop.clock.advance(DAY)
    await grow(workshop, 2, days=2)
    workshop.clock.advance(DAY + 2 * 3600)
    trail = await audit(workshop).trail(workshop.ada, REGISTRY, "deploy")
    assert [record["number"] for record in trail.records] == [4, 5]
    assert await damage(workshop) == []
    await write(workshop, Delete("audit:4"))
    assert await damage(workshop) == [("removed", 1)]
    workshop.clock.advance(DAY)
    assert await damage(workshop) == []


async def test_what_is_written_while_a_chain_is_looked_at_is_no_damage(workshop: Workshop) -> None:
    await grow(workshop, 1)
    looks = audit(workshop)

    async def look() -> list[tuple[str, str, int]]:
        one = await looks.trail(workshop.ada, REGISTRY, "deploy")
        return verified(
            workshop, [one, *[trail async for trail in looks.trails(workshop.ada, AuditFilter())]]
        )

    async def looking() -> list[list[tuple[str, str, int]]]:
        return [await look() for _ in range(10)]

    found, _ = await asyncio.gather(looking(), grow(workshop, 30))
    assert found == [[]] * 10


async def test_every_chain_of_the_tenant_is_there_and_no_other_tenants(workshop: Workshop) -> None:
    eve = caller("globex", "eve")
    await grow(replace(workshop, ada=eve), 1, name="theirs")
    for name in ("a", "b"):
        await grow(workshop, 2, name=name)
    execution_id = await executed(workshop)
    await workshop.steering.steer(workshop.ada, execution_id, "cancel")
    every = [trail async for trail in audit(workshop).trails(workshop.ada, AuditFilter())]
    assert {trail.chain.name: len(trail.records) for trail in every} == {
        "registry/a": 2,
        "registry/b": 2,
        "registry/deploy": 1,
        f"executions/{execution_id}": 2,
    }
    assert verified(workshop, every) == []
    with pytest.raises(NotFoundError):
        await audit(workshop).trail(eve, EXECUTIONS, execution_id)


async def test_a_chain_that_stands_apart_from_a_head_is_there_too(workshop: Workshop) -> None:
    chain = Chain(workshop.ada.scope, REGISTRY, "apart")
    act = Act("thing.put", workshop.ada.origin, None, {"x": 1})
    for _ in range(2):
        operations = await Chains().linked(workshop.documents, chain, act, now=workshop.clock.now())
        await write(workshop, *operations, partition="apart")
    link = await workshop.documents.read(chain.scope, container=REGISTRY, partition="apart", id=CHAIN)
    assert link is not None
    assert link.body["audit"]["number"] == 2


async def test_a_walk_through_the_trail_meets_every_record_once_newest_first(workshop: Workshop) -> None:
    for name in ("a", "b", "c"):
        await grow(workshop, 3, name=name)
    await executed(workshop)
    seen: list[tuple[str, int]] = []
    cursor: str | None = None
    while True:
        page, cursor = await audit(workshop).search(workshop.ada, AuditFilter(), limit=2, cursor=cursor)
        seen += [(record["chain"].partition("/")[2], record["number"]) for record in page]
        await grow(workshop, 1, name="late")  # behind the walk: never seen
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 11
    assert seen[2:] == [(name, number) for name in "cba" for number in (3, 2, 1)]


async def test_records_of_one_moment_are_walked_through_as_well(workshop: Workshop) -> None:
    for name in ("a", "b", "c", "d", "e"):
        await grow(workshop, 1, name=name)
        workshop.clock.advance(-60)
    seen: list[str] = []
    cursor: str | None = None
    while not seen or cursor:
        page, cursor = await audit(workshop).search(workshop.ada, AuditFilter(), limit=2, cursor=cursor)
        seen += [record["chain"] for record in page]
    assert seen == [f"registry/{name}" for name in "edcba"]


async def test_a_cursor_holds_for_its_filter_alone(workshop: Workshop) -> None:
    await grow(workshop, 3)
    _, cursor = await audit(workshop).search(workshop.ada, AuditFilter(), limit=1)
    with pytest.raises(BadCursorError):
        await audit(workshop).search(workshop.ada, AuditFilter(action="intent.update"), cursor=cursor)
