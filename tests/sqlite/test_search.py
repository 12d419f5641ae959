"""The index that intents are searched by: what it holds, what it is asked, and that it is never behind."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from localhost.sqlite.documents import SWEEP_INTERVAL, SqliteDocuments
from localhost.sqlite.queries import Selection, encode_position, select
from localhost.sqlite.search import FEW, search_terms
from localhost.sqlite.writer import connect
from shared.domain.errors import DocumentExistsError
from shared.ports.documents import REGISTRY, Create, Delete, Patch, Query, Where
from tests.contracts.conftest import Hands
from tests.contracts.shelf import ACME, GLOBEX, Shelf


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.db"


def intent(**fields: Any) -> Create:
    return Create({"id": "intent", "kind": "intent", **fields})


async def put(store: SqliteDocuments, key: str, **fields: Any) -> None:
    await Shelf(store, container=REGISTRY, partition=key).transact(intent(**fields))


async def found(store: SqliteDocuments, word: str) -> list[str]:
    query = Query(REGISTRY, "intent", where=[Where(("search",), "text", word)])
    return [document.body["intent"] for document in (await store.query(ACME, query)).items]


TEXTS = {
    "sharp": "Straße nach Ulm",
    "emoji": "a 😀 and b",
    "lines": "one\ntwo",
    "short": "zq",
    "one": "z",
    "kept": "deploy the billing",
}


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("STRASSE", ["sharp"]),
        ("ß", ["sharp"]),
        ("😀", ["emoji"]),
        ("a 😀", ["emoji"]),
        ("😀 a", ["emoji"]),
        ("z", ["one", "short"]),
        ("zq", ["short"]),
        ("q", ["short"]),
        ("q\n", []),
        ("e\nt", ["lines"]),
        ("two", ["lines"]),
        ("two\n", []),
        ("wo", ["lines"]),
        ("billing", ["kept"]),
        ("dep the", []),
        ("the bil", ["kept"]),
        ('"', []),
        ("t1", []),
        ("*", []),
    ],
)
async def test_a_text_is_found_by_any_part_of_it(path: Path, word: str, names: list[str]) -> None:
    with contextlib.closing(SqliteDocuments(path)) as store:
        for name, text in TEXTS.items():
            await put(store, name, search=text)
        assert await found(store, word) == names


async def test_grams_that_stand_apart_do_not_make_a_word(path: Path) -> None:
    with contextlib.closing(SqliteDocuments(path)) as store:
        await put(store, "apart", search="abcd bcde")
        await put(store, "whole", search="abcde")
        assert await found(store, "abcde") == ["whole"]


async def test_work_that_is_undone_beside_others_leaves_nothing_in_the_index(path: Path) -> None:
    with contextlib.closing(SqliteDocuments(path)) as store:
        await put(store, "taken", search="first")
        places = [Shelf(store, container=REGISTRY, partition=f"n{number}") for number in range(20)]

        async def write(number: int) -> None:
            operations: list[Any] = [intent(search=f"word{number:02} good")]
            if number % 2:
                operations.append(intent(search="again"))  # of the same id: all is undone
            with contextlib.suppress(DocumentExistsError):
                await places[number].transact(*operations)

        await asyncio.gather(*(write(number) for number in range(20)))
        assert await found(store, "again") == []
        assert await found(store, "good") == sorted(f"n{number}" for number in range(0, 20, 2))
        assert await found(store, "word04") == ["n4"]
        assert await found(store, "word05") == []
    assert held(path, "untold") == 0


async def test_what_is_gone_leaves_the_index(path: Path) -> None:
    clock = Hands()
    with contextlib.closing(SqliteDocuments(path, now=clock.now)) as store:
        await put(store, "kept", search="alpha", status="active")
        shelf = Shelf(store, container=REGISTRY, partition="deleted")
        await shelf.transact(intent(search="beta", status="active"), Delete("intent"))
        shelf = Shelf(store, container=REGISTRY, partition="expired")
        await shelf.transact(Create({"id": "intent", "kind": "intent", "search": "gamma"}, ttl=1))
        clock.forward(SWEEP_INTERVAL)
        await put(store, "later", search="delta")
        assert held(path, "intents") == 2
        assert held(path, "postings") == 3
        assert held(path, "tokens WHERE tokens MATCH '006100*'") == 2


async def test_a_write_that_changes_nothing_searched_leaves_the_index_alone(path: Path) -> None:
    with contextlib.closing(SqliteDocuments(path)) as store:
        await put(store, "one", search="alpha", status="active", n=1)
        before = held(path, "tokens_data")
        await Shelf(store, container=REGISTRY, partition="one").transact(Patch("intent", set={("n",): 2}))
        assert held(path, "tokens_data") == before
        assert await found(store, "alpha") == ["one"]


async def test_a_file_from_before_the_index_is_indexed_when_it_is_opened(path: Path) -> None:
    with contextlib.closing(SqliteDocuments(path)) as store:
        await put(store, "old", search="alpha", status="active")
    with contextlib.closing(connect(path)) as connection:
        connection.executescript(
            "DROP TABLE tokens; DROP TABLE intents; DROP TABLE terms; DROP TABLE postings; DROP TABLE untold;"
            "DROP TRIGGER intents_added; DROP TRIGGER intents_changed; DROP TRIGGER intents_removed;"
        )
    with contextlib.closing(SqliteDocuments(path)) as store:
        assert await found(store, "alpha") == ["old"]
        counts = await store.count(ACME, Query(REGISTRY, "intent"), by=("status",))
        assert counts.values == [("active", 1)]


def test_a_term_is_a_field_or_an_element_with_a_string() -> None:
    body = '{"status":"a","created_by":1,"actions":["x","x",2,null],"label_pairs":"k:v","name":"n"}'
    assert search_terms(body) == '[["",""],["status","a"],["actions[]","x"],["label_pairs","k:v"]]'


STATUS = Where(("status",), "=", "active")
LABEL = Where(("label_pairs",), "contains", "team:web")
WORD = Where(("search",), "text", "deploy")


def selected(query: Query, matches: int) -> Selection:
    """The statement, if so many documents match."""

    def rows(sql: str, _: Any) -> list[tuple[Any, ...]]:
        return [(key,) for key in range(min(matches, FEW))] if "tokens" in sql else [(7,)]

    position = ["x"] * (len(query.order) + 2)
    opened = lambda *_: encode_position(position)  # noqa: E731
    return select(query, tenant_id="acme", now=0.0, rows=rows, open_cursor=opened)


@pytest.mark.parametrize("after", [None, "a cursor"], ids=["first page", "later page"])
@pytest.mark.parametrize("field", ["name", "created_at", "updated_at"])
@pytest.mark.parametrize(
    "where", [[STATUS], [LABEL], [WORD], [STATUS, LABEL, WORD]], ids=["status", "label", "word", "all"]
)
async def test_few_matches_are_sorted_and_many_are_met_on_a_walk(
    path: Path, where: list[Where], field: str, after: str | None
) -> None:
    SqliteDocuments(path).close()
    query = Query(REGISTRY, "intent", where=where, order=[((field,), "desc")], after=after)
    few = plan(path, selected(query, FEW - 1))
    assert few[1] == "SEARCH documents USING INTEGER PRIMARY KEY (rowid=?)", few
    many = plan(path, selected(query, FEW))
    index = {"name": "intents_by_name", "created_at": "intents_by_time", "updated_at": "intents_by_update"}
    assert f"USING INDEX {index[field]} " in many[1], many
    assert not any("TEMP B-TREE FOR ORDER" in detail for detail in many), many


async def test_a_tenants_terms_are_its_own(path: Path) -> None:
    with contextlib.closing(SqliteDocuments(path)) as store:
        await put(store, "one", search="alpha", status="active", label_pairs=["team:web"])
        await Shelf(store, GLOBEX, REGISTRY, "two").transact(
            intent(search="alphabet", status="active", label_pairs=["team:web"])
        )
        for where in ([STATUS], [LABEL], [Where(("search",), "text", "alpha")]):
            for scope, name in ((ACME, "one"), (GLOBEX, "two")):
                page = await store.query(scope, Query(REGISTRY, "intent", where=where))
                assert [document.body["intent"] for document in page.items] == [name]


def plan(path: Path, selection: Selection) -> list[str]:
    sql, bound = selection.statements[-1]
    with contextlib.closing(connect(path, read_only=True)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", bound)
        return [row["detail"] for row in rows]


def held(path: Path, table: str) -> int:
    with contextlib.closing(connect(path, read_only=True)) as connection:
        ((count,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(count)


ORDERS: list[Any] = [[((field,), way)] for field in ("name", "updated_at") for way in ("asc", "desc")]
FILTERS = [[STATUS], [LABEL], [WORD], [STATUS, LABEL, WORD], [WORD, Where(("updated_at",), ">=", "t3")]]


async def test_a_walk_and_a_sort_find_the_same(path: Path) -> None:
    with contextlib.closing(SqliteDocuments(path)) as store:
        for number in range(40):
            await put(
                store,
                f"n{number:02}",
                name=f"name {number * 7 % 40:02}",
                updated_at=f"t{number % 9}",
                status="active" if number % 3 else "draft",
                label_pairs=["team:web"] if number % 4 else [],
                search=f"{'deploy' if number % 5 else 'dep ploy'} {number}",
            )

    def rows(sql: str, bound: Any) -> list[tuple[Any, ...]]:
        with contextlib.closing(connect(path, read_only=True)) as connection:
            return [tuple(row) for row in connection.execute(sql, bound)]

    def many(sql: str, bound: Any) -> list[tuple[Any, ...]]:
        return [(0,)] * FEW if "LIMIT" in sql else rows(sql, bound)

    opened: Any = None
    for where in FILTERS:
        for order in ORDERS:
            query = Query(REGISTRY, "intent", where=where, order=order, limit=4)
            after: Any = None
            for _ in range(20):
                opened = lambda *_, after=after: encode_position(after)  # noqa: E731
                asked = Query(
                    REGISTRY, "intent", where=where, order=order, limit=4, after=after and "a cursor"
                )
                options: Any = {"tenant_id": "acme", "now": 0.0, "open_cursor": opened}
                sorted_ = [rows(*one) for one in select(asked, rows=rows, **options).statements]
                walked = [rows(*one) for one in select(asked, rows=many, **options).statements]
                assert (len(sorted_), len(walked)) == (1, 2)
                assert walked == sorted_ * 2, query
                if len(sorted_[0]) <= query.limit:
                    break
                after = list(sorted_[0][query.limit - 1][2:])
            else:
                raise AssertionError("the walk does not end")
