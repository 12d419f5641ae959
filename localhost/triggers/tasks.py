"""Tasks that run until the host stops."""

import asyncio
import contextlib
from collections.abc import Collection


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel the tasks and wait until they have ended; what one of them had failed with is raised."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
