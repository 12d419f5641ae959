"""The documents of one container in memory, as Cosmos DB keeps them: physical and logical partitions, atomic
batches, etags, log sequence numbers (LSN) and time to live.
"""

import copy
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from azure.cosmos import PartitionKey

from tests.cosmos.evaluation import evaluate
from tests.cosmos.patching import patched
from tests.cosmos.protocol import RefusedError
from tests.cosmos.sql import SqlError, parse_condition

MAX_OPERATIONS = 100
MAX_BATCH_BYTES = MAX_DOCUMENT_BYTES = 2 * 1024 * 1024
SYSTEM = ("_rid", "_self", "_etag", "_attachments", "_ts")
FORBIDDEN_IN_ID = frozenset("/\\?#")

type Key = tuple[str, ...]
type Body = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """A stored document; ``lsn`` is that of its transaction, which all of its documents share."""

    body: Body
    lsn: int

    @property
    def etag(self) -> str:
        etag: str = self.body["_etag"]
        return etag


@dataclass
class Physical:
    """A physical partition: a range of hashes of partition keys, with a log of its own."""

    id: str
    start: str
    end: str
    lsn: int = 0
    logical: dict[Key, dict[str, Item]] = field(default_factory=dict[Key, dict[str, Item]])


def _lives(item: Item, now: float) -> bool:
    return "ttl" not in item.body or now - item.body["_ts"] < item.body["ttl"]


class Collection:
    def __init__(
        self, rid: str, definition: Body, *, splits: Sequence[str], now: Callable[[], datetime]
    ) -> None:
        """``splits`` are the hashes at which one physical partition ends and the next begins."""
        self.rid = rid
        self.definition = definition
        self._now = now
        self._key = PartitionKey(path=definition["partitionKey"]["paths"], kind="MultiHash", version=2)
        self._hashes: dict[Key, str] = {}
        bounds = ["", *splits, "FF"]
        self.physical = [Physical(str(n), start, end) for n, (start, end) in enumerate(pairwise(bounds))]

    def fill(self, other: "Collection") -> None:
        """Take over what another collection of the same kind has; an item is never changed, but replaced."""
        for one, its in zip(self.physical, other.physical, strict=True):
            one.lsn = its.lsn
            one.logical = {key: dict(items) for key, items in its.logical.items()}

    def clear(self) -> None:
        for one in self.physical:
            one.lsn = 0
            one.logical.clear()

    def hash_of(self, key: Sequence[str]) -> str:
        """The effective partition key of a key or of a prefix of keys, as the SDK computes it."""
        hashed = self._hashes.get(tuple(key))
        if hashed is None:
            hashed = str(self._key._get_effective_partition_key_string(list(key)))
            self._hashes[tuple(key)] = hashed
        return hashed

    def home(self, key: Key) -> Physical:
        hashed = self.hash_of(key)
        return next(one for one in self.physical if one.start <= hashed < one.end)

    def read(self, key: Key, id: str) -> Item:
        item = self.home(key).logical.get(key, {}).get(id)
        if item is None or not _lives(item, self._now().timestamp()):
            raise RefusedError(404, f"there is no document {id!r}")
        return item

    def items(self, physical: Physical, start: str, end: str) -> Iterator[Item]:
        """What lives in a physical partition under hashes from ``start`` to ``end``, that one excluded."""
        for key, logical in physical.logical.items():
            if start <= self.hash_of(key) < end:
                yield from self._living(logical).values()

    def items_of(self, key: Key) -> Iterator[Item]:
        yield from self._living(self.home(key).logical.get(key, {})).values()

    def batch(self, key: Key, operations: Sequence[Body]) -> tuple[bool, list[Body]]:
        """Apply all or nothing; returns whether it was applied and the result of each operation."""
        if not 1 <= len(operations) <= MAX_OPERATIONS:
            raise RefusedError(400, f"a batch has 1 to {MAX_OPERATIONS} operations, not {len(operations)}")
        if len(json.dumps(operations)) > MAX_BATCH_BYTES:
            raise RefusedError(413, "the batch is too large")
        home = self.home(key)
        work = _Batch(self, key, self._living(home.logical.get(key, {})), home.lsn + 1)
        results: list[Body] = []
        for index, operation in enumerate(operations):
            try:
                results.append(work.apply(operation))
            except RefusedError as refusal:
                failed = {"statusCode": 424, "requestCharge": 0}
                told = {"statusCode": refusal.status, "requestCharge": 1.24, "message": refusal.message}
                return False, [failed] * index + [told] + [failed] * (len(operations) - index - 1)
        if any(operation["operationType"] != "Read" for operation in operations):
            home.lsn += 1
            home.logical[key] = work.items
        return True, results

    def _living(self, logical: Mapping[str, Item]) -> dict[str, Item]:
        now = self._now().timestamp()
        return {name: item for name, item in logical.items() if _lives(item, now)}

    def stamped(self, body: Body) -> Body:
        """The body with the fields that the service adds."""
        now = int(self._now().timestamp())
        etag = f'"{uuid.uuid4()}"'
        return {**body, "_rid": self.rid, "_self": "", "_etag": etag, "_attachments": "", "_ts": now}


