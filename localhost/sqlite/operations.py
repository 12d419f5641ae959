"""What a transaction of the documents port does to the table, operation by operation."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import orjson

from localhost.sqlite.cursors import Etags
from shared.domain.errors import (
    DocumentExistsError,
    DocumentMissingError,
    DocumentStaleError,
    TooLargeError,
)
from shared.ports.documents import (
    MAX_ID_BYTES,
    MAX_OPERATIONS,
    MAX_TRANSACTION_BYTES,
    Container,
    Create,
    Delete,
    Document,
    Json,
    Operation,
    Patch,
    Path,
    Replace,
)

COLUMNS = ("name", "status", "created_at", "updated_at", "intent", "intent_id", "user")
"""Top-level fields that the table keeps in columns of their own (see ``documents.sql``)."""

_JSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
_INT64 = 2**63

_TAKE_SEQUENCE = "UPDATE meta SET value = value + ? WHERE name = 'sequence' RETURNING value"
_FIND = (
    "SELECT key, seq, body, ttl, expires_at FROM documents"
    " WHERE container = ? AND tenant_id = ? AND partition = ? AND id = ?"
)
_INSERT = (
    "INSERT INTO documents (container, tenant_id, partition, id, seq, kind, ttl, expires_at,"  # noqa: S608 - constants
    f" {', '.join(COLUMNS)}, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?{', ?' * len(COLUMNS)}, ?)"
)
_REPLACE = (
    "UPDATE documents SET seq = ?, kind = ?, ttl = ?, expires_at = ?,"  # noqa: S608 - constants
    f" {' = ?, '.join(COLUMNS)} = ?, body = ? WHERE key = ?"
)
# Naming a column in SET rewrites its indexes even if the value is the same: most patches touch none of them.
_REPLACE_BODY = "UPDATE documents SET seq = ?, body = ? WHERE key = ?"
_DELETE = "DELETE FROM documents WHERE key = ?"
_DELETE_EXPIRED = (
    "DELETE FROM documents"
    " WHERE container = ? AND tenant_id = ? AND partition = ? AND id = ? AND expires_at <= ?"
)
SWEEP = (
    "DELETE FROM documents WHERE key IN (SELECT key FROM documents"
    " WHERE expires_at IS NOT NULL AND expires_at <= ? ORDER BY expires_at LIMIT ?)"
)


@dataclass(frozen=True)
class Partition:
    """Where a transaction happens."""

    container: Container
    tenant_id: str
    key: str

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("a partition is named by a key that is not empty")

    @cached_property
    def stamps(self) -> Mapping[str, str]:
        """The fields that every body in the partition carries."""
        return {"tenant_id": self.tenant_id, self.container.partition_field: self.key}


type Step = Callable[["Transaction", int], str | None]
"""One prepared operation, and the text that it leaves; the number is its place in the transaction."""


def prepare(partition: Partition, operations: Sequence[Operation]) -> list[Step]:
    """Check and encode ``operations`` before they queue for the writer.

    Raises:
        ValueError, TooLargeError: as ``Documents.transact`` says.
    """
    if not 1 <= len(operations) <= MAX_OPERATIONS:
        raise ValueError(f"a transaction has 1 to {MAX_OPERATIONS} operations, not {len(operations)}")
    return [_prepare(partition, operation) for operation in operations]


def _prepare(partition: Partition, operation: Operation) -> Step:
    match operation:
        case Create(body, ttl):
            created = _Body.of(partition, body, ttl)
            return lambda transaction, index: transaction.create(index, created)
        case Replace(body, if_match, ttl):
            replacement = _Body.of(partition, body, ttl)
            return lambda transaction, index: transaction.replace(index, replacement, if_match)
        case Patch():
            patch = _checked(partition, operation)
            return lambda transaction, index: transaction.patch(index, patch)
        case Delete(id, if_match):
            return lambda transaction, index: transaction.delete(index, id, if_match)


class Stored(Sequence[Document | None]):
    """What a transaction has stored, read when somebody looks at it: most callers do not."""

    def __init__(self, etags: Etags, seqs: Sequence[int], bodies: Sequence[str | None]) -> None:
        self._etags = etags
        self._seqs = seqs
        self._bodies = bodies

    @overload
    def __getitem__(self, index: int) -> Document | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Document | None]: ...
    def __getitem__(self, index: int | slice) -> Document | Sequence[Document | None] | None:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        body = self._bodies[index]
        return None if body is None else document(self._etags.of(self._seqs[index]), body)

    def __len__(self) -> int:
        return len(self._bodies)


def document(etag: str, body: str) -> Document:
    """A document as the table has it."""
    return Document(orjson.loads(body), etag)


class Transaction:
    """The operations of one transaction, on the writer's thread; ``now`` is in seconds since 1970."""

    def __init__(
        self, connection: sqlite3.Connection, partition: Partition, now: float, etags: Etags
    ) -> None:
        self._connection = connection
        self._etags = etags
        self._place = (partition.container.name, partition.tenant_id, partition.key)
        self._now = now
        self._seq = 0
        self._bytes = 0

    def run(self, steps: Sequence[Step]) -> "Stored":
        (last,) = self._connection.execute(_TAKE_SEQUENCE, (len(steps),)).fetchone()
        seqs = range(last - len(steps) + 1, last + 1)
        bodies: list[str | None] = []
        for index, (step, self._seq) in enumerate(zip(steps, seqs, strict=True)):
            bodies.append(step(self, index))
        return Stored(self._etags, seqs, bodies)

    def create(self, index: int, body: "_Body") -> str:
        self._weigh(body)
        row = (
            *self._place,
            body.id,
            self._seq,
            body.kind,
            body.ttl,
            self._expiry(body.ttl),
            *body.columns,
            body.text,
        )
        try:
            self._connection.execute(_INSERT, row)
        except sqlite3.IntegrityError:
            expired = self._connection.execute(_DELETE_EXPIRED, (*self._place, body.id, self._now))
            if expired.rowcount == 0:
                raise DocumentExistsError(f"there is a document {body.id!r} already", index=index) from None
            self._connection.execute(_INSERT, row)
        return body.text

    def replace(self, index: int, body: "_Body", if_match: str | None) -> str:
        self._weigh(body)
        key, _, _ = self._find(index, body.id, if_match)
        expiry = self._expiry(body.ttl)
        self._connection.execute(
            _REPLACE, (self._seq, body.kind, body.ttl, expiry, *body.columns, body.text, key)
        )
        return body.text

    def patch(self, index: int, patch: Patch) -> str:
        key, text, ttl = self._find(index, patch.id, patch.if_match)
        body: dict[str, Json] = orjson.loads(text)
        for path, expected in patch.where.items():
            if not _equal(_value_at(body, path), expected):
                raise DocumentStaleError(f"{'.'.join(path)} of {patch.id!r} is not as expected", index=index)
        for path, value in patch.set.items():
            _parent(body, path)[path[-1]] = value
        for path, amount in patch.increment.items():
            parent, name = _parent(body, path), path[-1]
            if not _is_number(parent.get(name)):
                raise ValueError(f"{'.'.join(path)} of {patch.id!r} is not a number that can be incremented")
            parent[name] += amount
        encoded = _encode(body)
        if len(encoded) > MAX_TRANSACTION_BYTES:
            raise _too_large()
        text = encoded.decode()
        if ttl is None and not any(path[0] in COLUMNS for path in (*patch.set, *patch.increment)):
            self._connection.execute(_REPLACE_BODY, (self._seq, text, key))
        else:
            row = (self._seq, body["kind"], ttl, self._expiry(ttl), *_columns(body), text, key)
            self._connection.execute(_REPLACE, row)
        return text

    def delete(self, index: int, id: str, if_match: str | None) -> None:
        key, _, _ = self._find(index, id, if_match)
        self._connection.execute(_DELETE, (key,))

    def _weigh(self, body: "_Body") -> None:
        self._bytes += body.size
        if self._bytes > MAX_TRANSACTION_BYTES:
            raise _too_large()

    def _find(self, index: int, id: str, if_match: str | None) -> tuple[int, str, int | None]:
        """Key, body and ttl of the document, if it is there and as ``if_match`` says."""
        row = self._connection.execute(_FIND, (*self._place, id)).fetchone()
        if row is None or (row["expires_at"] is not None and row["expires_at"] <= self._now):
            raise DocumentMissingError(f"there is no document {id!r}", index=index)
        if if_match is not None and if_match != self._etags.of(row["seq"]):
            raise DocumentStaleError(f"{id!r} was changed in the meantime", index=index)
        return row["key"], row["body"], row["ttl"]

    def _expiry(self, ttl: int | None) -> float | None:
        return None if ttl is None else self._now + ttl


