"""Room for builds: a temporary folder each, and threads for what blocks, told to stop when nobody waits."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from shared.modules.containers.build_logs import BuildLog

PREFIX: Final = "quantum-build-"


class GivenUpError(Exception):
    """Nobody waits for this work any more."""


class Bench:
    """Where one build is done: a folder of its own, a log, and threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = BuildLog()
        self._stopped = threading.Event()
        self._threads: set[asyncio.Task[Any]] = set()

    def check(self) -> None:
        """To be called now and then by what takes long.

        Raises:
            GivenUpError: nobody waits for it any more.
        """
        if self._stopped.is_set():
            raise GivenUpError

    async def run[T](self, work: Callable[[], T]) -> T:
        """What ``work`` comes to, on a thread, so that the event loop goes on meanwhile."""
        running = asyncio.create_task(asyncio.to_thread(work))
        self._threads.add(running)
        running.add_done_callback(self._threads.discard)
        return await asyncio.shield(running)

    def new_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder

    async def clear(self) -> None:
        """Stop what is at work here, and take the folder away."""
        self._stopped.set()
        await asyncio.gather(*self._threads, return_exceptions=True)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


@asynccontextmanager
async def bench() -> AsyncGenerator[Bench]:
    """A bench of its own, which is cleared when the block is left, however that is."""
    made = Bench(Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=PREFIX)))
    try:
        yield made
    finally:
        await asyncio.shield(made.clear())
