"""The orchestrations port over the Durable Functions client.

The client binding of the SDK opens a gRPC channel for every invocation (measured: 9.6 ms each). A trigger
that needs orchestrations binds the *starter* string instead (a generic ``durableClient`` binding) and
hands it to :meth:`DurableOrchestrations.use`; one client per starter is then kept for the process.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import grpc
from azure.durable_functions import DurableFunctionsClient
from durabletask.client import OrchestrationStatus

from shared.domain.causes import (
    FAILING,
    FORBIDDEN,
    MISSING,
    REFUSED,
    SLOW,
    THROTTLED,
    UNCONNECTED,
    UNREACHABLE,
)
from shared.domain.errors import UnavailableError
from shared.ports.orchestrations import Orchestration, RuntimeStatus

PATIENCE = 5.0
"""Seconds that a call waits for an answer."""

_UNREACHABLE = "The orchestration service cannot be reached; try again shortly"
_CAUSES = {
    grpc.StatusCode.UNAVAILABLE: UNREACHABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: SLOW,
    grpc.StatusCode.RESOURCE_EXHAUSTED: THROTTLED,
    grpc.StatusCode.UNAUTHENTICATED: REFUSED,
    grpc.StatusCode.PERMISSION_DENIED: FORBIDDEN,
    grpc.StatusCode.NOT_FOUND: MISSING,
}
_log = logging.getLogger(__name__)

_STATUS: dict[OrchestrationStatus, RuntimeStatus] = {
    OrchestrationStatus.PENDING: "pending",
    OrchestrationStatus.RUNNING: "running",
    OrchestrationStatus.CONTINUED_AS_NEW: "running",
    OrchestrationStatus.COMPLETED: "completed",
    OrchestrationStatus.FAILED: "failed",
    OrchestrationStatus.TERMINATED: "terminated",
    OrchestrationStatus.SUSPENDED: "suspended",
}


class DurableOrchestrations:
    """Orchestrations on whatever durable backend the Functions host was given."""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        """``patience`` is how many seconds a call waits for an answer."""
        self._patience = patience
        self._purging = timedelta(seconds=patience / 2)
        self._starter: str | None = None
        self._client: DurableFunctionsClient | None = None

    def use(self, starter: str) -> None:
        """Reach the backend as ``starter`` (a durableClient binding's JSON) says; again costs nothing."""
        if starter != self._starter:
            self._client = None
            self._starter = starter

    @property
    def connected(self) -> bool:
        """Whether a trigger has handed over a starter yet."""
        return self._starter is not None

    def _connection(self) -> DurableFunctionsClient:
        if self._client is None:
            if self._starter is None:
                raise UnavailableError(
                    "The orchestration service is not connected yet; try again shortly", cause=UNCONNECTED
                )
            self._client = DurableFunctionsClient(self._starter)
        return self._client

    async def start(self, *, instance_id: str, orchestrator: str, input: Any) -> None:
        client = self._connection()
        await self._call(
            lambda: client.schedule_new_orchestration(orchestrator, input=input, instance_id=instance_id),
            tolerated=grpc.StatusCode.ALREADY_EXISTS,
        )

    async def status(self, *, instance_id: str) -> Orchestration | None:
        client = self._connection()
        state = await self._call(lambda: client.get_orchestration_state(instance_id, fetch_payloads=False))
        if state is None:
            return None
        failure = state.failure_details.message if state.failure_details else None
        return Orchestration(instance_id, _STATUS[state.runtime_status], failure)

    async def raise_event(self, *, instance_id: str, name: str, data: Any = None) -> None:
        client = self._connection()
        await self._call(
            lambda: client.raise_orchestration_event(instance_id, name, data=data),
            tolerated=grpc.StatusCode.NOT_FOUND,
        )

    async def terminate(self, *, instance_id: str, reason: str) -> None:
        client = self._connection()
        await self._call(
            lambda: client.terminate_orchestration(instance_id, output=reason),
            tolerated=grpc.StatusCode.NOT_FOUND,
        )

    async def suspend(self, *, instance_id: str, reason: str) -> None:  # noqa: ARG002  the SDK sends no reason
        client = self._connection()
        await self._call(
            lambda: client.suspend_orchestration(instance_id), tolerated=grpc.StatusCode.NOT_FOUND
        )

    async def resume(self, *, instance_id: str, reason: str) -> None:  # noqa: ARG002  the SDK sends no reason
        client = self._connection()
        await self._call(
            lambda: client.resume_orchestration(instance_id), tolerated=grpc.StatusCode.NOT_FOUND
        )

    async def purge(self, *, instance_id: str) -> None:
        client = self._connection()
        await self._call(lambda: client.purge_orchestration(instance_id), tolerated=grpc.StatusCode.NOT_FOUND)

    async def purge_ended(self, *, created_before: datetime) -> bool:
        client = self._connection()
        result = await self._call(
            lambda: client.purge_orchestrations_by(
                created_time_to=created_before,
                runtime_status=[OrchestrationStatus.COMPLETED, OrchestrationStatus.TERMINATED],
                timeout=self._purging,
            )
        )
        # Backends that know of no timeout say nothing of whether they are through.
        return result is None or result.is_complete is not False

    async def _call[T](
        self,
        call: Callable[[], Coroutine[Any, Any, T]],
        *,
        tolerated: grpc.StatusCode | None = None,
    ) -> T | None:
        try:
            async with asyncio.timeout(self._patience):  # the SDK sets no deadline
                return await call()
        except TimeoutError as error:
            _log.warning("orchestration service: no answer in %g s", self._patience)
            raise UnavailableError(_UNREACHABLE, cause=SLOW) from error
        except grpc.aio.AioRpcError as error:
            if tolerated is not None and error.code() == tolerated:
                return None
            _log.warning("orchestration service: %s %s", error.code().name, error.details())
            raise UnavailableError(_UNREACHABLE, cause=_CAUSES.get(error.code(), FAILING)) from error