@dataclass(slots=True)
class _Body:
    """A body ready to be stored: stamped, checked and encoded."""

    id: str
    kind: str
    ttl: int | None
    columns: tuple[Any, ...]
    text: str
    size: int
    """Of the text, in bytes."""

    @classmethod
    def of(cls, partition: Partition, body: Mapping[str, Json], ttl: int | None) -> "_Body":
        for name, value in partition.stamps.items():
            if body.get(name, value) != value:
                raise ValueError(f"the body's {name} is {body[name]!r}, but it is stored under {value!r}")
        for name in ("id", "kind"):
            if not isinstance(body.get(name), str) or not body[name]:
                raise ValueError(f"a document needs a {name}, a string that is not empty")
        if ttl is not None and ttl <= 0:
            raise ValueError(f"a ttl is a positive number of seconds, not {ttl}")
        if len(body["id"].encode()) > MAX_ID_BYTES:
            raise TooLargeError(f"an id has at most {MAX_ID_BYTES} bytes, {body['id'][:40]!r}… has more")
        encoded = _encode({**body, **partition.stamps})
        return cls(body["id"], body["kind"], ttl, _columns(body), encoded.decode(), len(encoded))


def _checked(partition: Partition, patch: Patch) -> Patch:
    fixed = {"id", "kind", *partition.stamps}
    for path in (*patch.set, *patch.increment):
        if not path or path[0] in fixed:
            raise ValueError(f"a patch cannot change {'.'.join(path) or 'a whole document'}")
    # A copy in JSON's own types: what is stored does not follow what the caller does with its values.
    return Patch(
        id=patch.id,
        set={path: orjson.loads(_encode(value)) for path, value in patch.set.items()},
        increment=dict(patch.increment),
        where=dict(patch.where),
        if_match=patch.if_match,
    )


