"""What only Cosmos DB has: hierarchical partitions, ids it refuses, transactions in the feed, its limits."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.cosmos.account import Account
from shared.adapters.cosmos.bodies import escaped_id, plain_id
from shared.adapters.cosmos.containers import DEFINITIONS
from shared.adapters.cosmos.documents import CosmosDocuments
from shared.domain.errors import BadCursorError, TooLargeError
from shared.ports.documents import (
    COUNTERS,
    EXECUTIONS,
    MAX_ID_BYTES,
    MAX_OPERATIONS,
    REGISTRY,
    TENANCY,
    Create,
    Delete,
    Patch,
    Path,
    Query,
    Replace,
    Where,
)
from shared.security.scope import TenantScope
from tests.contracts.shelf import ACME, GLOBEX, Shelf, ids
from tests.cosmos.conftest import DEADLINE
from tests.cosmos.server import CosmosServer

REFUSED = [
    "a/b",
    "a\\b",
    "a?b",
    "a#b",
    "a ",
    " a",
    "..",
    ".",
    "a%2Fb",
    "a+b",
    "é😀",
    "[0]",
    "a.1b",
    '"',
    "!0",
]


async def test_a_tenants_query_is_a_prefix_and_names_the_tenant(
    documents: CosmosDocuments, server: CosmosServer
) -> None:
    for tenant in ("acme", "acme-2", "globex"):
        for partition in range(8):
            shelf = Shelf(documents, scope=TenantScope(tenant), partition=f"p{partition}")
            await shelf.create(f"{tenant} {partition}")
    for tenant in ("acme", "acme-2", "globex"):
        found = await documents.query(TenantScope(tenant), Query(EXECUTIONS, "thing"))
        assert ids(found) == [f"{tenant} {partition}" for partition in range(8)]
    for request in server.asked("query"):
        sent = json.loads(request.body)
        assert 'c["tenant_id"] = @p0' in sent["query"]
        assert "x-ms-start-epk" in request.headers
        assert "x-ms-documentdb-query-enablecrosspartition" not in request.headers


async def test_a_tenant_of_several_physical_partitions_is_one_list(
    documents: CosmosDocuments, server: CosmosServer
) -> None:
    for n in range(20):
        await Shelf(documents, partition=f"p{n:02}").create("head", kind="execution", created_at=f"{n % 7}")
    query = Query(EXECUTIONS, "execution", order=[(("created_at",), "desc")], limit=6)
    shown: list[tuple[str, str]] = []
    while True:
        page = await documents.query(ACME, query)
        shown += [(one.body["created_at"], one.body["execution_id"]) for one in page.items]
        if page.after is None:
            break
        query = Query(EXECUTIONS, "execution", order=query.order, limit=6, after=page.after)
    assert shown == sorted(((f"{n % 7}", f"p{n:02}") for n in range(20)), reverse=True)
    ranges = {request.headers["x-ms-documentdb-partitionkeyrangeid"] for request in server.asked("query")}
    assert ranges == {"0", "1"}


@pytest.mark.parametrize(
    "query",
    [
        *(
            Query(REGISTRY, "intent", order=[((field,), way)])
            for field in ("name", "created_at", "updated_at")
            for way in ("asc", "desc")
        ),
        Query(EXECUTIONS, "execution", order=[(("created_at",), "desc")]),
        Query(EXECUTIONS, "step", partition="one"),
        Query(TENANCY, "subscription", partition="one", order=[(("name",), "asc")]),
        Query(TENANCY, "delivery", partition="one", order=[(("created_at",), "desc")]),
        Query(COUNTERS, "stats", partition="one", order=[(("date",), "asc")]),
        Query(TENANCY, "tenancy", partition="one"),
    ],
    ids=str,
)
async def test_the_orders_of_the_platforms_lists_are_indexed(
    documents: CosmosDocuments, query: Query
) -> None:
    shelf, kind = Shelf(documents, container=query.container), str(query.kind)
    await shelf.create("a", kind=kind, **{path[0]: "x" for path, _ in query.order})
    await shelf.create("b", kind=kind)
    assert len((await documents.query(ACME, query)).items) == 2


@pytest.mark.parametrize("name", REFUSED)
async def test_an_id_that_the_service_refuses_is_stored_all_the_same(shelf: Shelf, name: str) -> None:
    created = await shelf.create(name, n=1)
    assert created.body["id"] == name
    assert await shelf.read(name) == created
    await shelf.transact(Patch(name, set={("n",): 2}))
    await shelf.transact(Replace({"id": name, "kind": "thing"}))
    assert await shelf.matching(Where(("id",), "=", name)) == {name}
    assert await shelf.matching(Where(("id",), "in", [name, "no"])) == {name}
    assert await shelf.matching(Where(("id",), "text", name)) == {name}
    assert ids(await shelf.changes()) == [name]
    await shelf.transact(Delete(name))


async def test_ids_are_in_the_order_of_their_own_characters(shelf: Shelf) -> None:
    await shelf.transact(*[Create({"id": name, "kind": "thing"}) for name in REFUSED])
    page = await shelf.documents.query(ACME, Query(EXECUTIONS, "thing", partition="one"))
    assert ids(page) == sorted(REFUSED)


@given(st.lists(st.text('!"#./0>?1[\\] a~'), min_size=2, max_size=2))
def test_escaping_an_id_keeps_the_order_and_can_be_undone(names: Sequence[str]) -> None:
    one, other = names
    assert (escaped_id(one) < escaped_id(other)) == (one < other)
    assert [plain_id(escaped_id(name)) for name in names] == names
    assert not set("/\\?#") & set(escaped_id(one))
    assert not escaped_id(one).endswith(" ")


async def test_an_id_beyond_the_limit_is_too_large(shelf: Shelf) -> None:
    await shelf.create("é" * (MAX_ID_BYTES // 2))
    with pytest.raises(TooLargeError, match=str(MAX_ID_BYTES)):
        await shelf.create("é" * (MAX_ID_BYTES // 2 + 1))


async def test_fields_that_the_service_has_too_are_kept_apart(shelf: Shelf) -> None:
    fields: dict[str, Any] = {"ttl": "mine", "_etag": 1, "_ts": {"x": 1}, "_w": None, "_u_etag": 2, "_lsn": 3}
    await shelf.create("a", **fields)
    await shelf.transact(Patch("a", set={("_ts", "x"): 2}, where={("ttl",): "mine"}))
    assert await shelf.body("a") == {"id": "a", "kind": "thing", **fields, "_ts": {"x": 2}}
    assert await shelf.matching(Where(("_etag",), "=", 1)) == {"a"}


async def test_a_document_beyond_the_services_limit_is_too_large(shelf: Shelf) -> None:
    with pytest.raises(TooLargeError, match="2 MB"):
        await shelf.create("a", text="x" * 2_100_000)


async def test_a_patch_of_many_fields_is_one_change(shelf: Shelf) -> None:
    await shelf.create("a", n=0)
    fields: dict[Path, int] = {(f"f{n}",): n for n in range(35)}
    (patched,) = await shelf.transact(Patch("a", set=fields, increment={("n",): 1}, where={("n",): 0}))
    assert patched == await shelf.read("a")
    assert patched is not None
    assert [patched.body[f"f{n}"] for n in range(35)] == list(range(35))
    assert patched.body["n"] == 1


async def test_patches_of_too_many_fields_are_refused_before_anything_is_stored(shelf: Shelf) -> None:
    await shelf.create("a")
    wide = Patch("a", set={(f"f{n}",): n for n in range(19)})
    with pytest.raises(ValueError, match="at most 100"):
        await shelf.transact(*[wide] * (MAX_OPERATIONS // 2))
    assert await shelf.body("a") == {"id": "a", "kind": "thing"}


async def test_a_name_with_a_slash_or_a_tilde_is_patched(shelf: Shelf) -> None:
    await shelf.create("a", labels={})
    await shelf.transact(Patch("a", set={("labels", "quantum.io/~team"): "x"}))
    assert (await shelf.body("a"))["labels"] == {"quantum.io/~team": "x"}


async def test_a_name_that_is_a_number_is_no_place_in_an_array(shelf: Shelf) -> None:
    await shelf.create("a", list=[1], object={})
    with pytest.raises(ValueError, match="list"):
        await shelf.transact(Patch("a", set={("list", "0"): 2}))
    await shelf.transact(Patch("a", set={("object", "0"): 2}))
    assert (await shelf.body("a"))["object"] == {"0": 2}


async def test_a_transaction_is_walked_in_small_steps_while_its_documents_change(shelf: Shelf) -> None:
    await shelf.transact(*[Create({"id": f"{n:02}", "kind": "thing"}) for n in range(12)])
    shown: list[str] = []
    position = None
    for turn in itertools.count():
        changes = await shelf.changes(position, limit=2)
        if not changes:
            break
        shown += ids(changes)
        position = changes[-1].position
        if turn == 1:
            await shelf.transact(Patch("00", set={("n",): 1}), Delete("05"), Patch("07", set={("n",): 1}))
    assert shown == ["00", "01", "02", "03", "04", "06", "08", "09", "10", "11", "00", "07"]


async def test_cursors_are_good_in_every_process_of_a_database_and_in_no_other(
    account: Account, documents: CosmosDocuments, server: CosmosServer
) -> None:
    shelf = Shelf(documents)
    for name in "abc":
        await shelf.create(name)
    query = Query(EXECUTIONS, "thing", limit=1)
    after, position = (await documents.query(ACME, query)).after, (await shelf.changes())[0].position
    same, following = (
        CosmosDocuments(account, patience=DEADLINE),
        Query(EXECUTIONS, "thing", limit=1, after=after),
    )
    assert ids(await same.query(ACME, following)) == ["b"]
    assert ids(await Shelf(same).changes(position)) == ["b", "c"]
    with pytest.raises(BadCursorError):
        await same.query(GLOBEX, following)
    await same.close()
    server.make("restored", DEFINITIONS)
    other = CosmosDocuments(Account(account.endpoint, "restored", key=account.key), patience=DEADLINE)
    with pytest.raises(BadCursorError):
        await other.query(ACME, following)
    with pytest.raises(BadCursorError):
        await Shelf(other).changes(position)
    await other.close()


async def test_a_position_in_the_feeds_future_is_refused(account: Account, server: CosmosServer) -> None:
    before = CosmosDocuments(account, patience=DEADLINE)
    for name in "abc":
        await Shelf(before).create(name)
    position = (await Shelf(before).changes())[-1].position
    await before.close()
    server.roll_back(REGISTRY, EXECUTIONS)
    after = CosmosDocuments(account, patience=DEADLINE)
    with pytest.raises(BadCursorError):
        await Shelf(after).changes(position)
    await after.close()


async def test_a_read_asks_for_a_replica_that_has_what_was_written(
    documents: CosmosDocuments, server: CosmosServer
) -> None:
    shelf = Shelf(documents)
    await shelf.create("a")
    await Shelf(documents, scope=GLOBEX).create("a")
    await shelf.create("b")
    await shelf.read("b")
    await shelf.matching()
    await shelf.changes()
    await documents.query(ACME, Query(EXECUTIONS, "thing"))
    reads = [request for kind, request in server.seen if kind != "batch" and "executions" in request.path]
    assert len(reads) == 5
    for request in reads:
        tokens = request.headers["x-ms-session-token"].split(",")
        assert sum(int(token.partition("#")[2]) for token in tokens) == 3
