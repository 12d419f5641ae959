"""What only the SQLite documents store has: its file, its indexes, its sweeps, and trouble with the disk."""

import asyncio
import contextlib
import resource
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from localhost.sqlite.documents import SWEEP_INTERVAL, SqliteDocuments
from localhost.sqlite.queries import encode_position, select
from localhost.sqlite.writer import connect
from shared.domain.errors import BadCursorError, UnavailableError
from shared.ports.documents import EXECUTIONS, REGISTRY, TENANCY, Create, Patch, Query, Where
from tests.contracts.conftest import Hands
from tests.contracts.shelf import ACME, GLOBEX, Shelf, ids


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.db"


@pytest.fixture
def documents(path: Path, clock: Hands) -> Iterator[SqliteDocuments]:
    store = SqliteDocuments(path, now=clock.now, patience=0.05)
    yield store
    store.close()


async def test_a_store_that_was_closed_is_found_again_with_its_cursors(path: Path) -> None:
    first = SqliteDocuments(path)
    for n in range(3):
        await Shelf(first).create(str(n))
    query = Query(EXECUTIONS, "thing", limit=1)
    after = (await first.query(ACME, query)).after
    position = (await Shelf(first).changes())[1].position
    first.close()
    second = SqliteDocuments(path)
    assert ids(await second.query(ACME, replace(query, after=after))) == ["1"]
    assert ids(await Shelf(second).changes(position)) == ["2"]
    second.close()


async def test_a_position_from_after_the_backup_that_was_restored_is_refused(
    path: Path, tmp_path: Path, documents: SqliteDocuments
) -> None:
    backup = tmp_path / "backup.db"
    await Shelf(documents).create("a")
    with contextlib.closing(connect(path)) as source, contextlib.closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    await Shelf(documents).create("b")
    position = (await Shelf(documents).changes())[-1].position
    restored = SqliteDocuments(backup)
    with pytest.raises(BadCursorError):
        await Shelf(restored).changes(position)
    restored.close()


async def test_a_locked_file_refuses_writes_and_serves_reads(path: Path, documents: SqliteDocuments) -> None:
    shelf = Shelf(documents)
    await shelf.create("a")
    with contextlib.closing(connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError):
            await shelf.create("b")
        assert await shelf.read("a") is not None
        other.execute("ROLLBACK")
    await shelf.create("c")
    assert ids(await shelf.changes()) == ["a", "c"]


async def test_a_full_disk_stores_nothing_of_the_transaction_and_passes(
    documents: SqliteDocuments, path: Path
) -> None:
    shelf = Shelf(documents)
    await shelf.create("a", n=0)
    big = Create({"id": "big", "kind": "thing", "text": "x" * 1_000_000})
    small = Create({"id": "small", "kind": "thing"})

    async def limit(pages: int) -> None:
        await documents._writer.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}"))

    await limit(60)
    with pytest.raises(UnavailableError):
        await shelf.transact(small, Patch("a", increment={("n",): 1}), big)
    assert ids(await shelf.changes()) == ["a"]
    assert (await shelf.body("a"))["n"] == 0
    await shelf.transact(small)
    await limit(1_000_000)
    await shelf.transact(big)
    assert ids(await shelf.changes()) == ["a", "small", "big"]


async def test_a_disk_that_takes_no_more_loses_nothing_that_was_acknowledged(
    documents: SqliteDocuments, path: Path
) -> None:
    shelf = Shelf(documents)
    acknowledged: list[str] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    await shelf.create("first")
    # Files of this process cannot grow beyond this: the system refuses the write, as a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with contextlib.suppress(UnavailableError):
            while len(acknowledged) < 1000:
                await shelf.create(str(len(acknowledged)), text="x" * 5000)
                acknowledged.append(str(len(acknowledged)))
        assert 0 < len(acknowledged) < 1000
        with pytest.raises(UnavailableError):
            await shelf.create("refused", text="x" * 300_000)
        assert ids(await shelf.changes(limit=2000)) == ["first", *acknowledged]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await shelf.create("last")
    assert ids(await shelf.changes(limit=2000)) == ["first", *acknowledged, "last"]
    documents.close()
    reopened = SqliteDocuments(path)
    assert ids(await Shelf(reopened).changes(limit=2000)) == ["first", *acknowledged, "last"]
    reopened.close()