def _too_large() -> TooLargeError:
    return TooLargeError("the transaction is too large: documents and transactions have at most 2 MB")


def _encode(value: Json) -> bytes:
    try:
        return orjson.dumps(value, option=_JSON)
    except TypeError as error:
        raise ValueError(f"not JSON: {error}") from error


def _columns(body: Mapping[str, Json]) -> tuple[Any, ...]:
    return tuple([value if value is None else _column(value) for value in map(body.get, COLUMNS)])


def _column(value: Json) -> str | int | float | None:
    if isinstance(value, str):
        return value
    return sql_number(value) if _is_number(value) else None


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def sql_number(value: float) -> float:
    """``value`` as SQLite has it: integers beyond 64 bits are floating, as ``json_extract`` reads them."""
    return value if -_INT64 <= value < _INT64 else float(value)


def _parent(body: dict[str, Json], path: Path) -> dict[str, Json]:
    parent = _value_at(body, path[:-1])
    if isinstance(parent, dict):
        return parent
    raise ValueError(f"there is no object at {'.'.join(path[:-1])} for the patch to change")


class _Missing:
    """What stands at a path where nothing stands: equal to no value, not even null."""


def _value_at(body: Json, path: Path) -> Json:
    for name in path:
        if not isinstance(body, dict) or name not in body:
            return _Missing
        body = body[name]
    return body


def _equal(one: Json, other: Json) -> bool:
    """Equality of JSON values: Python alone would take true for 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)
