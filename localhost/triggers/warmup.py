"""The warm-up trigger: one run when the host is up, to load what its first work would otherwise wait for."""

import asyncio
import logging
from typing import Any

from azure.functions.warmup import WarmUpContext

from localhost.app.functions import Function
from localhost.triggers.calls import Call, make_context
from localhost.triggers.tasks import end

NAME = "warmup"
"""What the function must be called, in any case, and why there is only one (Warmup trigger documentation)."""

DELAY = 0.25
"""Seconds between being up and warming up: imports on a thread slow the requests that waited for the host."""

_log = logging.getLogger("localhost.warmup")


class WarmUp:
    """The run of the app's warm-up function: in Azure when an instance is added, here at each start."""

    def __init__(self, function: Function, call: Call, *, delay: float = DELAY) -> None:
        self._function = function
        self._call = call
        self._delay = delay
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Run it beside whatever comes next: nothing waits for it, and it may fail."""
        self._task = asyncio.create_task(self._run(), name=f"warm-up {self._function.name}")

    async def stop(self) -> None:
        """Wait for it no longer; what it has on a thread ends by itself."""
        if self._task is not None:
            await end([self._task])

    async def _run(self) -> None:
        arguments: dict[str, Any] = {self._function.trigger.name: WarmUpContext()}
        if self._function.wants_context:
            arguments["context"] = make_context(self._function)
        await asyncio.sleep(self._delay)
        try:
            await self._call(**arguments)
        except Exception:  # noqa: BLE001 - what is not warm is loaded when it is needed
            _log.exception("%s failed", self._function.name)
