"""A local host without its start: a copy of a process that has all of the platform loaded (decision 0035).

It is a process of its own, which loads the app, opens its data and serves, is killed and starts again. Three
quarters of the CPU of a start are Python's imports, which some hundred starts need not repeat.
"""

import asyncio
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from examples import hosting

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, "tests.loaded"])


class Copy:
    """What :class:`subprocess.Popen` is of a program."""

    def __init__(self, process: ForkServerProcess) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; a signal's is negative."""
        self._process.join(timeout)
        if (ended := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired("a copy of the host", timeout or 0)
        return ended

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(data: Path, *, log: Path, port: str = "0", **settings: str) -> hosting.Host:
    """Serve the platform as :func:`examples.hosting.start` does, from such a copy."""
    return hosting.launched(launch, data, log=log, port=port, **settings)


def launch(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Copy:
    """``python -m localhost`` with these words and in this environment, telling ``log``."""
    process = _context.Process(target=_become, args=(list(words), dict(environment), log), daemon=True)
    process.start()
    return Copy(process)


def _become(words: list[str], environment: dict[str, str], log: Path) -> None:
    with log.open("ab") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    os.chdir(hosting.ROOT)
    os.environ.clear()
    os.environ.update(environment)
    from localhost.cli import main

    raise SystemExit(main(words))


type Begin = Callable[[], object]
"""Waits until all are ready."""


def together[T](
    work: Callable[[Mapping[str, Any], Begin], Awaitable[T]], told: Mapping[str, Any], *, copies: int = 3
) -> list[T]:
    """What ``work``, a function of a module, comes to in each of so many processes, which begin at once."""
    begun, results = _context.Barrier(copies), _context.SimpleQueue()
    some = [
        _context.Process(target=_take_part, args=(work, told, begun, results), daemon=True)
        for _ in range(copies)
    ]
    for one in some:
        one.start()
    for one in some:
        one.join()
    assert [one.exitcode for one in some] == [0] * copies
    return [results.get() for _ in some]


def _take_part(work: Callable[..., Any], told: Mapping[str, Any], begun: Any, results: Any) -> None:
    results.put(asyncio.run(work(told, begun.wait)))
