"""The documents port: tenant-partitioned JSON documents, transactions, queries and change feeds.

A document is a JSON object with an ``id`` that is unique in its partition and a ``kind``, both strings that
are not empty. A partition is ``(container, tenant, key)``: one aggregate, the unit of a transaction and of a
change feed. The adapter stamps ``tenant_id`` and the container's partition field into every body it stores
and refuses a body that claims another tenant or partition. Nothing is stored under a key that is empty
(ValueError); tenants' ids never begin with ``_``, which leaves such partitions to adapters for themselves.

Values are compared as JSON: values of different types are never equal, and none stands in a range (``<``)
of another type; strings are in the order of their code points. true is not 1, null is not a missing field.
Numbers may be kept as IEEE 754 doubles: an integer beyond 2^53 may come back as its neighbour, so what must
be exact is a string.

A read may lag behind what another process has written a moment ago; what this process wrote or read, it
reads again, and with it all that was written before in that partition. So nothing rests on a read being
fresh: conditional writes (``Create``, ``if_match``, ``where``) decide.

All methods raise :class:`~shared.domain.errors.UnavailableError` when the store cannot answer within its
patience (full disk, locked file, throttled, unreachable). After a write it may be in doubt whether it was
carried out: all of it was, or nothing. Sent again, one with a ``Create``, ``Delete`` or ``if_match``
finds out by its refusal. Patches alone may be applied twice: whoever increments, and must not count twice,
puts the ``Create`` of a marker beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, Never, Protocol

from shared.security.scope import TenantScope

type Json = Any
type Path = tuple[str, ...]
"""Where a value stands in a body: ``("labels", "team")``.

Its names are names of object fields: not empty, without quotes, backslashes and control characters.
"""
_NOTHING: Final[Mapping[Any, Never]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Container:
    """A set of partitions that are queried together.

    ``partition_field`` names the field of a body that holds its partition's key.
    """

    name: str
    partition_field: str


REGISTRY = Container("registry", "intent")
EXECUTIONS = Container("executions", "execution_id")
TENANCY = Container("tenancy", "scope")
COUNTERS = Container("counters", "key")
CONTAINERS = (REGISTRY, EXECUTIONS, TENANCY, COUNTERS)


@dataclass(frozen=True, slots=True)
class Document:
    """A stored body (never to be changed in place) and the etag of that state.

    Every write gives a new etag; none ever comes back, not even when a document is deleted and made again.
    """

    body: Mapping[str, Json]
    etag: str


@dataclass(frozen=True, slots=True)
class Create:
    """Store a new document.

    ``ttl`` is in seconds from its last write, a patch too; then it is as if deleted. None: it stays.
    """

    body: Mapping[str, Json]
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    """Put ``body`` in place of the document with its id; with ``if_match`` only if its etag is that.

    ``ttl`` is as in :class:`Create`; the old one does not live on.
    """

    body: Mapping[str, Json]
    if_match: str | None = None
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """Change fields of the document ``id`` without reading it.

    ``set`` puts values, ``increment`` adds numbers to present numbers. ``where`` names fields that must
    have these values, or the transaction is refused as stale; it is looked at before anything is changed.
    A path's parents must be objects that exist. ``id``, ``kind``, ``tenant_id`` and the partition's field
    cannot be patched. Patches without ``where`` and ``if_match`` never collide: each is applied to the state
    the one before left.
    """

    id: str
    set: Mapping[Path, Json] = _NOTHING
    increment: Mapping[Path, int] = _NOTHING
    where: Mapping[Path, Json] = _NOTHING
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the document ``id``; with ``if_match`` only if its etag is that."""

    id: str
    if_match: str | None = None


type Operation = Create | Replace | Patch | Delete

MAX_OPERATIONS = 100
"""Most operations in one transaction (Cosmos DB's limit; the same everywhere)."""
MAX_TRANSACTION_BYTES = 2 * 1024 * 1024
"""Of the JSON in one transaction, and of a document that patches make larger (likewise)."""
MAX_ID_BYTES = 500
"""Of a document's id: half of what Cosmos DB takes, for some characters are escaped there."""


@dataclass(frozen=True, slots=True)
class Where:
    """One condition of a query; all of a query's conditions must hold.

    ``value`` is a string, a number, a boolean or null; for ``in`` a sequence of those, and the field is one
    of them; for the ranges a string or a number, for ``text`` a string. ``contains``: the array at ``path``
    has the value. ``text``: the string at ``path`` has the value in it, whatever the case. A missing field
    satisfies no condition but ``!=``.
    """

    path: Path
    op: Literal["=", "!=", "<", "<=", ">", ">=", "in", "contains", "text"]
    value: Json


@dataclass(frozen=True, slots=True)
class Query:
    """Documents of one ``kind`` in a container (None: of all), of one partition or of all the tenant's.

    ``order`` is fields with direction. They hold strings or numbers; a missing or null one stands before
    every value. Ties are broken by partition and id in the direction of the last field (ascending without
    any), so that the order is total. A field to sort by is declared for its container
    (``shared/adapters/cosmos/containers.py``): Cosmos DB refuses what it has no index for. ``after`` is
    ``Page.after`` of the same query's page before; ``limit`` (at least 1) may change from page to page,
    nothing else.
    """

    container: Container
    kind: str | None
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
class Counts:
    """How many documents have each value: most first, values that are equally many in their own order.

    ``more`` is how many other values there are.
    """

    values: Sequence[tuple[str, int]]
    more: int


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
        """A page of what matches.

        A walk goes on behind the last document it showed: whatever is written between its pages, a document
        whose ``order`` fields stay as they are is never shown twice, nor left out if it matches all along.

        Raises:
            BadCursorError: ``after`` is not a continuation of this query, or it was altered.
            ValueError: a limit below 1, a value that cannot be compared, or a name that cannot be in a path.
        """
        ...

    async def count(self, scope: TenantScope, query: Query, *, by: Path, each: bool = False) -> Counts:
        """How many of the documents that match have each string at ``by``.

        With ``each`` there is an array, which has no string twice, and its elements are counted. What is not
        a string counts for nothing. ``query.limit`` is the most values to tell; its ``order`` and ``after``
        say nothing here. It takes the longer, the more documents match.

        Raises:
            ValueError: as :meth:`query`.
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
            TooLargeError: over MAX_TRANSACTION_BYTES, or an id over MAX_ID_BYTES; nothing is stored.
            ValueError: no operations, more than MAX_OPERATIONS, a body of another tenant or partition,
                without id or kind, or not JSON, a ttl below 1, a patch of a field that is fixed, has no
                parent or (to be incremented) is not a number.
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
        held back until there is a change to give or the time is over. A position is of its partition's feed,
        whatever the ``kind``, and outlives the process; nobody can read in it how much is written elsewhere.

        Raises:
            BadCursorError: ``after`` is not a position of this feed, or lies in its future.
            ValueError: a limit below 1.
        """
        ...
