"""The documents port: tenant-partitioned JSON documents, transactions, queries and change feeds.

A document is a JSON object with an ``id`` that is unique in its partition and a ``kind``. A partition is
``(container, tenant, key)``: one aggregate, the unit of a transaction and of a change feed. The adapter
stamps ``tenant_id`` and the container's partition field into every body it stores and refuses a body that
claims another tenant or partition.

All methods raise :class:`~shared.domain.errors.UnavailableError` when the store cannot answer within its
patience (full disk, locked file, throttled, unreachable): then nothing of a write is stored, or the write
is known to the caller's next conditional write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from shared.security.scope import TenantScope

type Json = Any
type Path = tuple[str, ...]
"""Where a value stands in a body: ``("labels", "team")``."""


@dataclass(frozen=True, slots=True)
class Container:
    """A set of partitions that are queried together. ``partition_field`` names the partition's key in a body."""

    name: str
    partition_field: str


REGISTRY = Container("registry", "intent")
EXECUTIONS = Container("executions", "execution_id")
TENANCY = Container("tenancy", "scope")
COUNTERS = Container("counters", "key")
CONTAINERS = (REGISTRY, EXECUTIONS, TENANCY, COUNTERS)


@dataclass(frozen=True, slots=True)
class Document:
    """A stored body (never to be changed in place) and the etag of that state."""

    body: Mapping[str, Json]
    etag: str


@dataclass(frozen=True, slots=True)
class Create:
    """Store a new document; ``ttl`` in seconds from now, after which it is as if deleted."""

    body: Mapping[str, Json]
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    """Put ``body`` in place of the document with its id; with ``if_match`` only if its etag is that."""

    body: Mapping[str, Json]
    if_match: str | None = None
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """Change fields of the document ``id`` without reading it.

    ``set`` puts values, ``increment`` adds numbers to present numbers. ``where`` names fields that must
    have these values, or the transaction is refused as stale. A path's parents must exist.
    """

    id: str
    set: Mapping[Path, Json] = field(default_factory=dict[Path, Json])
    increment: Mapping[Path, int] = field(default_factory=dict[Path, int])
    where: Mapping[Path, Json] = field(default_factory=dict[Path, Json])
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the document ``id``; with ``if_match`` only if its etag is that."""

    id: str
    if_match: str | None = None


type Operation = Create | Replace | Patch | Delete

MAX_OPERATIONS = 100
"""Most operations in one transaction (Cosmos DB's limit; the same everywhere)."""


@dataclass(frozen=True, slots=True)
class Where:
    """One condition of a query; all of a query's conditions must hold.

    ``contains``: the array at ``path`` has the value. ``text``: the string at ``path`` has the value in it, whatever the case.
    A missing field satisfies no condition but ``!=``.
    """

    path: Path
    op: Literal["=", "!=", "<", "<=", ">", ">=", "in", "contains", "text"]
    value: Json


@dataclass(frozen=True, slots=True)
class Query:
    """Documents of one ``kind`` in a container, of one partition or of all the tenant's.

    ``order`` is fields with direction; ties are broken by partition and id, so that the order is total.
    ``after`` is ``Page.after`` of the same query's page before.
    """

    container: Container
    kind: str
    partition: str | None = None
    where: Sequence[Where] = ()
    order: Sequence[tuple[Path, Literal["asc", "desc"]]] = ()
    limit: int = 50
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Documents in order; ``after`` continues behind the last, ``None`` when there are no more."""

    items: Sequence[Document]
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """A document as it was after a write; ``position`` resumes the feed behind it."""

    document: Document
    position: str


class Documents(Protocol):
    """Where the platform's documents are."""

    async def read(
        self, scope: TenantScope, *, container: Container, partition: str, id: str
    ) -> Document | None:
        """The document as it is now, or None (absent, expired, or another tenant's)."""
        ...

    async def query(self, scope: TenantScope, query: Query) -> Page:
        """A page of what matches. Pages of one walk never repeat a document, whatever is written between.

        Raises:
            BadCursorError: ``after`` is not a continuation of this query.
        """
        ...

    async def transact(
        self, scope: TenantScope, *, container: Container, partition: str, operations: Sequence[Operation]
    ) -> Sequence[Document | None]:
        """Apply all operations in order, or none; durable when it returns.

        Returns each document as stored (None for a delete). An operation sees those before it.

        Raises:
            DocumentExistsError: a create met a document of that id.
            DocumentMissingError: a replace, patch or delete met none.
            DocumentStaleError: an etag or ``where`` condition did not hold.
            ValueError: no operations, more than MAX_OPERATIONS, or a body of another tenant or partition.
        """
        ...

    async def changes(
        self,
        scope: TenantScope,
        *,
        container: Container,
        partition: str,
        after: str | None = None,
        kind: str | None = None,
        limit: int = 100,
        wait: float = 0,
    ) -> Sequence[Change]:
        """The partition's changes behind ``after`` (None: from its first), oldest first, in commit order.

        A document that changed several times may appear only in its last state; deletes do not appear;
        documents written once appear exactly once per walk. With ``wait`` (seconds) an empty answer is
        held back until something is committed or the time is over.

        Raises:
            BadCursorError: ``after`` is not a position of this feed.
        """
        ...
