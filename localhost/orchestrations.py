"""The orchestrations port on the task hub of this process, by its methods.

The Durable Functions client, which production uses, would ask the same hub over gRPC: two more passes of each
message through protobuf and sockets, on the loop that serves them (decision 11).
"""

import json
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from localhost.durable.errors import InstanceExistsError, InstanceNotFoundError
from shared.domain.causes import UNCONNECTED
from shared.domain.errors import UnavailableError
from shared.ports.orchestrations import Orchestration, RuntimeStatus

if TYPE_CHECKING:
    from localhost.durable.hub import TaskHub  # protobuf, which loading the app does without

PURGING = timedelta(seconds=2.5)
"""For how long one call forgets what has ended."""


class HubOrchestrations:
    """Implements :class:`shared.ports.orchestrations.Orchestrations`; the host connects it to its hub."""

    def __init__(self) -> None:
        self._hub: TaskHub | None = None

    def connect(self, hub: "TaskHub") -> None:
        self._hub = hub

    @property
    def connected(self) -> bool:
        """Whether the host has made its hub yet."""
        return self._hub is not None

    def use(self, starter: str) -> None:
        """Nothing to learn: the hub that a starter leads to is the one that is known."""

    async def start(self, *, instance_id: str, orchestrator: str, input: Any) -> None:
        from durabletask.internal.tracing import get_current_trace_context  # loaded with the hub

        with suppress(InstanceExistsError):
            await self._here.start_instance(
                orchestrator,
                instance_id=instance_id,
                input=json.dumps(input),
                trace=get_current_trace_context(),
            )

    async def status(self, *, instance_id: str) -> Orchestration | None:
        found = await self._here.status(instance_id)
        if found is None:
            return None
        failure = found.failure.errorMessage if found.failure else None
        return Orchestration(instance_id, _runtime_status(found.status), failure)

    async def raise_event(self, *, instance_id: str, name: str, data: Any = None) -> None:
        with suppress(InstanceNotFoundError):
            await self._here.raise_event(instance_id, name, None if data is None else json.dumps(data))

    async def terminate(self, *, instance_id: str, reason: str) -> None:
        with suppress(InstanceNotFoundError):
            await self._here.terminate(instance_id, json.dumps(reason))

    async def suspend(self, *, instance_id: str, reason: str) -> None:
        with suppress(InstanceNotFoundError):
            await self._here.suspend(instance_id, reason)

    async def resume(self, *, instance_id: str, reason: str) -> None:
        with suppress(InstanceNotFoundError):
            await self._here.resume(instance_id, reason)

    async def purge(self, *, instance_id: str) -> None:
        await self._here.purge([instance_id], recursive=True)

    async def purge_ended(self, *, created_before: datetime) -> bool:
        from localhost.durable.model import COMPLETED, TERMINATED  # as above
        from localhost.durable.queries import InstanceFilter

        ended = InstanceFilter(frozenset({COMPLETED, TERMINATED}), created_to=created_before)
        _, complete = await self._here.purge_all(ended, timeout=PURGING.total_seconds())
        return complete

    async def compact(self) -> None:
        """Write the hub's file anew, without the bytes of what was purged."""
        await self._here.compact()

    @property
    def _here(self) -> "TaskHub":
        if self._hub is None:
            raise UnavailableError("The task hub has not been started yet", cause=UNCONNECTED)
        return self._hub


def _runtime_status(status: int) -> RuntimeStatus:
    from localhost.durable import model  # as above

    known: dict[int, RuntimeStatus] = {
        model.PENDING: "pending",
        model.RUNNING: "running",
        model.CONTINUED_AS_NEW: "running",
        model.COMPLETED: "completed",
        model.FAILED: "failed",
        model.TERMINATED: "terminated",
        model.SUSPENDED: "suspended",
    }
    return known[status]
