"""The documents port: finding and counting the documents of a tenant, which a store may have an index for."""

import asyncio
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localhost.sqlite.documents import SqliteDocuments
from shared.domain.errors import DocumentExistsError
from shared.ports.documents import (
    EXECUTIONS,
    REGISTRY,
    Container,
    Counts,
    Create,
    Delete,
    Documents,
    Patch,
    Query,
    Replace,
    Where,
)
from shared.security.scope import TenantScope
from tests.contracts.conftest import Hands
from tests.contracts.shelf import ACME, GLOBEX, Shelf
from tests.cosmos.server import CosmosServer
from tests.cosmos.stores import cosmos_documents

KINDS = pytest.mark.parametrize(
    ("container", "kind"), [(REGISTRY, "intent"), (EXECUTIONS, "thing")], ids=["intents", "others"]
)


async def put(
    documents: Documents, container: Container, kind: str, bodies: Mapping[str, Mapping[str, Any]]
) -> None:
    for name, fields in bodies.items():
        shelf = Shelf(documents, container=container, partition=name)
        await shelf.create("head", kind=kind, **fields)


@KINDS
async def test_documents_are_counted_by_a_value_and_by_the_elements_of_an_array(
    documents: Documents, container: Container, kind: str
) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "a": {"status": "active", "actions": ["x", "y"]},
        "b": {"status": "active", "actions": ["x"]},
        "c": {"status": "draft", "actions": []},
        "d": {"status": None, "actions": "x"},
        "e": {"status": ["active"], "actions": [1, "z", None, ["x"]]},
        "f": {"status": 1, "actions": {"x": "x"}},
        "g": {},
    }
    await put(documents, container, kind, bodies)
    await put(documents, container, "other", {"z": {"status": "active", "actions": ["x"]}})
    query = Query(container, kind)
    by_status = await documents.count(ACME, query, by=("status",))
    assert by_status == Counts([("active", 2), ("draft", 1)], 0)
    by_action = await documents.count(ACME, query, by=("actions",), each=True)
    assert by_action == Counts([("x", 2), ("y", 1), ("z", 1)], 0)
    assert await documents.count(ACME, query, by=("nothing",)) == Counts([], 0)
    assert await documents.count(GLOBEX, query, by=("status",)) == Counts([], 0)


@KINDS
async def test_counts_honour_the_conditions(documents: Documents, container: Container, kind: str) -> None:
    bodies = {
        f"n{n:02}": {"status": "even" if n % 2 == 0 else "odd", "n": n, "search": f"Number {n}"}
        for n in range(12)
    }
    await put(documents, container, kind, bodies)
    for where, expected in [
        ([Where(("n",), "<", 5)], [("even", 3), ("odd", 2)]),
        ([Where(("status",), "=", "odd")], [("odd", 6)]),
        ([Where(("status",), "=", "odd"), Where(("n",), "<", 5)], [("odd", 2)]),
        ([Where(("search",), "text", "number 1")], [("odd", 2), ("even", 1)]),
        ([Where(("search",), "text", "number 1"), Where(("n",), ">", 1)], [("even", 1), ("odd", 1)]),
        ([Where(("search",), "text", "no such")], []),
        ([Where(("status",), "=", "none"), Where(("search",), "text", "number")], []),
    ]:
        found = await documents.count(ACME, Query(container, kind, where=where), by=("status",))
        assert found.values == expected, where
    one = Query(container, kind, partition="n03")
    assert await documents.count(ACME, one, by=("status",)) == Counts([("odd", 1)], 0)


@KINDS
async def test_the_most_frequent_values_are_told_and_how_many_more_there_are(
    documents: Documents, container: Container, kind: str
) -> None:
    names = ["b"] * 3 + ["a"] * 3 + ["é"] * 2 + ["B", "z"]
    await put(documents, container, kind, {f"n{n}": {"created_by": name} for n, name in enumerate(names)})
    found = await documents.count(ACME, Query(container, kind, limit=3), by=("created_by",))
    assert found == Counts([("a", 3), ("b", 3), ("é", 2)], 2)


@KINDS
async def test_an_expired_document_is_neither_found_nor_counted(
    documents: Documents, container: Container, kind: str, clock: Hands
) -> None:
    fields = {"kind": kind, "status": "active", "search": "hello"}
    for name, ttl in (("short", 1), ("long", None)):
        shelf = Shelf(documents, container=container, partition=name)
        await shelf.transact(Create({"id": "head", **fields}, ttl=ttl))
    clock.forward(2)
    for where in ([], [Where(("search",), "text", "hell")], [Where(("status",), "=", "active")]):
        query = Query(container, kind, where=where)
        assert [one.body["id"] for one in (await documents.query(ACME, query)).items] == ["head"]
        assert await documents.count(ACME, query, by=("status",)) == Counts([("active", 1)], 0)


@KINDS
async def test_a_count_that_cannot_be_asked_is_refused(
    documents: Documents, container: Container, kind: str
) -> None:
    for query, by in [
        (Query(container, kind, limit=0), ("status",)),
        (Query(container, kind), ()),
        (Query(container, kind), ('a"b',)),
        (Query(container, kind, where=[Where(("search",), "text", "x"), Where(("n",), "<", None)]), ("n",)),
        (Query(container, kind, where=[Where(("status",), "=", "x"), Where(("n",), "=", [])]), ("n",)),
    ]:
        with pytest.raises(ValueError, match=r"path|compare|at least"):
            await documents.count(ACME, query, by=by)


