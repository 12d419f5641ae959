"""What is asked of a container's documents over HTTP: point reads, batches, queries and the change feed."""

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cmp_to_key
from typing import Any

from tests.cosmos.evaluation import UNDEFINED, compiled, type_of, value_at
from tests.cosmos.indexing import unserved, unsorted
from tests.cosmos.protocol import Answer, RefusedError, Request
from tests.cosmos.sql import ELEMENT, Counting, Path, Select, SqlError, parse_query
from tests.cosmos.store import Collection, Item, Key, Physical

PREFIX = "x-ms-"
KNOWN = {
    "x-ms-activity-id",
    "x-ms-consistency-level",
    "x-ms-continuation",
    "x-ms-cosmos-batch-atomic",
    "x-ms-cosmos-batch-continue-on-error",
    "x-ms-cosmos-batch-ordered",
    "x-ms-cosmos-correlated-activityid",
    "x-ms-cosmos-intended-collection-rid",
    "x-ms-cosmos-internal-is-query",
    "x-ms-cosmos-is-batch-request",
    "x-ms-cosmos-sdk-supportedcapabilities",
    "x-ms-cosmos-supported-query-features",
    "x-ms-client-id",
    "x-ms-client-request-id",
    "x-ms-date",
    "x-ms-documentdb-isquery",
    "x-ms-documentdb-partitionkey",
    "x-ms-documentdb-query-iscontinuationexpected",
    "x-ms-documentdb-partitionkeyrangeid",
    "x-ms-documentdb-query-parallelizecrosspartitionquery",
    "x-ms-end-epk",
    "x-ms-max-item-count",
    "x-ms-read-key-type",
    "x-ms-session-token",
    "x-ms-start-epk",
    "x-ms-thinclient-proxy-operation-type",
    "x-ms-thinclient-proxy-resource-type",
    "x-ms-version",
}
"""Headers that mean what this server does; any other of the protocol's is refused."""

KEY = "x-ms-documentdb-partitionkey"
RANGE_ID = "x-ms-documentdb-partitionkeyrangeid"
CONTINUATION = "x-ms-continuation"


