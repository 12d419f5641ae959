"""A clock that stands still until a test moves it."""

import asyncio
from datetime import datetime, timedelta


class ManualClock:
    """Sleepers wake, in order of their time, when :meth:`advance` passes it."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=seconds), future))
        await future

    async def advance(self, **span: float) -> None:
        """Move on by ``timedelta(**span)``, letting whoever wakes run before the next one does."""
        end = self._now + timedelta(**span)
        await settle()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= end]:
            at, future = min(due, key=lambda sleeper: sleeper[0])
            self._sleepers.remove((at, future))
            self._now = max(self._now, at)
            if not future.done():
                future.set_result(None)
            await settle()
        self._now = end


async def settle() -> None:
    """Let everything that can run, run."""
    for _ in range(20):
        await asyncio.sleep(0)
