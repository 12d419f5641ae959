"""The documents port: queries, their order, and walking through their pages."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest

from shared.domain.errors import BadCursorError
from shared.ports.documents import (
    EXECUTIONS,
    Create,
    Delete,
    Documents,
    Page,
    Patch,
    Path,
    Query,
    Replace,
    Where,
)
from tests.contracts.shelf import ACME, GLOBEX, Shelf, ids

VALUES: dict[str, Any] = {
    "one": 1,
    "float": 1.5,
    "big": 10,
    "true": True,
    "zero": 0,
    "false": False,
    "null": None,
    "text": "b",
    "digit": "1",
    "upper": "B",
    "accent": "É",
    "list": ["b", 1, None],
    "brackets": '["b",1,null]',
    "flags": [True, "B"],
    "object": {"b": "b"},
}
"""A document of each of these ids has the value in ``v``; one more, ``missing``, has no ``v``."""


@pytest.fixture
def shelf(documents: Documents) -> Shelf:
    return Shelf(documents)


async def fill(shelf: Shelf, field: str) -> None:
    await shelf.transact(
        *[Create({"id": name, "kind": "thing", field: value}) for name, value in VALUES.items()],
        Create({"id": "missing", "kind": "thing"}),
        Create({"id": "other", "kind": "other", field: 1}),
    )


async def test_documents_of_all_kinds_come_by_partition_and_id_a_page_at_a_time(shelf: Shelf) -> None:
    other, strange = replace(shelf, partition="two"), replace(shelf, scope=GLOBEX)
    for place in (other, shelf, strange):
        await place.transact(
            Create({"id": "b", "kind": "thing"}),
            Create({"id": "a", "kind": "other"}),
            Create({"id": "c", "kind": "third"}, ttl=3600),
        )
    query, found = Query(EXECUTIONS, None, limit=2), []
    while True:
        page = await shelf.documents.query(ACME, query)
        found += [(one.body["execution_id"], one.body["id"]) for one in page.items]
        if page.after is None:
            break
        query = replace(query, after=page.after)
    assert found == [(partition, name) for partition in ("one", "two") for name in "abc"]
    one = await shelf.documents.query(ACME, Query(EXECUTIONS, None, partition="two"))
    assert ids(one) == ["a", "b", "c"]


@pytest.mark.parametrize("field", ["v", "status"], ids=["any field", "a field lists filter by"])
@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("=", 1, {"one"}),
        ("=", 1.0, {"one"}),
        ("=", True, {"true"}),
        ("=", False, {"false"}),
        ("=", None, {"null"}),
        ("=", "b", {"text"}),
        ("=", "1", {"digit"}),
        ("=", '["b",1,null]', {"brackets"}),
        ("=", 2**70, set()),
        ("!=", "b", {*VALUES, "missing"} - {"text"}),
        ("!=", None, {*VALUES, "missing"} - {"null"}),
        ("!=", 1, {*VALUES, "missing"} - {"one"}),
        ("<", 1, {"zero"}),
        ("<=", 1, {"zero", "one"}),
        (">", 1, {"float", "big"}),
        (">=", 1.5, {"float", "big"}),
        ("<", "B", {"digit"}),
        ("<=", "B", {"digit", "upper"}),
        (">", "[", {"text", "accent", "brackets"}),
        (">=", "b", {"text", "accent"}),
        ("in", ["b", "1", "no"], {"text", "digit"}),
        ("in", [1, True, None, "B"], {"one", "true", "null", "upper"}),
        ("in", [], set()),
        ("contains", "b", {"list"}),
        ("contains", 1, {"list"}),
        ("contains", None, {"list"}),
        ("contains", True, {"flags"}),
        ("text", "B", {"text", "upper", "brackets"}),
        ("text", "é", {"accent"}),
        ("text", "", {"text", "digit", "upper", "accent", "brackets"}),
        ("text", "1", {"digit", "brackets"}),
    ],
)
async def test_a_condition_picks_exactly_what_it_says(
    shelf: Shelf, field: str, op: Any, value: Any, expected: set[str]
) -> None:
    await fill(shelf, field)
    assert await shelf.matching(Where((field,), op, value)) == expected


@pytest.mark.parametrize("field", ["v", "status"], ids=["any field", "a field lists filter by"])
async def test_a_query_finds_a_document_by_what_a_later_write_made_of_it(shelf: Shelf, field: str) -> None:
    for name in ("patched", "replaced", "untouched"):
        await shelf.create(name, **{field: "old"})
    await shelf.transact(
        Patch("patched", set={(field,): "new"}), Replace({"id": "replaced", "kind": "thing", field: "new"})
    )
    assert await shelf.matching(Where((field,), "=", "new")) == {"patched", "replaced"}
    assert await shelf.matching(Where((field,), "=", "old")) == {"untouched"}


async def test_all_conditions_must_hold(shelf: Shelf) -> None:
    await fill(shelf, "v")
    assert await shelf.matching(Where(("v",), ">", 0), Where(("v",), "<", 10)) == {"one", "float"}


async def test_conditions_reach_into_objects_but_not_into_arrays_or_strings(shelf: Shelf) -> None:
    await fill(shelf, "v")
    assert await shelf.matching(Where(("v", "b"), "=", "b")) == {"object"}
    assert await shelf.matching(Where(("v", "0"), "=", "b")) == set()


@pytest.mark.parametrize("name", ["a.b", "a b", "$", "é", "[0]", "a'b", "#", "quantum.io/team"])
async def test_any_plain_name_can_be_in_a_path(shelf: Shelf, name: str) -> None:
    await shelf.create("a", labels={name: "x"})
    await shelf.create("b", labels={name: "y"})
    assert await shelf.matching(Where(("labels", name), "=", "x")) == {"a"}


@pytest.mark.parametrize("path", [(), ("",), ("labels", 'a"b'), ("a\\b",), ("a\nb",)])
async def test_a_name_that_cannot_be_in_a_path_is_refused(shelf: Shelf, path: Path) -> None:
    with pytest.raises(ValueError, match="path"):
        await shelf.matching(Where(path, "=", 1))


@pytest.mark.parametrize(
    ("op", "value"), [("=", [1]), ("=", {}), ("<", None), (">", True), ("in", [[1]]), ("contains", {})]
)
async def test_a_value_that_cannot_be_compared_is_refused(shelf: Shelf, op: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="compare"):
        await shelf.matching(Where(("v",), op, value))


async def test_a_query_sees_its_kind_in_its_tenants_partitions_only(documents: Documents) -> None:
    for scope in (ACME, GLOBEX):
        for partition in ("one", "two"):
            shelf = Shelf(documents, scope=scope, partition=partition)
            await shelf.create(f"{scope.tenant_id} {partition}")
            await shelf.create("other", kind="other")
    page = await documents.query(ACME, Query(EXECUTIONS, "thing"))
    assert ids(page) == ["acme one", "acme two"]
    page = await documents.query(ACME, Query(EXECUTIONS, "thing", partition="two"))
    assert ids(page) == ["acme two"]
    mine = Where(("tenant_id",), "=", "acme")
    assert ids(await documents.query(GLOBEX, Query(EXECUTIONS, "thing", where=[mine]))) == []
    in_two = Where(("execution_id",), "=", "two")
    assert ids(await documents.query(ACME, Query(EXECUTIONS, "thing", where=[in_two]))) == ["acme two"]


async def test_ids_stand_in_ranges_of_their_code_points(shelf: Shelf) -> None:
    inside = ["event:a:1:x", "event:a:10:x", "event:a:2/x"]
    outside = ["event:a", "event:a::", "event:a:item:1", "event:ab:1"]
    await shelf.transact(*[Create({"id": name, "kind": "thing"}) for name in inside + outside])
    query = Query(EXECUTIONS, "thing", partition=shelf.partition)
    numbered = [Where(("id",), ">=", "event:a:0"), Where(("id",), "<", "event:a::")]
    assert ids(await shelf.documents.query(ACME, replace(query, where=numbered))) == sorted(inside)


@pytest.mark.parametrize("field", ["rank", "created_at"], ids=["any field", "a field lists sort by"])
@pytest.mark.parametrize("way", ["asc", "desc"])
async def test_documents_come_in_order_with_ties_broken_by_partition_and_id(
    documents: Documents, field: str, way: Literal["asc", "desc"]
) -> None:
    ranks: Sequence[Any] = ["b", "a", "b", None, "é", "B", ...]
    expected = []
    for number, rank in enumerate(ranks):
        partition = f"p{number % 2}"
        fields = {} if rank is ... else {field: rank}
        await Shelf(documents, partition=partition).create(f"{number}", **fields)
        expected.append(("" if rank in (..., None) else rank, partition, f"{number}"))
    expected.sort(reverse=way == "desc")
    query = Query(EXECUTIONS, "thing", order=[((field,), way)], limit=2)
    assert await walk(documents, query) == [place[2] for place in expected]


async def test_numbers_are_ordered_as_numbers_by_several_fields(documents: Documents) -> None:
    shelf = Shelf(documents)
    rows = [(n % 3, -n * 1.5, f"{n:02}") for n in range(12)]
    await shelf.transact(*[Create({"id": name, "kind": "thing", "a": a, "b": b}) for a, b, name in rows])
    query = Query(EXECUTIONS, "thing", order=[(("a",), "desc"), (("b",), "asc")], limit=5)
    assert await walk(documents, query) == [row[2] for row in sorted(rows, key=lambda row: (-row[0], row[1]))]


async def test_a_page_has_no_continuation_when_nothing_follows(documents: Documents) -> None:
    shelf = Shelf(documents)
    await shelf.transact(*[Create({"id": str(n), "kind": "thing"}) for n in range(4)])
    query = Query(EXECUTIONS, "thing", limit=4)
    assert (await documents.query(ACME, query)).after is None
    assert (await documents.query(ACME, replace(query, limit=3))).after is not None
    assert await documents.query(ACME, replace(query, kind="none")) == Page([], None)


async def test_a_page_has_at_least_one_document(documents: Documents) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await documents.query(ACME, Query(EXECUTIONS, "thing", limit=0))


async def test_the_limit_may_change_from_page_to_page(documents: Documents) -> None:
    await Shelf(documents).transact(*[Create({"id": str(n), "kind": "thing"}) for n in range(9)])
    query = Query(EXECUTIONS, "thing", limit=2)
    first = await documents.query(ACME, query)
    second = await documents.query(ACME, replace(query, limit=200, after=first.after))
    assert ids(first) + ids(second) == [str(n) for n in range(9)]


@pytest.mark.parametrize("way", ["asc", "desc"])
async def test_a_walk_shows_what_stays_exactly_once_while_others_come_and_go(
    documents: Documents, way: Literal["asc", "desc"]
) -> None:
    shelf = Shelf(documents)
    stay = [f"stay {n:02}" for n in range(30)]
    go = [f"go {n:02}" for n in range(30)]
    await shelf.transact(
        *[Create({"id": name, "kind": "thing", "rank": n % 7}) for n, name in enumerate(stay + go)]
    )
    query, shown = Query(EXECUTIONS, "thing", order=[(("rank",), way)], limit=4), list[str]()
    for turn in range(1000):
        reading = asyncio.create_task(documents.query(ACME, query))
        await shelf.create(f"come {turn:02}", rank=turn % 7)
        if turn < len(go):
            await shelf.transact(Delete(go[turn]))
        page = await reading
        shown += ids(page)
        if page.after is None:
            break
        query = replace(query, after=page.after)
    assert len(shown) == len(set(shown))
    assert set(stay) <= set(shown)


QUERY = Query(
    EXECUTIONS, "thing", partition="one", where=[Where(("v",), ">", 0)], order=[(("v",), "asc")], limit=1
)


@pytest.mark.parametrize(
    "other",
    [
        replace(QUERY, kind="other"),
        replace(QUERY, partition=None),
        replace(QUERY, partition="two"),
        replace(QUERY, where=[]),
        replace(QUERY, where=[Where(("v",), ">", 1)]),
        replace(QUERY, where=[Where(("v",), ">=", 0)]),
        replace(QUERY, order=[(("v",), "desc")]),
        replace(QUERY, order=[]),
    ],
    ids=["kind", "partitions", "partition", "no where", "value", "op", "direction", "no order"],
)
async def test_a_continuation_is_good_for_its_own_query_only(documents: Documents, other: Query) -> None:
    shelf = Shelf(documents)
    await shelf.transact(*[Create({"id": str(n), "kind": "thing", "v": n}) for n in range(4)])
    page = await documents.query(ACME, QUERY)
    assert ids(await documents.query(ACME, replace(QUERY, after=page.after))) == ["2"]
    with pytest.raises(BadCursorError):
        await documents.query(ACME, replace(other, after=page.after))
    with pytest.raises(BadCursorError):
        await documents.query(GLOBEX, replace(QUERY, after=page.after))


async def test_an_altered_or_invented_continuation_is_refused(documents: Documents) -> None:
    shelf = Shelf(documents)
    await shelf.transact(*[Create({"id": str(n), "kind": "thing", "v": n}) for n in range(4)])
    after = (await documents.query(ACME, QUERY)).after
    assert after is not None
    altered = [after[:n] + ("B" if after[n] == "A" else "A") + after[n + 1 :] for n in range(len(after))]
    for bad in [
        *altered,
        after[:-1],
        after + "A",
        after + "=",
        after + "\n",
        "",
        "é",
        "!",
        "AAAA",
        "A" * 5000,
    ]:
        with pytest.raises(BadCursorError):
            await documents.query(ACME, replace(QUERY, after=bad))


async def walk(documents: Documents, query: Query) -> list[str]:
    shown: list[str] = []
    while True:
        page = await documents.query(ACME, query)
        shown += ids(page)
        if page.after is None:
            return shown
        query = replace(query, after=page.after)