class Documents:
    """Answers the requests for the documents of one container."""

    def __init__(self, collection: Collection, *, page_size: int, scans: bool) -> None:
        """``page_size`` is the most documents in an answer of a query.

        ``scans`` is whether it carries out, as the service does, what no index serves.
        """
        self._scans = scans
        self._collection = collection
        self._page_size = page_size
        self._rests: dict[str, list[Any]] = {}

    def answer(self, request: Request, id: str | None) -> Answer:
        unknown = [name for name in request.headers if name.startswith(PREFIX) and name not in KNOWN]
        if unknown:
            raise RefusedError(501, f"this server does not know the headers {unknown}")
        rid = request.headers.get("x-ms-cosmos-intended-collection-rid", self._collection.rid)
        if rid != self._collection.rid:
            raise RefusedError(400, "the container was made again", sub_status=1024)
        if id is not None and request.method == "GET":
            return self._read(request, id)
        if id is None and request.headers.get("x-ms-cosmos-is-batch-request") == "True":
            return self._batch(request)
        if id is None and request.headers.get("x-ms-documentdb-isquery") == "true":
            return self._query(request)
        if (
            id is None
            and request.method == "GET"
            and request.headers.get("a-im", "").lower() == "incremental feed"
        ):
            return self._changes(request)
        raise RefusedError(
            501, f"this server does not know {request.method} of {request.path} with these headers"
        )

    def _seen(self, request: Request, home: Physical) -> None:
        """Whether this replica has all that the session has seen."""
        for part in request.headers.get("x-ms-session-token", "").split(","):
            partition, _, token = part.partition(":")
            if partition == home.id and int(token.split("#")[1]) > home.lsn:
                raise RefusedError(404, "this replica is behind the session", sub_status=1002)

    def _read(self, request: Request, id: str) -> Answer:
        key = self._full_key(request)
        home = self._collection.home(key)
        self._seen(request, home)
        return self._told(200, self._collection.read(key, id).body, home, 1.0)

    def _batch(self, request: Request) -> Answer:
        key = self._full_key(request)
        if request.headers.get("x-ms-cosmos-batch-atomic") != "True":
            raise RefusedError(501, "this server knows atomic batches only")
        done, results = self._collection.batch(key, request.json())
        charge = sum(result["requestCharge"] for result in results)
        return self._told(200 if done else 207, results, self._collection.home(key), charge)

    def _query(self, request: Request) -> Answer:
        if request.headers.get("content-type") != "application/query+json":
            raise RefusedError(400, "a query is application/query+json")
        asked = request.json()
        if unknown := asked.keys() - {"query", "parameters"}:
            raise RefusedError(400, f"unknown in a query: {sorted(unknown)}")
        try:
            parameters = {one["name"]: one["value"] for one in asked.get("parameters") or []}
            select = parse_query(asked["query"], parameters)
        except SqlError as error:
            raise RefusedError(400, f"SC1001: {error}") from error
        home, items = self._asked(request)
        self._seen(request, home)
        if CONTINUATION in request.headers:
            rows = self._rests.pop(request.headers[CONTINUATION], None)
            if rows is None:
                raise RefusedError(400, "this server did not give that continuation")
        else:
            rows = self._selected(select, [item.body for item in items])
        count = int(request.headers.get("x-ms-max-item-count", "-1"))
        size = min(count, self._page_size) if count > 0 else self._page_size
        headers = {}
        if rows[size:]:
            headers[CONTINUATION] = uuid.uuid4().hex
            self._rests[headers[CONTINUATION]] = rows[size:]
        page = {"_rid": self._collection.rid, "Documents": rows[:size], "_count": len(rows[:size])}
        return self._told(200, page, home, 2.5 + 0.1 * len(rows), headers)

    def _selected(self, select: Select, bodies: Iterable[Any]) -> list[Any]:
        self._check_index(select)
        if select.counting is not None:
            return self._counted(select, select.counting, bodies)
        fits = compiled(select.where)
        rows = [body for body in bodies if fits(body) is True]
        # A document without a field is not in the index that serves the order.
        rows = [
            row for row in rows if all(value_at(row, path.names) is not UNDEFINED for path, _ in select.order)
        ]
        rows.sort(key=cmp_to_key(lambda one, other: _compare(one, other, select.order)))
        return rows if select.top is None else rows[: select.top]

    def _counted(self, select: Select, counting: Counting, bodies: Iterable[Any]) -> list[Any]:
        """A group may come several times: an answer that is given in parts counts each part for itself."""
        rows: Iterable[Any] = bodies
        if counting.each is not None:
            arrays = ((body, value_at(body, counting.each.names)) for body in bodies)
            rows = [
                {**body, ELEMENT: one} for body, array in arrays if isinstance(array, list) for one in array
            ]
        fits = compiled(select.where)
        chosen = [row for row in rows if fits(row) is True]
        found: list[Any] = []
        for start in range(0, len(chosen), self._page_size):
            values = [value_at(row, counting.by.names) for row in chosen[start : start + self._page_size]]
            found += [dict(zip(counting.names, group, strict=True)) for group in Counter(values).items()]
        return found

    def _check_index(self, select: Select) -> None:
        """The service refuses an order that no index has; the rest it would read every document for."""
        policy = self._collection.definition["indexingPolicy"]
        if wrong := unsorted(select, policy):
            raise RefusedError(400, wrong)
        if not self._scans and (found := unserved(select, policy)):
            raise RefusedError(400, "; ".join(found))

    def _changes(self, request: Request) -> Answer:
        home, items = self._asked(request)
        self._seen(request, home)
        behind = request.headers.get("if-none-match", '"0"').strip('"')
        since = home.lsn if behind == "*" else int(behind)  # "*" is: from now on
        count = int(request.headers.get("x-ms-max-item-count", "-1"))
        # In no order within a transaction: the documentation promises none.
        found = sorted(
            [item for item in items if item.lsn > since], key=lambda item: (item.lsn, item.body["id"][::-1])
        )
        if not found:
            return self._told(304, None, home, 1.0, {"etag": f'"{max(home.lsn, since)}"'})
        taken = found if count < 1 else found[:count]
        taken += [item for item in found[len(taken) :] if item.lsn == taken[-1].lsn]
        last = taken[-1].lsn if len(taken) < len(found) else home.lsn
        documents = [{**item.body, "_lsn": item.lsn} for item in taken]
        page = {"_rid": self._collection.rid, "Documents": documents, "_count": len(documents)}
        return self._told(200, page, home, 1.0 + 0.2 * len(documents), {"etag": f'"{last}"'})

    def _asked(self, request: Request) -> tuple[Physical, list[Item]]:
        """The physical partition that a query or feed goes to, and the documents it may see there.

        A feed of a whole physical partition names it alone; of a part, the bounds, too.
        """
        if KEY in request.headers:
            key = self._full_key(request)
            return self._collection.home(key), list(self._collection.items_of(key))
        headers = request.headers
        bounds = headers.get("x-ms-start-epk"), headers.get("x-ms-end-epk")
        whole = bounds == (None, None) and "a-im" in headers
        if RANGE_ID not in headers or (None in bounds and not whole):
            raise RefusedError(400, "a cross-partition query is not allowed here", sub_status=1004)
        if not whole and headers.get("x-ms-read-key-type") != "EffectivePartitionKeyRange":
            raise RefusedError(501, f"this server does not know {headers.get('x-ms-read-key-type')}")
        home = next((one for one in self._collection.physical if one.id == headers[RANGE_ID]), None)
        if home is None:
            raise RefusedError(410, "that partition is gone", sub_status=1002)
        start, end = (home.start, home.end) if whole else (str(bounds[0]), str(bounds[1]))
        return home, list(self._collection.items(home, start, end))

    def _full_key(self, request: Request) -> Key:
        key = json.loads(request.headers.get(KEY, "[]"))
        paths = self._collection.definition["partitionKey"]["paths"]
        if len(key) != len(paths) or not all(isinstance(part, str) for part in key):
            raise RefusedError(400, f"the partition key has {len(paths)} parts, not {key}", sub_status=1001)
        return tuple(key)

    def _told(
        self,
        status: int,
        body: Any,
        home: Physical,
        charge: float,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        told = {
            "x-ms-request-charge": f"{charge:.2f}",
            "x-ms-session-token": f"{home.id}:-1#{home.lsn}",
            "lsn": str(home.lsn),
        }
        return Answer(status, body, {**told, **(headers or {})})


def _compare(one: Any, other: Any, order: Sequence[tuple[Path, bool]]) -> int:
    for path, descending in order:
        left, right = value_at(one, path.names), value_at(other, path.names)
        ranks = (type_of(left), type_of(right))
        if ranks[0] != ranks[1]:
            less = ranks[0] < ranks[1]
        elif left == right or left is None:
            continue
        else:
            less = left < right
        return -1 if less != descending else 1
    return 0
