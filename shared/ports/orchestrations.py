"""The orchestrations port: start and steer durable orchestrations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

type RuntimeStatus = Literal["pending", "running", "completed", "failed", "terminated", "suspended"]


@dataclass(frozen=True, slots=True)
class Orchestration:
    instance_id: str
    status: RuntimeStatus
    failure: str | None = None


class Orchestrations(Protocol):
    """Every method but ``use`` raises UnavailableError when the durable backend cannot be reached."""

    @property
    def connected(self) -> bool:
        """Whether it is known where the backend is."""
        ...

    def use(self, starter: str) -> None:
        """Learn where the backend is, from the starter that the host gives a trigger; again costs nothing."""
        ...

    async def start(self, *, instance_id: str, orchestrator: str, input: Any) -> None:
        """Start an orchestration; if that instance exists already, nothing happens."""
        ...

    async def status(self, *, instance_id: str) -> Orchestration | None:
        """How the instance stands, or None if the backend does not know it."""
        ...

    async def raise_event(self, *, instance_id: str, name: str, data: Any = None) -> None:
        """Hand an event to a running instance; for one that is unknown or has ended, nothing happens."""
        ...

    async def terminate(self, *, instance_id: str, reason: str) -> None:
        """End the instance where it stands; unknown or ended: nothing happens."""
        ...

    async def suspend(self, *, instance_id: str, reason: str) -> None: ...

    async def resume(self, *, instance_id: str, reason: str) -> None: ...

    async def purge(self, *, instance_id: str) -> None:
        """Forget an ended instance and its history, with all that it started; others: nothing happens."""
        ...

    async def purge_ended(self, *, created_before: datetime) -> bool:
        """Forget, for a short time, instances of before that have ended; True: none of them are left.

        Those that failed stay, for somebody to see why.
        """
        ...
