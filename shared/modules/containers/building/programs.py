"""Programs of this machine, with nothing of the host's own environment, and killed with all they begin."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.ports.actions import ActionError

MAX_LINE: Final = 64 * 1024
END_SECONDS: Final = 1.0
PATH: Final = f"{os.defpath}:/usr/local/bin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Program:
    """``name`` is looked for in the usual places. ``home`` is its home and its place for temporary files."""

    name: str
    home: Path
    environment: Mapping[str, str]

    async def run(self, arguments: Sequence[str], told: Callable[[str], None]) -> int:
        """Run it to its end, and give each line that it says to ``told``; its exit code.

        Whoever stops waiting for it, or has ``told`` raise, has killed it and all that it has begun.

        Raises:
            ActionError: it is not there.
        """
        process = await self._started(arguments)
        try:
            async for line in _lines(process):
                told(line)
            return await process.wait()
        finally:
            await asyncio.shield(_end(process))

    async def _started(self, arguments: Sequence[str]) -> asyncio.subprocess.Process:
        own = {"PATH": PATH, "HOME": str(self.home), "TMPDIR": str(self.home), "LC_ALL": "C.UTF-8"}
        try:
            return await asyncio.create_subprocess_exec(
                self.name,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**own, **self.environment},  # the host's has secrets of the platform
                cwd=self.home,
                start_new_session=True,
            )
        except OSError as error:
            message = f"{self.name} cannot be started on this host: {error.strerror}"
            raise ActionError("BUILDER_UNAVAILABLE", message, retryable=False) from error


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of its group, and wait for it and for the end of what it said."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    assert process.stdout is not None
    with suppress(TimeoutError):  # somebody who has left the group may still have the pipe
        async with asyncio.timeout(END_SECONDS):
            while await process.stdout.read(MAX_LINE):
                pass


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    assert process.stdout is not None
    left = b""
    while piece := await process.stdout.read(MAX_LINE):
        *lines, left = (left + piece).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
        if len(left) > MAX_LINE:
            yield left.decode(errors="replace")
            left = b""
    if left:
        yield left.decode(errors="replace")
