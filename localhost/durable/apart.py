"""Workers on an event loop of their own.

An app may block its event loop, say by calling the hub with the SDK's synchronous client in an ``async``
function. In Azure that works, since the host is another process. It works here if the app's functions do not
run on the loop that serves the hub.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from durabletask.internal import orchestrator_service_pb2 as pb

from localhost.durable.workers import Answer, Workers


class WorkersApart:
    """``Workers`` that runs the functions of another ``Workers`` on ``loop``, which another thread runs."""

    def __init__(self, workers: Workers, loop: asyncio.AbstractEventLoop) -> None:
        self._workers = workers
        self._loop = loop

    def registered(self, kind: str) -> frozenset[str]:
        return self._workers.registered(kind)

    async def orchestrate(self, name: str, request: pb.OrchestratorRequest) -> Answer:
        answer = await self._there(self._workers.orchestrate(name, request))
        return Answer(answer.response)  # one that is alive belongs to the other loop

    async def act(self, request: pb.ActivityRequest) -> pb.ActivityResponse:
        return await self._there(self._workers.act(request))

    async def operate(self, name: str, request: pb.EntityBatchRequest) -> pb.EntityBatchResult:
        return await self._there(self._workers.operate(name, request))

    async def _there[T](self, call: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self._loop))
