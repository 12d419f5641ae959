"""Room for builds: a temporary folder each, and threads for what blocks, told to stop when nobody waits."""

import asyncio
import contextvars
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from shared.modules.containers.images.build_logs import BuildLog

AT_A_TIME: Final = 4
"""Builds of a process that are at work on this machine at a time; more wait for their turn."""
PREFIX: Final = "quantum-build-"
_NAME: Final = re.compile(rf"{PREFIX}(\d+)-\w+")
_PROCESSES: Final = Path("/proc")


class GivenUpError(Exception):
    """Nobody waits for this work any more."""


class Bench:
    """Where one build is done: a folder of its own, a log, and threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = BuildLog()
        self._stopped = threading.Event()
        self._threads: set[asyncio.Future[Any]] = set()

    def check(self) -> None:
        """To be called now and then by what takes long.

        Raises:
            GivenUpError: nobody waits for it any more.
        """
        if self._stopped.is_set():
            raise GivenUpError

    async def run[T](self, work: Callable[[], T]) -> T:
        """What ``work`` comes to, on a thread, so that the event loop goes on meanwhile."""
        within = contextvars.copy_context()  # what is logged there is of this step
        running = asyncio.get_running_loop().run_in_executor(_threads(), lambda: within.run(work))
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


@cache
def _threads() -> ThreadPoolExecutor:
    """Of builds alone: they take long, and everything else would wait for those of the event loop."""
    return ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="build")


@asynccontextmanager
async def bench() -> AsyncGenerator[Bench]:
    """A bench of its own, which is cleared when the block is left, however that is.

    Those of processes that were killed are cleared first, with what still works there.
    """
    await asyncio.to_thread(clear_abandoned, Path(tempfile.gettempdir()))
    made = Bench(Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=f"{PREFIX}{os.getpid()}-")))
    try:
        yield made
    finally:
        await asyncio.shield(made.clear())


def clear_abandoned(folder: Path) -> None:
    """Clear the benches in ``folder`` whose processes are no more."""
    for path in folder.glob(f"{PREFIX}*"):
        match = _NAME.fullmatch(path.name)
        with suppress(OSError):
            if match and path.stat().st_uid == os.getuid() and not _lives(int(match[1])):
                _end_all(path)
                shutil.rmtree(path, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _end_all(bench_folder: Path) -> None:
    """Kill the programs that have their home there, where the system says who does."""
    home = f"HOME={bench_folder}".encode()
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            environment = (process / "environ").read_bytes().split(b"\0")
            if any(value == home or value.startswith(home + b"/") for value in environment):
                os.kill(int(process.name), signal.SIGKILL)