async def test_a_closed_store_is_unavailable_to_all(path: Path) -> None:
    store = SqliteDocuments(path)
    shelf = Shelf(store)
    waiting = asyncio.create_task(shelf.changes(wait=30))
    await asyncio.sleep(0)
    store.close()
    calls = (waiting, shelf.read("a"), shelf.create("a"), shelf.changes(), shelf.matching())
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, UnavailableError)] == [
        type(outcome) for outcome in outcomes
    ]


def rows(path: Path) -> int:
    with contextlib.closing(connect(path, read_only=True)) as connection:
        count: int = connection.execute("SELECT count(*) FROM documents").fetchone()[0]
        return count


async def test_expired_documents_are_swept_on_demand(
    path: Path, documents: SqliteDocuments, clock: Hands
) -> None:
    await Shelf(documents).transact(
        Create({"id": "a", "kind": "thing"}, ttl=5), Create({"id": "b", "kind": "thing"})
    )
    assert await documents.sweep() == 0
    clock.forward(5)
    assert await documents.sweep() == 1
    assert rows(path) == 1


async def test_expired_documents_are_swept_by_later_writes(
    path: Path, documents: SqliteDocuments, clock: Hands
) -> None:
    await Shelf(documents).transact(
        *[Create({"id": str(n), "kind": "thing"}, ttl=1) for n in range(5)],
    )
    clock.forward(SWEEP_INTERVAL)
    await Shelf(documents, scope=GLOBEX).create("later")
    assert rows(path) == 1


async def test_the_feed_of_a_container_is_in_commit_order_over_all_tenants(
    documents: SqliteDocuments,
) -> None:
    for n in range(6):
        await Shelf(documents, scope=(ACME, GLOBEX)[n % 2], partition=str(n)).create("x")
    await Shelf(documents, container=REGISTRY).create("x")
    first = await documents.feed(container=EXECUTIONS, after=None, limit=4, wait=0)
    rest = await documents.feed(container=EXECUTIONS, after=first[-1].seq, limit=4, wait=0)
    assert [(change.body["tenant_id"], change.body["execution_id"]) for change in (*first, *rest)] == [
        (("acme", "globex")[n % 2], str(n)) for n in range(6)
    ]
    assert await documents.feed(container=EXECUTIONS, after=rest[-1].seq, limit=4, wait=0) == []


