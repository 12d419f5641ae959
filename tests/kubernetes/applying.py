"""Server-side apply: who manages which fields, conflicts, and what goes when nobody wants it any more.

The rules are those of kubernetes.io/docs/reference/using-api/server-side-apply: a manager's applied fields
replace those that it applied before; a field that another manager has with another value is a conflict; a
field that the last manager lets go of is removed. Lists of the kinds below are maps by their keys.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

type Path = tuple[Any, ...]
"""Field names, and for an item of a list that is a map, the tuple of its keys' values."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
}
"""Lists that are maps, by their field, with their keys (``x-kubernetes-list-map-keys``)."""
IDENTITY = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}


class ConflictError(Exception):
    """``conflicts``: the fields and who manages them."""

    def __init__(self, conflicts: list[tuple[str, str]]) -> None:
        super().__init__(conflicts)
        self.conflicts = conflicts


def apply(
    live: dict[str, Any] | None,
    managed: Mapping[str, frozenset[Path]],
    manager: str,
    config: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, frozenset[Path]]]:
    """The object after ``manager`` has applied ``config``, and who manages what then.

    Raises:
        ConflictError: others manage some of the fields, with other values.
    """
    wanted = frozenset(fields(config)) - IDENTITY
    result = copy.deepcopy(live) if live is not None else {}
    conflicts = [
        (shown(path), other)
        for other, theirs in managed.items()
        if other != manager
        for path in sorted(wanted & theirs, key=str)
        if value(result, path) != value(config, path)
    ]
    if conflicts:
        raise ConflictError(conflicts)
    others = frozenset().union(*(theirs for other, theirs in managed.items() if other != manager))
    for path in sorted(managed.get(manager, frozenset()) - wanted - others, key=len):
        remove(result, path)  # an item before its parts, by which it is found
    merge(result, config)
    return result, {**managed, manager: wanted}


def fields(of: Any, at: Path = (), name: str = "") -> Iterator[Path]:
    """The leaves of an object; a list that is no map is one, and so is what is empty."""
    if isinstance(of, Mapping) and of:
        for key, item in of.items():
            yield from fields(item, (*at, key), key)
    elif keys := keys_of(name, of):
        for item in of:
            own = (*at, tuple(item.get(key) for key in keys))
            yield own
            for key, part in item.items():
                yield from fields(part, (*own, key), key)
    else:
        yield at


def keys_of(name: str, of: Any) -> tuple[str, ...]:
    """The keys of a list that is a map."""
    if not isinstance(of, list) or not of or not all(isinstance(item, Mapping) for item in of):
        return ()
    if name == "ports":
        return ("containerPort", "protocol") if "containerPort" in of[0] else ("port", "protocol")
    return KEYS.get(name, ())


def value(of: Any, path: Path) -> Any:
    """What stands at ``path``; of an item of a list, that it is there."""
    name = ""
    for part in path:
        if isinstance(part, tuple):
            of = item_of(of, name, part)
        else:
            of = of.get(part) if isinstance(of, Mapping) else None
            name = part
    return True if path and isinstance(path[-1], tuple) and of is not None else of


def item_of(items: Any, name: str, key: tuple[Any, ...]) -> Any:
    for item in items if isinstance(items, list) else ():
        if tuple(item.get(one) for one in keys_of(name, items)) == key:
            return item
    return None


def remove(of: dict[str, Any], path: Path) -> None:
    """Take away what stands at ``path``, and what is empty then."""
    if value(of, path) is None:
        return
    if isinstance(path[-1], tuple):
        items = value(of, path[:-1])
        items.remove(item_of(items, path[-2], path[-1]))
    else:
        parent = _container(of, path[:-1])
        if parent is not None:
            parent.pop(path[-1], None)
    for end in range(len(path) - 1, 1, -1):
        if value(of, path[:end]) in ({}, []):
            remove(of, path[:end])


def _container(of: Any, path: Path) -> Any:
    name = ""
    for part in path:
        of = item_of(of, name, part) if isinstance(part, tuple) else of.get(part)
        name = part if isinstance(part, str) else name
        if of is None:
            return None
    return of


def merge(into: dict[str, Any], config: Mapping[str, Any]) -> None:
    for key, item in config.items():
        mine = into.get(key)
        if isinstance(item, Mapping) and isinstance(mine, dict):
            merge(mine, item)
        elif (keys := keys_of(key, item)) and isinstance(mine, list):
            for one in item:
                found = next((it for it in mine if all(it.get(k) == one.get(k) for k in keys)), None)
                if found is None:
                    mine.append(copy.deepcopy(one))
                else:
                    merge(found, one)
        else:
            into[key] = copy.deepcopy(item)


def shown(path: Path) -> str:
    """As Kubernetes spells it in conflicts: ``.spec.template.spec.containers[name="web"].image``."""
    return "".join(f"[{part}]" if isinstance(part, tuple) else f".{part}" for part in path)
