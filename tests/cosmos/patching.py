"""Partial update as Cosmos DB does it ("Partial document update in Azure Cosmos DB")."""

import copy
from typing import Any

from tests.cosmos.protocol import RefusedError

MAX_PATCHES = 10


def patched(body: dict[str, Any], resource: dict[str, Any], *, fixed: set[str]) -> dict[str, Any]:
    """``body`` with the operations of a patch applied; ``fixed`` names the fields that cannot be changed."""
    operations = resource.pop("operations")
    if resource:
        raise RefusedError(400, f"unknown in a patch: {sorted(resource)}")
    if not 1 <= len(operations) <= MAX_PATCHES:
        raise RefusedError(400, f"a patch has 1 to {MAX_PATCHES} operations, not {len(operations)}")
    changed = copy.deepcopy(body)
    for operation in operations:
        if unknown := operation.keys() - {"op", "path", "value"}:
            raise RefusedError(400, f"unknown in a patch operation: {sorted(unknown)}")
        names = _names(operation["path"])
        if names[0] in fixed:
            raise RefusedError(400, f"{operation['path']} cannot be patched")
        _apply(changed, operation["op"], names, operation)
    return changed


def _names(path: str) -> list[str]:
    """A JSON pointer's names (RFC 6901)."""
    if not path.startswith("/"):
        raise RefusedError(400, f"not a path: {path!r}")
    return [name.replace("~1", "/").replace("~0", "~") for name in path[1:].split("/")]


def _apply(body: Any, op: str, names: list[str], operation: dict[str, Any]) -> None:
    parent = body
    for name in names[:-1]:
        parent = _child(parent, name, operation["path"])
    leaf = names[-1]
    match op:
        case "set" if isinstance(parent, list):
            parent[_index(parent, leaf, operation["path"])] = operation["value"]
        case "set" if isinstance(parent, dict):
            parent[leaf] = operation["value"]
        case "incr" if isinstance(parent, dict):
            _increment(parent, leaf, operation)
        case "remove" if isinstance(parent, dict) and leaf in parent:
            del parent[leaf]
        case "set" | "incr" | "remove":
            raise RefusedError(400, f"nothing stands at {operation['path']}")
        case _:
            raise RefusedError(501, f"this server knows no patch operation {op!r}")


def _child(parent: Any, name: str, path: str) -> Any:
    if isinstance(parent, list):
        return parent[_index(parent, name, path)]
    if isinstance(parent, dict) and name in parent:
        return parent[name]
    raise RefusedError(400, f"no path found beyond {name!r} of {path}")


def _index(array: list[Any], name: str, path: str) -> int:
    if not name.isdecimal() or int(name) >= len(array):
        raise RefusedError(400, f"{path} is not in the array")
    return int(name)


def _increment(parent: dict[str, Any], leaf: str, operation: dict[str, Any]) -> None:
    present = parent.get(leaf, 0)  # a missing field is made: so says the documentation
    if not isinstance(present, int | float) or isinstance(present, bool):
        raise RefusedError(400, f"{operation['path']} is not a number")
    parent[leaf] = present + operation["value"]
