"""The documents port against a dictionary: any sequence of operations, written simply and compared."""

import asyncio
import operator
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from localhost.sqlite.documents import SqliteDocuments
from shared.domain.errors import DocumentExistsError, DocumentMissingError, DocumentStaleError
from shared.ports.documents import (
    EXECUTIONS,
    Create,
    Delete,
    Documents,
    Operation,
    Patch,
    Query,
    Replace,
    Where,
)
from tests.contracts.shelf import ACME, Shelf, ids, unstamped
from tests.cosmos.server import CosmosServer
from tests.cosmos.stores import cosmos_documents

type Body = dict[str, Any]


@dataclass
class Kept:
    """What the model knows of a document; ``order`` counts writes."""

    body: Body
    order: int
    etag: str = "unknown"


class Model:
    """The partition as a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.writes = 0

    def applied(self, operations: list[Operation]) -> "Model":
        """A model with all operations applied; raises what the port should raise."""
        after = Model()
        after.kept, after.writes = dict(self.kept), self.writes
        for operation in operations:
            after.apply(operation)
        return after

    def apply(self, operation: Operation) -> None:
        self.writes += 1
        match operation:
            case Create(body):
                if body["id"] in self.kept:
                    raise DocumentExistsError("")
                self.kept[body["id"]] = Kept(dict(body), self.writes)
            case Replace(body, if_match):
                self._find(body["id"], if_match)
                self.kept[body["id"]] = Kept(dict(body), self.writes)
            case Delete(id, if_match):
                self._find(id, if_match)
                del self.kept[id]
            case Patch(id):
                self.kept[id] = Kept(self._patched(operation), self.writes)

    def _patched(self, patch: Patch) -> Body:
        body = dict(self._find(patch.id, patch.if_match).body)
        for (name,), value in patch.where.items():
            if name not in body or body[name] != value:
                raise DocumentStaleError("")
        body |= {name: value for (name,), value in patch.set.items()}
        for (name,), amount in patch.increment.items():
            if name not in body:
                raise ValueError(name)
            body[name] += amount
        return body

    def _find(self, id: str, if_match: str | None) -> Kept:
        if id not in self.kept:
            raise DocumentMissingError("")
        if if_match not in (None, self.kept[id].etag):
            raise DocumentStaleError("")
        return self.kept[id]


IDS = st.sampled_from("abcd")
NUMBERS = st.integers(-3, 3)
TEXTS = st.sampled_from(["", "x", "X", "é"])
FIELDS = st.fixed_dictionaries({}, optional={"n": NUMBERS, "created_at": TEXTS, "status": TEXTS})
BODIES = st.builds(lambda name, fields: {"id": name, "kind": "thing", **fields}, IDS, FIELDS)
ETAGS = st.sampled_from([None, None, "current", "current", "old"])
OPERATIONS = st.one_of(
    st.builds(Create, BODIES),
    st.builds(Replace, BODIES, ETAGS),
    st.builds(Delete, IDS, ETAGS),
    st.builds(
        Patch,
        IDS,
        set=st.dictionaries(st.sampled_from([("status",), ("created_at",)]), TEXTS, max_size=2),
        increment=st.dictionaries(st.just(("n",)), NUMBERS, max_size=1),
        where=st.dictionaries(st.just(("n",)), NUMBERS, max_size=1),
        if_match=ETAGS,
    ),
)


class DocumentsMachine(RuleBasedStateMachine):
    """Does the same to an implementation, which a subclass names, and to the model."""

    examples = 40

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.run = self.stack.enter_context(asyncio.Runner()).run
        self.shelf = Shelf(self.open())
        self.model = Model()
        self.position: str | None = None
        self.seen = 0

    def open(self) -> Documents:
        """A new, empty store that ``self.stack`` closes."""
        raise NotImplementedError

    def teardown(self) -> None:
        self.stack.close()

    @initialize(bodies=st.lists(BODIES, min_size=2, unique_by=lambda body: body["id"]))
    def fill(self, bodies: list[Body]) -> None:
        self.transact([Create(body) for body in bodies])

    @rule(operations=st.lists(OPERATIONS, min_size=1, max_size=3))
    def transact(self, operations: list[Operation]) -> None:
        resolved = [self._with_etag(operation) for operation in operations]
        try:
            expected = self.model.applied(resolved)
        except (DocumentExistsError, DocumentMissingError, DocumentStaleError, ValueError) as error:
            with pytest.raises(type(error)):
                self.run(self.shelf.transact(*resolved))
            return
        for document in self.run(self.shelf.transact(*resolved)):
            if document is not None and document.body["id"] in expected.kept:
                expected.kept[document.body["id"]].etag = document.etag
        self.model = expected

    @rule()
    def follow(self) -> None:
        changes = self.run(self.shelf.changes(self.position))
        expected = [(name, kept) for name, kept in self._by_write() if kept.order > self.seen]
        assert ids(changes) == [name for name, _ in expected]
        if changes:
            self.position, self.seen = changes[-1].position, expected[-1][1].order

    @rule(
        where=st.none()
        | st.builds(Where, st.just(("n",)), st.sampled_from(["=", "<", ">=", "!="]), NUMBERS)
        | st.builds(Where, st.just(("status",)), st.sampled_from(["=", "<", ">=", "!="]), TEXTS),
        name=st.sampled_from(["n", "created_at", "status", "id"]),
        way=st.sampled_from(["asc", "desc"]),
        limit=st.integers(1, 3),
    )
    def walk(self, where: Where | None, name: str, way: Any, limit: int) -> None:
        rows = [kept.body for kept in self.model.kept.values() if where is None or _holds(where, kept.body)]
        rows.sort(key=lambda body: (name in body, body.get(name), body["id"]), reverse=way == "desc")
        conditions = [] if where is None else [where]
        query = Query(EXECUTIONS, "thing", "one", conditions, [((name,), way)], limit)
        shown: list[str] = []
        while True:
            page = self.run(self.shelf.documents.query(ACME, query))
            shown += ids(page)
            assert len(shown) <= len(rows), "a walk that repeats itself may never end"
            if page.after is None:
                break
            query = replace(query, after=page.after)
        assert shown == [body["id"] for body in rows]

    @invariant()
    def everything_reads_as_the_model_has_it(self) -> None:
        changes = self.run(self.shelf.changes())
        found = [(unstamped(change.document), change.document.etag) for change in changes]
        assert found == [(kept.body, kept.etag) for _, kept in self._by_write()]
        for name in "abcd":
            document = self.run(self.shelf.read(name))
            assert (document and unstamped(document)) == (
                self.model.kept[name].body if name in self.model.kept else None
            )

    def _by_write(self) -> list[tuple[str, Kept]]:
        return sorted(self.model.kept.items(), key=lambda item: item[1].order)

    def _with_etag(self, operation: Operation) -> Operation:
        if isinstance(operation, Create) or operation.if_match is None:
            return operation
        name = operation.body["id"] if isinstance(operation, Replace) else operation.id
        current = operation.if_match == "current" and name in self.model.kept
        return replace(operation, if_match=self.model.kept[name].etag if current else "old")


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">=": operator.ge,
}


def _holds(where: Where, body: Body) -> bool:
    if where.path[0] not in body:
        return where.op == "!="
    return COMPARISONS[where.op](body[where.path[0]], where.value)


class SqliteMachine(DocumentsMachine):
    def open(self) -> Documents:
        folder = self.stack.enter_context(TemporaryDirectory())
        store = SqliteDocuments(Path(folder) / "documents.db", now=lambda: datetime(2024, 1, 4, tzinfo=UTC))
        self.stack.callback(store.close)
        return store


class CosmosMachine(DocumentsMachine):
    examples = 8  # each asks a server some hundreds of times
    server: CosmosServer

    def open(self) -> Documents:
        store = cosmos_documents(self.server)
        self.stack.callback(lambda: self.run(store.__aexit__(None, None, None)))
        return self.run(store.__aenter__())


@pytest.mark.parametrize("machine", [SqliteMachine, CosmosMachine], ids=["sqlite", "cosmos"])
def test_any_sequence_of_operations_leaves_what_a_dictionary_would_hold(
    machine: type[DocumentsMachine], cosmos_server: CosmosServer
) -> None:
    CosmosMachine.server = cosmos_server
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=machine.examples,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