class _Batch:
    """The partition as a batch leaves it."""

    def __init__(self, collection: Collection, key: Key, items: dict[str, Item], lsn: int) -> None:
        self.items = items
        self._collection, self._key, self._lsn = collection, key, lsn

    def apply(self, operation: Body) -> Body:
        known = {"operationType", "id", "resourceBody", "ifMatch"}
        if unknown := operation.keys() - known:
            raise RefusedError(400, f"unknown in an operation: {sorted(unknown)}")
        match operation["operationType"]:
            case "Create":
                return self._create(operation["resourceBody"])
            case "Replace":
                return self._replace(operation)
            case "Patch":
                return self._patch(operation)
            case "Delete":
                self._present(operation["id"], operation)
                del self.items[operation["id"]]
                return {"statusCode": 204, "requestCharge": 1.24}
            case other:
                raise RefusedError(501, f"this server knows no operation {other} in a batch")

    def _create(self, body: Body) -> Body:
        if body["id"] in self.items:
            raise RefusedError(409, f"there is a document {body['id']!r}")
        return self._put(body, 201)

    def _replace(self, operation: Body) -> Body:
        body = operation["resourceBody"]
        if body["id"] != operation["id"]:
            raise RefusedError(400, "the body has another id")
        self._present(operation["id"], operation)
        return self._put(body, 200)

    def _patch(self, operation: Body) -> Body:
        present = self._present(operation["id"], operation)
        resource = dict(operation["resourceBody"])
        condition = resource.pop("condition", None)
        if condition is not None:
            try:
                holds = evaluate(parse_condition(condition), present.body) is True
            except SqlError as error:
                raise RefusedError(400, f"condition: {error}") from error
            if not holds:
                raise RefusedError(412, "the condition does not hold")
        changed = patched(present.body, resource, fixed=self._fixed())
        return self._put({name: value for name, value in changed.items() if name not in SYSTEM}, 200)

    def _fixed(self) -> set[str]:
        paths = self._collection.definition["partitionKey"]["paths"]
        return {"id", *SYSTEM, *(path.removeprefix("/") for path in paths)}

    def _present(self, id: str, operation: Body) -> Item:
        item = self.items.get(id)
        if item is None:
            raise RefusedError(404, f"there is no document {id!r}")
        if operation.get("ifMatch", item.etag) != item.etag:
            raise RefusedError(412, "the etag does not match")
        return item

    def _put(self, body: Body, status: int) -> Body:
        self._check(body)
        if len(json.dumps(body, ensure_ascii=False).encode()) > MAX_DOCUMENT_BYTES:
            raise RefusedError(413, "the document is too large")
        self.items.pop(body["id"], None)
        item = Item(self._collection.stamped(copy.deepcopy(body)), self._lsn)
        self.items[body["id"]] = item
        return {
            "statusCode": status,
            "requestCharge": 6.0,
            "eTag": item.etag,
            "resourceBody": item.body,
        }

    def _check(self, body: Body) -> None:
        name, ttl = body.get("id"), body.get("ttl", 1)
        if not isinstance(name, str) or not name or FORBIDDEN_IN_ID & set(name) or len(name.encode()) > 1023:
            raise RefusedError(400, f"not an id: {name!r}")
        if not isinstance(ttl, int) or isinstance(ttl, bool) or ttl < 1:
            raise RefusedError(400, f"not a ttl: {ttl!r}")
        if any(name in body for name in SYSTEM):
            raise RefusedError(400, "the fields of the service cannot be written")
        paths = self._collection.definition["partitionKey"]["paths"]
        if tuple(body.get(path.removeprefix("/")) for path in paths) != self._key:
            raise RefusedError(400, "the partition key of the header is not that of the body")