STATUS, INTENT = Where(("status",), "=", "running"), Where(("intent",), "=", "deploy")
PLANS: dict[str, tuple[Query, str]] = {
    "executions": (Query(EXECUTIONS, "execution", order=[(("created_at",), "desc")]), "executions_by_time"),
    "executions by status": (
        Query(EXECUTIONS, "execution", where=[STATUS], order=[(("created_at",), "desc")]),
        "executions_by_status",
    ),
    "executions of an intent": (
        Query(EXECUTIONS, "execution", where=[INTENT], order=[(("created_at",), "desc")]),
        "executions_by_intent",
    ),
    "executions of a version": (
        Query(
            EXECUTIONS,
            "execution",
            where=[Where(("intent_id",), "=", "deploy-v1")],
            order=[(("created_at",), "desc")],
        ),
        "executions_by_intent_id",
    ),
    "executions since": (
        Query(
            EXECUTIONS,
            "execution",
            where=[Where(("created_at",), ">=", "2024"), Where(("created_at",), "<", "2025")],
            order=[(("created_at",), "desc")],
        ),
        "executions_by_time",
    ),
    "stranded executions": (
        Query(
            EXECUTIONS,
            "execution",
            where=[
                Where(("status",), "in", ["pending", "cancelling"]),
                Where(("created_at",), "<", "2024"),
            ],
            order=[(("created_at",), "desc")],
        ),
        "executions_by_status",
    ),
    "steps of an execution": (Query(EXECUTIONS, "step", partition="e"), "documents_by_id"),
    "intents by name": (Query(REGISTRY, "intent", order=[(("name",), "asc")]), "intents_by_name"),
    "intents by name, down": (Query(REGISTRY, "intent", order=[(("name",), "desc")]), "intents_by_name"),
    "intents by time": (Query(REGISTRY, "intent", order=[(("created_at",), "desc")]), "intents_by_time"),
    "intents by update": (Query(REGISTRY, "intent", order=[(("updated_at",), "desc")]), "intents_by_update"),
    "member by user": (Query(TENANCY, "member", where=[Where(("user",), "=", "ada")]), "members_by_user"),
    "tenants": (Query(TENANCY, "tenancy", partition="tenants"), "documents_by_id"),
    "audit trail": (
        Query(EXECUTIONS, "audit", order=[(("created_at",), "desc")]),
        "audit_by_time",
    ),
    "audit trail of a principal": (
        Query(
            EXECUTIONS,
            "audit",
            where=[Where(("principal",), "=", "ada@acme"), Where(("created_at",), "<=", "2025")],
            order=[(("created_at",), "desc")],
        ),
        "audit_by_principal",
    ),
    "audit trail of an action": (
        Query(
            REGISTRY,
            "audit",
            where=[Where(("action",), "=", "intent.create")],
            order=[(("created_at",), "desc")],
        ),
        "audit_by_action",
    ),
    "schedules to be looked at": (
        Query(
            TENANCY,
            "due",
            partition="agenda",
            where=[Where(("due",), "<=", "2025")],
            order=[(("due",), "asc")],
        ),
        "agenda_by_due",
    ),
    "who is next in a line": (
        Query(
            TENANCY,
            "ticket",
            partition="admission",
            where=[Where(("line",), "=", "deploy"), Where(("status",), "=", "queued")],
            order=[(("number",), "asc")],
        ),
        "tickets_by_number",
    ),
    "which line is next": (
        Query(
            TENANCY,
            "line",
            partition="admission",
            where=[Where(("status",), "=", "open")],
            order=[(("number",), "asc")],
        ),
        "lines_by_number",
    ),
    "what waits for people": (
        Query(
            EXECUTIONS,
            "approval",
            where=[Where(("approval", "status"), "=", "waiting"), Where(("intent",), "=", "deploy")],
            order=[(("approval", "since"), "asc")],
        ),
        "approvals_by_status",
    ),
    "what people decided": (
        Query(
            EXECUTIONS,
            "approval",
            where=[Where(("approval", "status"), "=", "approved")],
            order=[(("approval", "since"), "desc")],
        ),
        "approvals_by_status",
    ),
    "attempts of a step": (
        Query(
            EXECUTIONS,
            "event",
            partition="one",
            where=[Where(("id",), ">=", "event:a:0"), Where(("id",), "<", "event:a::")],
        ),
        "documents_by_id",
    ),
    "audit chains": (Query(REGISTRY, "audit"), "documents_by_id"),
}


@pytest.mark.parametrize("page", ["first page", "later page"])
@pytest.mark.parametrize("name", PLANS)
async def test_the_platforms_queries_are_served_by_an_index(
    documents: SqliteDocuments, path: Path, name: str, page: str
) -> None:
    query, index = PLANS[name]
    position = ["x"] * (len(query.order) + (1 if query.partition else 2))
    if page == "later page":
        query = replace(query, after="a cursor")
    selection = select(
        query,
        tenant_id="acme",
        now=0.0,
        rows=lambda *_: [],
        open_cursor=lambda *_: encode_position(position),
    )
    ((sql, bound),) = selection.statements
    details = plan(path, sql, bound)
    assert any(f"SEARCH documents USING INDEX {index} " in detail for detail in details), details
    sorts = any("TEMP B-TREE" in detail for detail in details)
    assert sorts is (name == "stranded executions"), details
    if name == "attempts of a step":
        assert any("id>? AND id<?" in detail for detail in details), details
    if page == "later page" and query.order and not sorts:
        assert any("<expr><" in detail or "<expr>>" in detail for detail in details), details


def plan(path: Path, sql: str, parameters: list[object]) -> list[str]:
    with contextlib.closing(connect(path, read_only=True)) as connection:
        return [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]


async def test_an_etag_tells_nothing_of_how_much_is_written(documents: SqliteDocuments) -> None:
    """They are made of a number that counts what all tenants write."""
    etags = [(await Shelf(documents).create(str(n))).etag for n in range(10)]
    assert {len(etag) for etag in etags} == {16}
    assert [set(column) for column in zip(*etags, strict=True) if len(set(column)) == 1] == []
