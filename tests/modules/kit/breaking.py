"""Breaking work off exactly where it waits for the n-th time."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from types import coroutine
from typing import Any


@dataclass
class Breaker:
    """Cancels the work that it is given as that waits for the ``at``-th time, from 0, all of it together.

    ``waits`` counts on over all that it is given; ``broke`` says that it has broken something off.
    """

    at: int | None = None
    waits: int = 0
    broke: bool = False

    async def __call__[T](self, work: Coroutine[Any, Any, T]) -> T | None:
        """What the work comes to; None: it was broken off."""
        task = asyncio.create_task(self._watched(work))
        await asyncio.wait({task})
        return None if task.cancelled() else task.result()

    async def _watched[T](self, work: Coroutine[Any, Any, T]) -> T:
        done: T = await self._counted(work)
        return done

    @coroutine
    def _counted(self, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        resume: Callable[[Any], Any] = work.send
        value: Any = None
        while True:
            try:
                awaited = resume(value)
            except StopIteration as done:
                return done.value
            if self.waits == self.at:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()  # what is awaited is cancelled as soon as the task waits for it
                self.broke = True
            self.waits += 1
            try:
                resume, value = work.send, (yield awaited)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is for the work
                resume, value = work.throw, error


class Hesitant:
    """Another object whose methods wait before and after what they do: they can be broken off there."""

    def __init__(self, other: Any) -> None:
        self._other = other

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._other, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def hesitating(*arguments: Any, **named: Any) -> Any:
            await asyncio.sleep(0)
            done = await found(*arguments, **named)
            await asyncio.sleep(0)
            return done

        return hesitating
