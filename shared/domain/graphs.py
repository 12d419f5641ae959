"""Directed graphs of named things, as mappings from each to what it waits for."""

from collections.abc import Collection, Mapping


def find_cycle(waits_for: Mapping[str, Collection[str]]) -> list[str]:
    """One cycle, each node waiting for the next and the last for the first; empty if there is none.

    Nodes that are waited for without being in the mapping are taken as having no dependencies.
    """
    finished: set[str] = set()
    for root in waits_for:
        path: list[str] = []
        on_path: set[str] = set()
        # An explicit stack: a chain of a thousand steps is deeper than Python's recursion goes.
        stack = [(root, iter(sorted(waits_for[root])))] if root not in finished else []
        while stack:
            node, rest = stack[-1]
            if node not in on_path:
                path.append(node)
                on_path.add(node)
            following = next(rest, None)
            if following is None:
                stack.pop()
                path.pop()
                on_path.discard(node)
                finished.add(node)
            elif following in on_path:
                return path[path.index(following) :]
            elif following not in finished:
                stack.append((following, iter(sorted(waits_for.get(following, ())))))
    return []


def topological(waits_for: Mapping[str, Collection[str]]) -> list[str]:
    """The nodes, each after everything it waits for; otherwise in the mapping's order.

    Raises:
        ValueError: there is a cycle.
    """
    order: list[str] = []
    missing = {node: len(set(needed)) for node, needed in waits_for.items()}
    dependents: dict[str, list[str]] = {node: [] for node in waits_for}
    for node, needed in waits_for.items():
        for dependency in set(needed):
            dependents[dependency].append(node)
    ready = [node for node, count in missing.items() if not count]
    while ready:
        order += ready
        following: list[str] = []
        for node in ready:
            for dependent in dependents[node]:
                missing[dependent] -= 1
                if not missing[dependent]:
                    following.append(dependent)
        ready = following
    if len(order) != len(waits_for):
        raise ValueError("the graph has a cycle")
    return order
