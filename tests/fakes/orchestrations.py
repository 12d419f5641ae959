"""Orchestrations that are only written down."""

from datetime import datetime
from typing import Any

from shared.domain.errors import UnavailableError
from shared.ports.orchestrations import Orchestration


class RecordedOrchestrations:
    """Knows what was started, and what was raised for that.

    ``reachable`` False makes every call fail as the port says; while ``stubborn``, nothing that runs ends.
    """

    def __init__(self) -> None:
        self.started: dict[str, Any] = {}
        self.events: list[tuple[str, str, Any]] = []
        self.starters: list[str] = []
        self.purges: list[datetime] = []
        self.reachable = True
        self.stubborn = False

    @property
    def connected(self) -> bool:
        return bool(self.starters)

    def use(self, starter: str) -> None:
        self.starters.append(starter)

    async def start(self, *, instance_id: str, orchestrator: str, input: Any) -> None:
        self._reach()
        self.started.setdefault(instance_id, (orchestrator, input))

    async def status(self, *, instance_id: str) -> Orchestration | None:
        self._reach()
        return Orchestration(instance_id, "running") if instance_id in self.started else None

    async def raise_event(self, *, instance_id: str, name: str, data: Any = None) -> None:
        self._reach()
        if instance_id in self.started:
            self.events.append((instance_id, name, data))

    async def terminate(self, *, instance_id: str, reason: str) -> None:
        self.events.append((instance_id, "terminate", reason))

    async def suspend(self, *, instance_id: str, reason: str) -> None:
        self.events.append((instance_id, "suspend", reason))

    async def resume(self, *, instance_id: str, reason: str) -> None:
        self.events.append((instance_id, "resume", reason))

    async def purge(self, *, instance_id: str) -> None:
        self._reach()
        if not self.stubborn:
            self.started.pop(instance_id, None)

    async def purge_ended(self, *, created_before: datetime) -> bool:
        self._reach()
        self.purges.append(created_before)
        return True

    def _reach(self) -> None:
        if not self.reachable:
            raise UnavailableError
