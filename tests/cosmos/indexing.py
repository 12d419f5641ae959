"""What of a query Cosmos DB's index serves: whatever it does not, the service reads every document for.

Sources: "Indexing policies" and "Overview of indexing" (index usage) of Azure Cosmos DB. A condition is
served if each path in it is indexed and nothing is made of the path's value before it is compared:
``REPLACE`` and ``??`` are not for an index. ``ARRAY_CONTAINS`` and ``JOIN`` use the index of an array's
elements.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.cosmos.sql import ELEMENT, Call, Constant, Expression, Path, Select

COMPUTED = {"REPLACE", "??"}


def unserved(select: Select, policy: Mapping[str, Any]) -> list[str]:
    """What the conditions and the counting look at without an index."""
    each = select.counting.each if select.counting else None
    wanted = [*_paths(select.where, each)]
    if select.counting:
        wanted.append(_pointer(select.counting.by, each))
    return [f"{path} is not indexed" for path in dict.fromkeys(wanted) if not _included(path, policy)]


def unsorted(select: Select, policy: Mapping[str, Any]) -> str | None:
    """What is wrong with the order: one path is indexed, several have a composite index of their own."""
    order = [(_pointer(path, None), descending) for path, descending in select.order]
    if len(order) == 1 and not _included(order[0][0], policy):
        return f"{order[0][0]} is not indexed: nothing can be ordered by it"
    if len(order) < 2:
        return None
    for composite in policy.get("compositeIndexes", []):
        present = [(one["path"] + "/?", one.get("order") == "descending") for one in composite]
        if order in (present, [(path, not descending) for path, descending in present]):
            return None
    return f"there is no composite index that serves the order {order}"


def _included(path: str, policy: Mapping[str, Any]) -> bool:
    return not {path, "/*"}.isdisjoint(one["path"] for one in policy["includedPaths"])


def _paths(expression: Expression, each: Path | None) -> Iterator[str]:
    match expression:
        case Path():
            yield _pointer(expression, each)
        case Call("ARRAY_CONTAINS", (Path(names), _)):
            yield _pointer(Path((*names, "[]")), each)
        case Call(name, _) if name in COMPUTED:
            yield f"{name}(…)"
        case Call(_, parts):
            for part in parts:
                yield from _paths(part, each)
        case Constant():
            pass


def _pointer(path: Path, each: Path | None) -> str:
    names = path.names
    if each is not None and names[0] == ELEMENT:
        names = (*each.names, "[]", *names[1:])
    return "/" + "/".join(names) + "/?"
