"""The documents port: reading and transactions. Queries and change feeds have files of their own."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from shared.domain.errors import (
    DocumentError,
    DocumentExistsError,
    DocumentMissingError,
    DocumentStaleError,
)
from shared.ports.documents import (
    EXECUTIONS,
    MAX_OPERATIONS,
    REGISTRY,
    Create,
    Delete,
    Documents,
    Operation,
    Patch,
    Query,
    Replace,
)
from tests.contracts.conftest import Hands
from tests.contracts.shelf import ACME, GLOBEX, Shelf, ids, unstamped


@pytest.fixture
def shelf(documents: Documents) -> Shelf:
    return Shelf(documents)


async def test_a_created_document_is_read_back_with_its_stamps_and_etag(shelf: Shelf) -> None:
    body = {"id": "a", "kind": "thing", "text": "é😀\n", "list": [1, 2.5, None, True], "deep": {"x": {}}}
    (created,) = await shelf.transact(Create(body))
    assert created is not None
    assert created.body == {**body, "tenant_id": "acme", "execution_id": "one"}
    assert await shelf.read("a") == created


async def test_a_document_that_was_never_written_reads_as_none(shelf: Shelf) -> None:
    assert await shelf.read("a") is None


@pytest.mark.parametrize(
    "elsewhere",
    [{"scope": GLOBEX}, {"partition": "two"}, {"container": REGISTRY}],
    ids=["tenant", "partition", "container"],
)
async def test_places_do_not_see_or_touch_each_other(documents: Documents, elsewhere: dict[str, Any]) -> None:
    here, there = Shelf(documents), Shelf(documents, **elsewhere)
    await here.create("a", of="here")
    assert await there.read("a") is None
    assert await there.changes() == []
    assert await there.matching() == set()
    with pytest.raises(DocumentMissingError):
        await there.transact(Delete("a"))
    await there.create("a", of="there")
    assert (await here.body("a"))["of"] == "here"
    assert ids(await there.changes()) == ["a"]


async def test_a_body_may_repeat_its_tenant_and_partition(shelf: Shelf) -> None:
    await shelf.create("a", tenant_id="acme", execution_id="one")
    assert await shelf.body("a") == {"id": "a", "kind": "thing"}


@pytest.mark.parametrize(
    "body",
    [
        {"id": "a", "kind": "thing", "tenant_id": "globex"},
        {"id": "a", "kind": "thing", "execution_id": "two"},
        {"id": "a", "kind": "thing", "tenant_id": None},
        {"kind": "thing"},
        {"id": "", "kind": "thing"},
        {"id": 1, "kind": "thing"},
        {"id": "a"},
        {"id": "a", "kind": "thing", "value": {1, 2}},
    ],
    ids=["tenant", "partition", "no tenant", "no id", "empty id", "number id", "no kind", "not json"],
)
@pytest.mark.parametrize("operation", [Create, Replace])
async def test_a_body_that_cannot_stand_here_is_refused(
    shelf: Shelf, operation: type[Create | Replace], body: Mapping[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        await shelf.transact(Create({"id": "b", "kind": "thing"}), operation(body))
    assert await shelf.changes() == []


@pytest.mark.parametrize("count", [0, MAX_OPERATIONS + 1])
async def test_a_transaction_has_a_bounded_number_of_operations(shelf: Shelf, count: int) -> None:
    with pytest.raises(ValueError, match=str(MAX_OPERATIONS)):
        await shelf.transact(*[Create({"id": str(n), "kind": "thing"}) for n in range(count)])


async def test_the_largest_transaction_is_stored_whole(shelf: Shelf) -> None:
    stored = await shelf.transact(*[Create({"id": str(n), "kind": "thing"}) for n in range(MAX_OPERATIONS)])
    assert len(stored) == MAX_OPERATIONS
    assert len(await shelf.changes(limit=200)) == MAX_OPERATIONS


async def test_a_second_create_of_an_id_meets_the_first(shelf: Shelf) -> None:
    await shelf.create("a", n=1)
    with pytest.raises(DocumentExistsError):
        await shelf.create("a", n=2)
    assert (await shelf.body("a"))["n"] == 1


async def test_a_replaced_document_has_only_its_new_fields_and_a_new_etag(shelf: Shelf) -> None:
    before = await shelf.create("a", old=1)
    (after,) = await shelf.transact(Replace({"id": "a", "kind": "other", "new": 2}, if_match=before.etag))
    assert after is not None
    assert after.etag != before.etag
    assert unstamped(after) == {"id": "a", "kind": "other", "new": 2}
    assert await shelf.read("a") == after
    assert ids(await shelf.changes(kind="thing")) == []


async def test_a_deleted_document_is_gone_and_its_id_is_free(shelf: Shelf) -> None:
    document = await shelf.create("a")
    assert [*await shelf.transact(Delete("a", if_match=document.etag))] == [None]
    assert await shelf.read("a") is None
    assert (await shelf.create("a")).etag != document.etag


CHANGES: list[Operation] = [
    Replace({"id": "a", "kind": "thing"}),
    Patch("a", set={("n",): 1}),
    Delete("a"),
]


@pytest.mark.parametrize("operation", CHANGES, ids=["replace", "patch", "delete"])
async def test_a_change_of_what_is_not_there_meets_nothing(shelf: Shelf, operation: Operation) -> None:
    with pytest.raises(DocumentMissingError):
        await shelf.transact(operation)


@pytest.mark.parametrize("operation", [Replace, Patch, Delete])
async def test_an_old_etag_is_stale(shelf: Shelf, operation: type[Operation]) -> None:
    old = await shelf.create("a")
    await shelf.transact(Patch("a", set={("n",): 1}))
    changes: dict[type[Operation], Operation] = {
        Replace: Replace({"id": "a", "kind": "thing"}, if_match=old.etag),
        Patch: Patch("a", set={("n",): 2}, if_match=old.etag),
        Delete: Delete("a", if_match=old.etag),
    }
    with pytest.raises(DocumentStaleError):
        await shelf.transact(changes[operation])
    assert (await shelf.body("a"))["n"] == 1


async def test_the_etag_of_a_deleted_document_never_matches_its_successor(shelf: Shelf) -> None:
    first = await shelf.create("a")
    await shelf.transact(Delete("a"))
    await shelf.create("a")
    with pytest.raises(DocumentStaleError):
        await shelf.transact(Delete("a", if_match=first.etag))


async def test_of_many_writers_with_one_etag_one_wins(shelf: Shelf) -> None:
    document = await shelf.create("a")
    outcomes = await asyncio.gather(
        *[shelf.transact(Patch("a", set={("by",): n}, if_match=document.etag)) for n in range(20)],
        return_exceptions=True,
    )
    losers = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(loser) for loser in losers] == [DocumentStaleError] * 19


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Create({"id": "a", "kind": "thing"}), DocumentExistsError),
        (Patch("missing", set={("n",): 1}), DocumentMissingError),
        (Patch("a", where={("n",): 5}), DocumentStaleError),
        (Patch("a", increment={("missing",): 1}), ValueError),
    ],
    ids=["exists", "missing", "stale", "not a number"],
)
async def test_when_one_operation_is_refused_nothing_of_its_transaction_is_stored(
    shelf: Shelf, bad: Operation, error: type[Exception]
) -> None:
    before = await shelf.create("a", n=0)
    with pytest.raises(error) as raised:
        await shelf.transact(Patch("a", increment={("n",): 1}), Create({"id": "b", "kind": "thing"}), bad)
    assert not isinstance(raised.value, DocumentError) or raised.value.index == 2
    assert await shelf.read("a") == before
    assert await shelf.read("b") is None
    assert ids(await shelf.changes()) == ["a"]


async def test_operations_see_those_before_them(shelf: Shelf) -> None:
    stored = await shelf.transact(
        Create({"id": "a", "kind": "thing", "n": 1}),
        Patch("a", increment={("n",): 1}, where={("n",): 1}),
        Replace({"id": "a", "kind": "thing", "n": 10}),
        Patch("a", increment={("n",): 1}, where={("n",): 10}),
        Create({"id": "b", "kind": "thing"}),
        Delete("b"),
        Create({"id": "b", "kind": "thing", "again": True}),
    )
    assert [document and document.body.get("n") for document in stored] == [1, 2, 10, 11, None, None, None]
    assert stored[5] is None
    assert await shelf.body("a") == {"id": "a", "kind": "thing", "n": 11}
    assert (await shelf.body("b"))["again"] is True


async def test_a_patch_sets_and_increments_at_any_depth_and_leaves_the_rest(shelf: Shelf) -> None:
    await shelf.create("a", progress={"done": 1, "total": 3}, keep=[1])
    (patched,) = await shelf.transact(
        Patch(
            "a",
            set={("status",): "running", ("progress", "note"): {"x": 1}},
            increment={("progress", "done"): 2, ("progress", "total"): -1},
        )
    )
    assert patched is not None
    assert unstamped(patched) == {
        "id": "a",
        "kind": "thing",
        "progress": {"done": 3, "total": 2, "note": {"x": 1}},
        "keep": [1],
        "status": "running",
    }
    assert await shelf.read("a") == patched


@pytest.mark.parametrize("path", [("id",), ("kind",), ("tenant_id",), ("execution_id",), ()])
async def test_a_patch_cannot_change_what_identifies_a_document(shelf: Shelf, path: tuple[str, ...]) -> None:
    await shelf.create("a")
    with pytest.raises(ValueError, match="patch"):
        await shelf.transact(Patch("a", set={path: "b"}))


@pytest.mark.parametrize("parent", ["missing", "text", "list"])
async def test_a_patch_needs_its_paths_parents(shelf: Shelf, parent: str) -> None:
    before = await shelf.create("a", text="t", list=[])
    with pytest.raises(ValueError, match=parent):
        await shelf.transact(Patch("a", set={(parent, "x"): 1}))
    assert await shelf.read("a") == before


@pytest.mark.parametrize("field", ["missing", "text", "flag", "null"])
async def test_only_a_number_can_be_incremented(shelf: Shelf, field: str) -> None:
    await shelf.create("a", text="1", flag=True, null=None)
    with pytest.raises(ValueError, match=field):
        await shelf.transact(Patch("a", increment={(field,): 1}))


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ({("n",): 1}, True),
        ({("n",): 1.0}, True),
        ({("n",): True}, False),
        ({("flag",): True}, True),
        ({("flag",): 1}, False),
        ({("null",): None}, True),
        ({("missing",): None}, False),
        ({("deep", "list"): [1, {"x": None}]}, True),
        ({("deep", "list"): [True, {"x": None}]}, False),
        ({("n",): 1, ("text",): "no"}, False),
        ({("text", "x"): None}, False),
    ],
    ids=str,
)
async def test_a_patch_is_applied_only_where_its_fields_are_as_expected(
    shelf: Shelf, where: Mapping[tuple[str, ...], Any], *, holds: bool
) -> None:
    await shelf.create("a", n=1, flag=True, null=None, text="t", deep={"list": [1, {"x": None}]})
    patch = Patch("a", set={("done",): True, ("n",): 7}, where=where)
    if holds:
        await shelf.transact(patch)
    else:
        with pytest.raises(DocumentStaleError):
            await shelf.transact(patch)
    assert ("done" in await shelf.body("a")) is holds


async def test_increments_from_everywhere_are_all_counted(shelf: Shelf) -> None:
    await shelf.create("a", progress={"done": 0})
    patches = [
        shelf.transact(
            Patch("a", increment={("progress", "done"): 1}), Create({"id": f"step {n}", "kind": "step"})
        )
        for n in range(100)
    ]
    await asyncio.gather(*patches)
    assert (await shelf.body("a"))["progress"] == {"done": 100}
    assert len(await shelf.changes(kind="step", limit=200)) == 100


async def test_what_the_caller_does_to_its_values_afterwards_is_not_stored(shelf: Shelf) -> None:
    inner: dict[str, Any] = {"n": 1}
    writing = asyncio.ensure_future(shelf.transact(Create({"id": "a", "kind": "thing", "inner": inner})))
    (created,) = await writing
    inner["n"] = 2
    assert created is not None
    assert created.body["inner"] == {"n": 1}


async def test_a_document_is_absent_everywhere_from_the_moment_it_expires(
    documents: Documents, shelf: Shelf, clock: Hands
) -> None:
    await shelf.transact(Create({"id": "a", "kind": "thing"}, ttl=10), Create({"id": "b", "kind": "thing"}))
    clock.forward(9)
    assert await shelf.read("a") is not None
    assert await shelf.matching() == {"a", "b"}
    clock.forward(1)
    assert await shelf.read("a") is None
    assert await shelf.matching() == {"b"}
    assert ids(await shelf.changes()) == ["b"]
    assert ids(await documents.query(ACME, Query(EXECUTIONS, "thing"))) == ["b"]
    for change in CHANGES:
        with pytest.raises(DocumentMissingError):
            await shelf.transact(change)
    await shelf.create("a", new=True)
    assert await shelf.body("a") == {"id": "a", "kind": "thing", "new": True}


async def test_a_patch_begins_the_time_to_live_anew(shelf: Shelf, clock: Hands) -> None:
    await shelf.transact(Create({"id": "a", "kind": "thing"}, ttl=10))
    clock.forward(9)
    await shelf.transact(Patch("a", set={("n",): 1}))
    clock.forward(9)
    assert await shelf.read("a") is not None
    clock.forward(1)
    assert await shelf.read("a") is None


async def test_a_replacement_brings_its_own_time_to_live(shelf: Shelf, clock: Hands) -> None:
    await shelf.transact(*[Create({"id": name, "kind": "thing"}, ttl=10) for name in ("a", "b")])
    await shelf.transact(
        Replace({"id": "a", "kind": "thing"}), Replace({"id": "b", "kind": "thing"}, ttl=100)
    )
    clock.forward(99)
    assert await shelf.matching() == {"a", "b"}
    clock.forward(1)
    assert await shelf.matching() == {"a"}


@pytest.mark.parametrize("ttl", [0, -1])
async def test_a_time_to_live_is_at_least_a_second(shelf: Shelf, ttl: int) -> None:
    with pytest.raises(ValueError, match="ttl"):
        await shelf.transact(Create({"id": "a", "kind": "thing"}, ttl=ttl))
