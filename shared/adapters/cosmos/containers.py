"""The containers as Cosmos DB must have them: partition keys, time to live, and what is indexed.

Nothing is indexed but what is queried, so that a write costs no more than it has to. A list's order is served
by a composite index of exactly its fields, the partition's field and the id, all in one direction; Cosmos DB
reads it backwards for the opposite one. The infrastructure's templates declare the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from shared.ports.documents import COUNTERS, EXECUTIONS, REGISTRY, TENANCY, Container, Path

TENANT_FIELD = "tenant_id"

KEEP_UNLESS_SAID = -1
"""``defaultTtl``: documents expire only if they have a ``ttl`` of their own."""

ELEMENTS = "[]"
"""In a path: every element of the array."""

type Order = tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True)
class ContainerDefinition:
    """``fields`` are what queries filter by, ``orders`` what they sort by, beside partition and id."""

    container: Container
    fields: Sequence[Path] = ()
    orders: Sequence[Order] = ()

    @property
    def partition_key_paths(self) -> list[str]:
        """Hierarchical: a tenant's documents are one prefix, an aggregate's are one full key."""
        return [f"/{TENANT_FIELD}", f"/{self.container.partition_field}"]

    @property
    def indexing_policy(self) -> dict[str, Any]:
        """In the form of the service's REST API and of its resource templates."""
        base = [(TENANT_FIELD,), (self.container.partition_field,), ("id",), ("kind",)]
        sorted_by = [path for order in self.orders for path, _ in order]
        included = dict.fromkeys([*base, *self.fields, *sorted_by])
        composites = [self._composite(part, order) for order in [(), *self.orders] for part in _parts(order)]
        return {
            "indexingMode": "consistent",
            "automatic": True,
            "includedPaths": [{"path": _indexed(path)} for path in included],
            "excludedPaths": [{"path": "/*"}],
            "compositeIndexes": [one for n, one in enumerate(composites) if one not in composites[:n]],
        }

    def _composite(self, part: Order, order: Order) -> list[dict[str, str]]:
        ties = order[-1][1] if order else "asc"
        named = {path for path, _ in part}
        last = [path for path in ((self.container.partition_field,), ("id",)) if path not in named]
        whole = [*part, *((path, ties) for path in last)]
        return [{"path": _pointer(path), "order": _WAYS[way]} for path, way in whole]


_WAYS = {"asc": "ascending", "desc": "descending"}


def _parts(order: Order) -> list[Order]:
    """The order and what is left of it for documents that lack some of its fields."""
    return [part for length in range(len(order), -1, -1) for part in combinations(order, length)]


def _pointer(path: Path) -> str:
    return "/" + "/".join(path)


def _indexed(path: Path) -> str:
    return f"{_pointer(path)}/?"


def _by(*fields: str) -> list[Order]:
    return [(((field,), "asc"),) for field in fields]


_AUDIT: Sequence[Path] = [("principal",), ("action",)]
"""What audit records are filtered by, besides their time."""

DEFINITIONS = (
    ContainerDefinition(
        REGISTRY,
        fields=[
            *[("status",), ("label_pairs", ELEMENTS), ("search",), ("actions", ELEMENTS), ("created_by",)],
            *[("secrets", ELEMENTS), ("modules", ELEMENTS)],
            *_AUDIT,
        ],
        orders=_by("name", "created_at", "updated_at", "version"),
    ),
    ContainerDefinition(
        EXECUTIONS,
        fields=[
            *[("status",), ("load",), ("intent",), ("intent_id",), ("parent", "execution_id"), ("dry_run",)],
            *[("modules", ELEMENTS), ("approval", "status")],
            *_AUDIT,
        ],
        orders=[*_by("created_at"), ((("approval", "since"), "asc"),)],
    ),
    ContainerDefinition(
        TENANCY,
        fields=[
            *[("user",), ("status",), ("line",), ("roles", ELEMENTS), ("issuer",), ("subject",)],
            *_AUDIT,
        ],
        orders=_by("name", "created_at", "due", "number"),
    ),
    ContainerDefinition(COUNTERS, orders=_by("date")),
)
"""Every container of the database, with what the services' lists filter and sort by."""