LETTERS = "abAB é0\n"
TEXTS = st.text(LETTERS, max_size=6)
VALUES = st.sampled_from(["a", "b", "B", "é"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "status": VALUES,
        "actions": st.lists(VALUES, unique=True, max_size=3),
        "search": TEXTS,
        "n": st.integers(0, 3),
    },
)
WRITES = st.lists(
    st.tuples(
        st.sampled_from([ACME, ACME, GLOBEX]),
        st.sampled_from("pqr"),
        st.sampled_from(["create", "replace", "patch", "retire", "delete"]),
        FIELDS,
    ),
    min_size=4,
    max_size=14,
)
WHERES = st.one_of(
    st.builds(Where, st.just(("status",)), st.sampled_from(["=", "!="]), VALUES),
    st.builds(Where, st.just(("status",)), st.just("in"), st.lists(VALUES, max_size=2)),
    st.builds(Where, st.just(("actions",)), st.just("contains"), VALUES),
    st.builds(Where, st.just(("search",)), st.just("text"), st.text(LETTERS, max_size=5)),
    st.builds(Where, st.just(("n",)), st.sampled_from(["=", "<", ">="]), st.integers(0, 3)),
)
ASKED = st.lists(st.lists(WHERES, max_size=3), min_size=1, max_size=6)
HOLDS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">=": operator.ge,
    "in": lambda field, value: field in value,
    "contains": lambda field, value: value in field,
    "text": lambda field, value: value.lower() in field.lower(),
}
type Kept = dict[tuple[str, str], dict[str, Any]]


def matches(where: Where, body: Mapping[str, Any]) -> bool:
    (name,) = where.path
    if where.op == "!=":
        return bool(body.get(name) != where.value)
    return name in body and bool(HOLDS[where.op](body[name], where.value))


async def written(
    documents: Documents, scope: TenantScope, name: str, how: str, fields: Any, kept: Kept
) -> None:
    """Do one write to the store, and to what should be found in it."""
    shelf, place = Shelf(documents, scope, REGISTRY, name), (scope.tenant_id, name)
    body = {"id": "intent", "kind": "intent", **fields}
    if how == "create":
        if place not in kept:
            await shelf.transact(Create(body))
            kept[place] = fields
        else:
            with pytest.raises(DocumentExistsError):
                await shelf.transact(Create(body))
    elif place in kept:
        match how:
            case "replace":
                await shelf.transact(Replace(body))
                kept[place] = fields
            case "patch":
                await shelf.transact(Patch("intent", set={(name,): fields[name] for name in fields}))
                kept[place] = kept[place] | fields
            case "retire":  # of another kind, it is in no list of intents
                await shelf.transact(Replace(body | {"kind": "other"}), Delete("intent"))
                del kept[place]
            case _:
                await shelf.transact(Delete("intent"))
                del kept[place]


async def compared(documents: Documents, kept: Kept, asked: Sequence[Sequence[Where]]) -> None:
    for scope in (ACME, GLOBEX):
        mine = {name: body for (tenant, name), body in kept.items() if tenant == scope.tenant_id}
        for where in asked:
            expected = {name: body for name, body in mine.items() if all(matches(one, body) for one in where)}
            page = await documents.query(
                scope, Query(REGISTRY, "intent", where=where, order=[(("name",), "asc")])
            )
            assert [one.body["intent"] for one in page.items] == sorted(expected), where
            query = Query(REGISTRY, "intent", where=where)
            by_status = Counter(body["status"] for body in expected.values() if "status" in body)
            assert await documents.count(scope, query, by=("status",)) == counts(by_status)
            by_action = Counter(one for body in expected.values() for one in body.get("actions", ()))
            assert await documents.count(scope, query, by=("actions",), each=True) == counts(by_action)


def counts(counter: Counter[str]) -> Counts:
    return Counts(sorted(counter.items(), key=lambda one: (-one[1], one[0])), 0)


@pytest.mark.parametrize(("store", "examples"), [("sqlite", 60), ("cosmos", 6)], ids=["sqlite", "cosmos"])
def test_whatever_is_written_is_found_and_counted_by_what_it_is_now(
    store: str, examples: int, cosmos_server: CosmosServer
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(writes=WRITES, asked=ASKED)
    def check(writes: Sequence[Any], asked: Sequence[Sequence[Where]]) -> None:
        with ExitStack() as stack:
            run = stack.enter_context(asyncio.Runner()).run
            if store == "cosmos":
                opening = cosmos_documents(cosmos_server)
                documents: Documents = run(opening.__aenter__())
                stack.callback(lambda: run(opening.__aexit__(None, None, None)))
            else:
                folder = Path(stack.enter_context(TemporaryDirectory()))
                local = SqliteDocuments(folder / "documents.db", now=lambda: datetime(2024, 1, 4, tzinfo=UTC))
                stack.callback(local.close)
                documents = local

            async def play() -> None:
                kept: Kept = {}
                for scope, name, how, fields in writes:
                    await written(documents, scope, name, how, fields, kept)
                await compared(documents, kept, asked)

            run(play())

    check()
