"""Entity locks: who may operate on an entity now. In memory; the rows are written by the engine's commits.

An orchestration locks a set of entities. The whole set is granted at once, in the order of the requests,
after the operations that were there before it have run. While an entity is locked, only calls of the
holder are let through.
"""

from collections.abc import Callable, Iterable, Sequence

from localhost.durable.model import LockRequest, Message


class LockTable:
    def __init__(self) -> None:
        self._held: dict[str, LockRequest] = {}
        self._waiting: dict[int, LockRequest] = {}

    def load(self, held: Iterable[LockRequest], waiting: Iterable[LockRequest]) -> None:
        self._held = {lock.lock_set[0]: lock for lock in held}
        self._waiting = {request.id: request for request in waiting}

    def holder(self, entity_id: str) -> str | None:
        """The instance that holds the lock of ``entity_id``."""
        lock = self._held.get(entity_id)
        return None if lock is None else lock.instance_id

    def admit(self, entity_id: str, messages: Sequence[Message]) -> list[Message]:
        """Those of ``messages`` that may run now."""
        lock = self._held.get(entity_id)
        if lock is not None:
            return [m for m in messages if _caller(m) == lock.instance_id]
        barriers = [r.id for r in self._waiting.values() if entity_id in r.lock_set and self._free(r)]
        if not barriers:
            return list(messages)
        # What came after a request that only waits for the entities to come to rest, waits with it;
        # a request that waits for another holder holds nobody back, or the two could wait for each other.
        return [m for m in messages if m.id < min(barriers)]

    def _free(self, request: LockRequest) -> bool:
        return not any(entity in self._held for entity in request.lock_set)

    def request(self, request: LockRequest) -> None:
        self._waiting[request.id] = request

    def take(self, oldest: Callable[[str], int | None]) -> list[LockRequest]:
        """Take every request that can be granted now off the queue and hold its set.

        ``oldest`` gives the id of the oldest operation waiting or running on an entity.
        """
        granted: list[LockRequest] = []
        ahead: set[str] = set()
        for request in list(self._waiting.values()):
            blocked = ahead.intersection(request.lock_set) or not self._free(request)
            if blocked or any(_before(oldest(e), request.id) for e in request.lock_set):
                ahead.update(request.lock_set)
                continue
            del self._waiting[request.id]
            self._held.update(dict.fromkeys(request.lock_set, request))
            granted.append(request)
        return granted

    def release(self, entity_id: str, critical_section: str) -> list[str]:
        """Unlock one entity; the entities whose operations may go on."""
        lock = self._held.get(entity_id)
        if lock is None or lock.critical_section != critical_section:
            return []
        del self._held[entity_id]
        return [entity_id]

    def release_all(self, instance_id: str) -> list[str]:
        """Forget every lock and request of an instance; the entities whose operations may go on."""
        freed = [entity for entity, lock in self._held.items() if lock.instance_id == instance_id]
        for entity in freed:
            del self._held[entity]
        for request in [r for r in self._waiting.values() if r.instance_id == instance_id]:
            del self._waiting[request.id]
            freed.extend(request.lock_set)
        return freed

    @property
    def contended(self) -> bool:
        return bool(self._waiting)

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._held


def _before(oldest: int | None, request_id: int) -> bool:
    return oldest is not None and oldest < request_id


def _caller(message: Message) -> str | None:
    operation = message.events[0]
    if not operation.HasField("entityOperationCalled"):
        return None
    return operation.entityOperationCalled.parentInstanceId.value
