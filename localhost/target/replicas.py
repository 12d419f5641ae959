"""One copy of a workload: its process, kept running, and whether it takes requests."""

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from localhost.target.probes import Probing
from localhost.target.programs import Program
from shared.domain.workloads import Workload

GRACE: Final = 5.0
"""Seconds between asking a program to end and making it."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
"""Seconds before a program that has ended is started anew: doubled each time, unless it ran for long."""
HEAD_START: Final = 0.3
"""Seconds that a program without ports must run to count as ready."""
MAX_LOG: Final = 1024 * 1024
"""Bytes of what a copy prints that are kept from one start to the next."""
TOLD: Final = 600
"""Bytes of these that are told when it fails."""
_SHIM: Final = Path(__file__).with_name("shim.py")


class Replica:
    """Runs from :meth:`start` to :meth:`stop`; ``changed`` is called when it gets ready or stops being so."""

    def __init__(self, workload: Workload, program: Program, log: Path, changed: Callable[[], None]) -> None:
        self._workload = workload
        self._program = program
        self._log = log
        self._changed = changed
        self._running: asyncio.Task[None] | None = None
        self._stops = False
        self.ports: Mapping[int, int] = {}
        """Where it listens on loopback, by the workload's ports."""
        self.is_ready = False
        self.failures = 0
        """How often in a row it has ended, or was not well, before it was ready."""
        self.problem = "it starts"
        """Why it is not ready."""

    def start(self) -> None:
        self._running = asyncio.create_task(self._keep_running(), name=f"replica {self._workload.name}")

    async def stop(self) -> None:
        """End the program; returns when it has ended. It goes on ending if whoever waits is cancelled."""
        if self._running is not None:
            if not self._stops:
                self._stops = True
                self._running.cancel()
            await asyncio.wait({self._running})

    async def _keep_running(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                await self._run_once()
            except OSError as error:
                self._not_ready(f"it cannot be started: {error.strerror}")
            if time.monotonic() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            self.failures += 1
            self._changed()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _run_once(self) -> None:
        """Start the program, and return when it has ended, or was not well and therefore was ended."""
        self.ports = {port.number: _free_port() for port in self._workload.ports}
        # To its end, also when this is cancelled meanwhile: a process that nobody knows would run for ever.
        spawning = asyncio.create_task(self._spawn())
        try:
            process = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            await _end(await spawning)
            raise
        watch = asyncio.create_task(self._watch())
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({watch, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                self._not_ready(f"it ended with status {process.returncode}{self._printed()}")
            else:
                watch.result()
        finally:
            self.is_ready = False
            watch.cancel()
            await _end(process)

    async def _spawn(self) -> asyncio.subprocess.Process:
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = "ab" if self._log.exists() and self._log.stat().st_size < MAX_LOG else "wb"
        ports = {f"PORT_{number}": str(own) for number, own in self.ports.items()}
        first = {"PORT": str(next(iter(self.ports.values())))} if self.ports else {}
        with self._log.open(mode) as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(_SHIM), str(GRACE), *self._program.command,
                cwd=self._program.folder,
                env={**self._program.env, **ports, **first},
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip

    async def _watch(self) -> None:
        """Ask the program how it is; returns when it is so unwell that it is to be started anew."""
        probing = Probing(self._workload, self.ports)
        if not self.ports and self._workload.readiness is None:
            await asyncio.sleep(HEAD_START)
            self._ready()
            await asyncio.Event().wait()
        while True:
            problem = await probing.unready()
            if problem is None:
                self._ready()
            else:
                self._not_ready(problem)
            if (sick := await probing.dead()) is not None:
                self._not_ready(sick)
                return
            await asyncio.sleep(probing.pause)

    def _ready(self) -> None:
        if not self.is_ready:
            self.is_ready, self.failures, self.problem = True, 0, ""
            self._changed()

    def _not_ready(self, problem: str) -> None:
        was, self.is_ready, self.problem = self.is_ready, False, problem
        if was:
            self._changed()

    def _printed(self) -> str:
        """The last of what it printed, for whoever wants to know why it ended."""
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - TOLD))
                text = log.read().decode(errors="replace").strip()
        except OSError:
            return ""
        return f", and printed: {text}" if text else ", and printed nothing"


async def _end(process: asyncio.subprocess.Process) -> None:
    """Have the shim end the program, and return when both have ended."""
    assert process.stdin is not None  # as it was asked for
    process.stdin.close()
    await process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
