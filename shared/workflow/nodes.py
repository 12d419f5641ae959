"""The nodes of a work that are left, and which of them may begin."""

from collections import deque
from collections.abc import Sequence

from shared.workflow.work import Node


class Nodes:
    """The nodes of one generation: each begins when those that it waits for have ended well."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._left = {node.key: node for node in nodes}
        self._begun: set[int] = set()
        self._waits = {node.key: set(node.after) for node in nodes}
        self._dependents: dict[int, list[int]] = {node.key: [] for node in nodes}
        for node in nodes:
            for key in node.after:
                self._dependents[key].append(node.key)
        self._ready = deque(node for node in nodes if not node.after)

    @property
    def ready(self) -> bool:
        """Whether there is one that may begin."""
        return bool(self._ready)

    def begin(self) -> Node:
        """The next that may begin: it has, now."""
        node = self._ready.popleft()
        self._begun.add(node.key)
        return node

    def take_owing(self) -> list[Node]:
        """Those that may begin and owe something of what an earlier generation has begun in them."""
        owing = [node for node in self._ready if any(lane.owes for lane in node.lanes)]
        for node in owing:
            self._ready.remove(node)
            self._begun.add(node.key)
        return owing

    def end(self, node: Node) -> list[str]:
        """Let what waited for the node begin; if a failure stopped it, the steps that never will."""
        del self._left[node.key]
        if node.stopped:
            return self._block(node.key)
        for key in self._dependents[node.key]:
            self._waits[key].discard(node.key)
            if key in self._left and not self._waits[key]:
                self._ready.append(self._left[key])
        return []

    def drop(self) -> list[str]:
        """Have no other begin: the steps of those that have not."""
        self._ready.clear()
        dropped = [node for key, node in self._left.items() if key not in self._begun]
        for node in dropped:
            del self._left[node.key]
        return [step for node in dropped for step in node.steps]

    def rest(self) -> list[Node]:
        """What is left, as the nodes of the next generation."""
        for node in self._left.values():
            node.after = sorted(self._waits[node.key])
        return list(self._left.values())

    def _block(self, stopped: int) -> list[str]:
        blocked: list[str] = []
        queue = deque(self._dependents[stopped])
        while queue:
            node = self._left.pop(queue.popleft(), None)
            if node is not None:
                blocked += node.steps
                queue.extend(self._dependents[node.key])
        return blocked
