r"""How a document of the port stands in Cosmos DB, and back.

The service keeps fields of its own in a document (``_etag``, ``_ts``, ``ttl`` …) and takes no ``/ \ ? #`` in
an id, so names and ids that would clash are escaped. Every stored document also carries the transaction that
wrote it last and its place therein (``_w``): the order of the change feed within a transaction, and how a
write whose answer was lost is recognised.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from shared.adapters.cosmos.containers import TENANT_FIELD
from shared.domain.errors import TooLargeError
from shared.ports.documents import MAX_ID_BYTES, Container, Document, Json, Path

WRITE = "_w"
ETAG = "_etag"
LSN = "_lsn"

type CommitOrder = tuple[int, int]
"""A transaction's number in its physical partition, and a place in that transaction."""

_ESCAPED_NAME = "_u"
_PAIRS = {c: pair[0] + "01"[place] for pair in ('"#', "./", ">?", "[\\") for place, c in enumerate(pair)}
# A last space is refused, too; the neighbour that stands for it comes after it.
_ESCAPES = str.maketrans(_PAIRS | {" ": "!0", "!": "!1"})
_PLAIN = {escape: plain for plain, escape in [*_PAIRS.items(), (" ", "!0"), ("!", "!1")]}
_ESCAPE = re.compile(r'["!.>\[][01]')
_UNSAFE_IN_PATH = re.compile(r'["\\\x00-\x1f]')
_JSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


def commit_order(stored: Mapping[str, Json]) -> CommitOrder:
    """Where a document of a change feed stands in the order of commits.

    The documents of one transaction share their ``_lsn``, and the service promises no order among them. What
    other stores hand over has no such marks: all of it compares as equal, and a sort leaves it as it is.
    """
    return stored.get(LSN, 0), int(str(stored.get(WRITE, "")).partition(":")[2] or 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A logical partition."""

    container: Container
    tenant_id: str
    key: str

    @property
    def stamps(self) -> dict[str, str]:
        """The fields that every body in the partition carries."""
        return {TENANT_FIELD: self.tenant_id, self.container.partition_field: self.key}

    @property
    def partition_key(self) -> list[str]:
        """The whole hierarchical key.

        Raises:
            ValueError: a part is empty: the service would take the rest for a prefix of many partitions.
        """
        if not self.tenant_id or not self.key:
            raise ValueError("a partition is named by a tenant and a key, neither of them empty")
        return [self.tenant_id, self.key]


def escaped_id(id: str) -> str:
    """The id as it is stored; escaped ids are in the order of the plain ones.

    A character that is refused shares its escape's first half with its neighbour among the code points, which
    is escaped, too: that keeps the order. ``a/b`` is stored as ``a.1b``, ``a.b`` as ``a.0b``.

    Raises:
        TooLargeError: it is longer than an id may be.
    """
    if len(id.encode()) > MAX_ID_BYTES:  # escaped, it is within the service's 1023
        raise TooLargeError(f"an id has at most {MAX_ID_BYTES} bytes, {id[:40]!r}… has more")
    return id.translate(_ESCAPES)


def plain_id(stored: str) -> str:
    return _ESCAPE.sub(lambda match: _PLAIN[match[0]], stored)


def escaped_name(name: str) -> str:
    """The name of a body's own field as it is stored: never one of the service's or of this adapter's."""
    return _ESCAPED_NAME + name if name == "ttl" or name.startswith("_") else name


def unescaped(path: str) -> str:
    """SQL for the plain id at ``path``, where an escaped one is stored."""
    # A character that escapes comes last: undone earlier, it would seem to escape what follows it.
    for escape, plain in sorted(_PLAIN.items(), key=lambda one: one[1] == one[0][0]):
        path = f"REPLACE({path}, {literal(escape)}, {literal(plain)})"
    return path


def reference(path: Path) -> str:
    """SQL for a place in a document.

    Raises:
        ValueError: a name that cannot be in a path.
    """
    if not path or any(not name or _UNSAFE_IN_PATH.search(name) for name in path):
        raise ValueError(f"names in a path are not empty and have no quote, backslash or control: {path!r}")
    names = (escaped_name(path[0]), *path[1:])
    return "c" + "".join(f"[{literal(name)}]" for name in names)


def pointer(path: Path) -> str:
    """A patch's JSON pointer (RFC 6901) to a place in a document."""
    names = (escaped_name(path[0]), *path[1:])
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


def literal(value: Json) -> str:
    """A constant in SQL: its constants are JSON's."""
    return encoded(value).decode()


def encoded(value: Json) -> bytes:
    """JSON.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return orjson.dumps(value, option=_JSON)
    except TypeError as error:
        raise ValueError(f"not JSON: {error}") from error


def copied(value: Json) -> Json:
    """A copy in JSON's own types: what is stored does not follow what the caller does with its values."""
    return orjson.loads(encoded(value))


def stored_body(place: Place, body: Mapping[str, Json], *, ttl: int | None, write: str) -> dict[str, Json]:
    """The body as it is sent.

    Raises:
        ValueError: as ``Documents.transact`` says.
    """
    stamps = place.stamps
    for name, value in stamps.items():
        if body.get(name, value) != value:
            raise ValueError(f"the body's {name} is {body[name]!r}, but it is stored under {value!r}")
    for name in ("id", "kind"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise ValueError(f"a document needs a {name}, a string that is not empty")
    if ttl is not None and ttl <= 0:
        raise ValueError(f"a ttl is a positive number of seconds, not {ttl}")
    plain = copied({**body, **stamps})
    stored = {escaped_name(name): value for name, value in plain.items()}
    stored["id"] = escaped_id(plain["id"])
    stored[WRITE] = write
    if ttl is not None:
        stored["ttl"] = ttl
    return stored


def document(stored: Mapping[str, Json]) -> Document:
    """The document as the port has it."""
    body = {
        name.removeprefix(_ESCAPED_NAME): value
        for name, value in stored.items()
        if name.startswith(_ESCAPED_NAME) or not (name.startswith("_") or name == "ttl")
    }
    body["id"] = plain_id(body["id"])
    return Document(body, stored[ETAG])
