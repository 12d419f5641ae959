"""The durable engine on an event loop and thread of its own.

In Azure the host is another process, so an app may block its event loop, for example by calling the hub with
the SDK's synchronous client in an ``async`` function. With the engine apart from the app's loop that works
here, too, for two thread switches per turn.
"""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from localhost.durable.apart import WorkersApart
from localhost.durable.sidecar import Sidecar
from localhost.durable.workers import Workers


class HubApart:
    """A :class:`Sidecar` whose operations run on their own loop; ``workers`` run on the loop that made it."""

    def __init__(self, path: Path, workers: Workers, name: str) -> None:
        here = asyncio.get_running_loop()
        self._hub = Sidecar(path, workers=WorkersApart(workers, here), name=name)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="durable-engine", daemon=True)
        self._thread.start()

    async def start(self) -> None:
        await self._there(self._hub.start())

    async def serve(self, port: int = 0) -> str:
        return await self._there(self._hub.serve(port))

    async def settle(self, timeout: float) -> None:  # noqa: ASYNC109 - the engine's own word
        await self._there(self._hub.settle(timeout))

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - the engine's own word
        await self._there(self._hub.drain(timeout))
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def _there[T](self, call: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self._loop))
