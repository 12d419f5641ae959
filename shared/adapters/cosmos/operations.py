"""From a transaction of the documents port to a transactional batch, and from refusals to its errors."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from azure.cosmos.exceptions import CosmosBatchOperationError

from shared.adapters.cosmos.bodies import (
    WRITE,
    Place,
    copied,
    document,
    encoded,
    escaped_id,
    literal,
    pointer,
    reference,
    stored_body,
)
from shared.domain.errors import (
    DocumentExistsError,
    DocumentMissingError,
    DocumentStaleError,
    TooLargeError,
)
from shared.ports.documents import (
    MAX_OPERATIONS,
    MAX_TRANSACTION_BYTES,
    Create,
    Delete,
    Document,
    Json,
    Operation,
    Patch,
    Path,
    Replace,
)

MAX_CHANGES = 10
"""Most changes in one patch (Cosmos DB's limit). The stamp of the write takes one."""

_NOWHERE = "/_nowhere"

type Entry = tuple[str, tuple[Any, ...], dict[str, Any]]
"""An operation as the SDK takes it: name, arguments, conditions."""


@dataclass(slots=True)
class Batch:
    """A transaction ready to be sent."""

    place: Place
    id: str
    operations: Sequence[Operation]
    entries: list[Entry] = field(default_factory=list[Entry])
    last: list[int] = field(default_factory=list[int])
    """Of each operation, the place of its last entry."""

    @property
    def standing(self) -> set[str]:
        """Ids, as stored, of the documents that the transaction leaves written by it."""
        stands: dict[str, bool] = {}
        for name, arguments, _ in self.entries:
            stands[arguments[0]["id"] if name == "create" else arguments[0]] = name != "delete"
        return {written for written, standing in stands.items() if standing}

    @property
    def refuses_itself(self) -> bool:
        """Whether a second application, after a first, is certainly refused."""
        standing = self.standing
        return any(
            "if_match_etag" in conditions or (name == "create" and arguments[0]["id"] in standing)
            for name, arguments, conditions in self.entries
        )

    def wrote(self, stored: Mapping[str, Json]) -> bool:
        """Whether a stored document was last written by this transaction."""
        return str(stored.get(WRITE, "")).partition(":")[0] == self.id

    def documents(self, results: Sequence[Mapping[str, Any]]) -> list[Document | None]:
        """What the port returns, from the results of the entries."""
        return [
            None if isinstance(operation, Delete) else document(results[last]["resourceBody"])
            for operation, last in zip(self.operations, self.last, strict=True)
        ]

    def operation_of(self, entry: int) -> int:
        return next(index for index, last in enumerate(self.last) if entry <= last)


def prepare(place: Place, operations: Sequence[Operation]) -> Batch:
    """Check and encode ``operations``.

    Raises:
        ValueError: as ``Documents.transact`` says, or patches of so many fields that they do not fit.
        TooLargeError: more than the service takes at once.
    """
    if not 1 <= len(operations) <= MAX_OPERATIONS:
        raise ValueError(f"a transaction has 1 to {MAX_OPERATIONS} operations, not {len(operations)}")
    batch = Batch(place, secrets.token_urlsafe(9), operations)
    for index, operation in enumerate(operations):
        batch.entries += _entries(place, operation, f"{batch.id}:{index}")
        batch.last.append(len(batch.entries) - 1)
    if len(batch.entries) > MAX_OPERATIONS:
        raise ValueError(
            f"a transaction has at most {MAX_OPERATIONS} operations, and a patch of more than"
            f" {MAX_CHANGES - 1} fields counts as several: these are {len(batch.entries)}"
        )
    if sum(len(encoded(arguments)) for _, arguments, _ in batch.entries) > MAX_TRANSACTION_BYTES:
        raise too_large()
    return batch


def _entries(place: Place, operation: Operation, write: str) -> list[Entry]:
    match operation:
        case Create(body, ttl):
            return [("create", (stored_body(place, body, ttl=ttl, write=write),), {})]
        case Replace(body, if_match, ttl):
            stored = stored_body(place, body, ttl=ttl, write=write)
            return [("replace", (stored["id"], stored), _if_match(if_match))]
        case Delete(id, if_match):
            return [("delete", (escaped_id(id),), _if_match(if_match))]
        case Patch():
            return _patches(place, operation, write)


def _if_match(etag: str | None) -> dict[str, Any]:
    return {} if etag is None else {"if_match_etag": etag}


def _patches(place: Place, patch: Patch, write: str) -> list[Entry]:
    fixed = {"id", "kind", *place.stamps}
    for path in (*patch.set, *patch.increment):
        if not path or path[0] in fixed:
            raise ValueError(f"a patch cannot change {'.'.join(path) or 'a whole document'}")
    stamp = {"op": "set", "path": f"/{WRITE}", "value": write}
    changes = [
        {"op": "set", "path": pointer(path), "value": copied(value)} for path, value in patch.set.items()
    ]
    changes += [{"op": "incr", "path": pointer(path), "value": by} for path, by in patch.increment.items()]
    conditions = _if_match(patch.if_match)
    if predicate := [*_expected(patch), *_shape(patch)]:
        conditions["filter_predicate"] = _from(" AND ".join(predicate))
    stored = escaped_id(patch.id)
    parts = list(batched(changes, MAX_CHANGES - 1, strict=False)) or [()]
    return [
        ("patch", (stored, [stamp, *part]), conditions if number == 0 else {})
        for number, part in enumerate(parts)
    ]


def _expected(patch: Patch) -> list[str]:
    """SQL for ``where``."""
    return [f"{reference(path)} = {_expected_value(path, value)}" for path, value in patch.where.items()]


def _expected_value(path: Path, value: Json) -> str:
    return literal(escaped_id(value) if path == ("id",) and isinstance(value, str) else value)


def _shape(patch: Patch) -> list[str]:
    """SQL for what the fields must be that are changed.

    The service itself would make a number that is missing, and take a name for an array's index.
    """
    parents = dict.fromkeys(path[:-1] for path in (*patch.set, *patch.increment) if path[1:])
    objects = [f"IS_OBJECT({reference(path)})" for path in parents]
    return [*objects, *(f"IS_NUMBER({reference(path)})" for path in patch.increment)]


def _from(condition: str) -> str:
    return f"FROM c WHERE {condition}"


def question(batch: Batch, index: int) -> list[Entry] | None:
    """A batch that stores nothing and tells why the condition of operation ``index`` did not hold.

    It fails with 400 if the patch cannot be applied to the document, else with 412. None: there is only one
    reason.
    """
    patch = batch.operations[index]
    if not isinstance(patch, Patch) or not _shape(patch):
        return None
    first = batch.last[index - 1] + 1 if index else 0
    predicate = " AND ".join([*_expected(patch), f"NOT ({' AND '.join(_shape(patch))})"])
    asked = {**_if_match(patch.if_match), "filter_predicate": _from(predicate)}
    impossible = [{"op": "remove", "path": _NOWHERE}]
    return [*batch.entries[:first], ("patch", (escaped_id(patch.id), impossible), asked)]


def refusal(batch: Batch, error: CosmosBatchOperationError, *, index: int) -> Exception:
    """The port's error for operation ``index`` of a batch that the service refused; else ``error`` itself."""
    operation = batch.operations[index]
    subject = operation.body["id"] if isinstance(operation, Create | Replace) else operation.id
    match error.status_code:
        case 409:
            return DocumentExistsError(f"there is a document {subject!r} already", index=index)
        case 404:
            return DocumentMissingError(f"there is no document {subject!r}", index=index)
        case 412:
            return DocumentStaleError(f"{subject!r} was changed in the meantime", index=index)
        case 413:
            return too_large()
        case 400 if isinstance(operation, Patch):
            return unfit(operation)
    return error


def too_large() -> TooLargeError:
    return TooLargeError("the transaction is too large: documents and transactions have at most 2 MB")


def unfit(patch: Patch) -> ValueError:
    """A path without an object to stand in, or an increment of what is not a number."""
    paths = [".".join(path) for path in (*patch.increment, *(path for path in patch.set if path[1:]))]
    return ValueError(f"{patch.id!r} has not the objects and numbers for a patch of {', '.join(paths)}")
