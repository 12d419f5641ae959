"""Who waits for an instance to change: a future each, no thread and no polling."""

import asyncio


class Watchers:
    def __init__(self) -> None:
        self._futures: dict[str, set[asyncio.Future[None]]] = {}

    def notify(self, instance_id: str) -> None:
        for future in self._futures.pop(instance_id, ()):
            if not future.done():
                future.set_result(None)

    def next(self, instance_id: str) -> asyncio.Future[None]:
        """Resolves at the next change; ask for it before looking at the state, then nothing is missed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._futures.setdefault(instance_id, set()).add(future)
        return future

    def leave(self, instance_id: str, future: asyncio.Future[None]) -> None:
        waiting = self._futures.get(instance_id)
        if waiting is not None:
            waiting.discard(future)
            if not waiting:
                del self._futures[instance_id]
