"""An event loop in virtual time: nothing is waited for, and all happens in the same order each time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any


class StuckError(Exception):
    """Everything waits, and for nothing that would ever happen."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """When nothing can run, the clock is put to the time of what comes next. Threads do not exist."""

    def __init__(self) -> None:
        self.seconds = 0.0
        super().__init__(_Clockwork(self))

    def time(self) -> float:
        return self.seconds

    def run_in_executor[*Ts, T](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)
        return future


class _Clockwork(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StuckError
        self._loop.seconds += timeout
        return []


def run[T](work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` in a virtual time of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
