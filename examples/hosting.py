"""Starting and stopping a local host from a script, as the demo and the benchmarks do."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

START_SECONDS = 60
STOP_SECONDS = 30
ROOT = Path(__file__).resolve().parents[1]


class HostError(RuntimeError):
    """The host did not start; the message has what it said."""


class Process(Protocol):
    """What is asked of a :class:`subprocess.Popen` here."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int, /) -> None: ...
    def kill(self) -> None: ...


type Launch = Callable[[Sequence[str], Mapping[str, str], Path], Process]
"""Has ``python -m localhost`` run with some words and in some environment, telling a file."""


def spawned(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
    command = [sys.executable, "-m", "localhost", *words]
    with log.open("ab") as output:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)


@dataclass(frozen=True, slots=True)
class Host:
    """A running local host."""

    url: str
    data: Path
    process: Process
    settings: Mapping[str, str] = field(default_factory=dict)
    """What it was given beside the environment."""

    def token(self, *, tenant: str = "acme", user: str = "ada", role: str = "admin") -> str:
        """A bearer token, as ``python -m localhost token`` prints it."""
        command = [sys.executable, "-m", "localhost", "token", "--data", str(self.data)]
        command += ["--tenant", tenant, "--user", user, "--role", role]
        environment = os.environ | self.settings
        ran = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return ran.stdout.strip()

    def kill(self) -> None:
        """End the process as a power cut would: no warning, nothing flushed."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask the host to drain and end; kill it if it does not."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


def start(data: Path, *, log: Path, port: str = "0", **settings: str) -> Host:
    """Serve the platform on that port, or a free one, from ``data``; ``settings`` join the environment.

    Raises:
        HostError: it ended, or was not ready within a minute.
    """
    return launched(spawned, data, log=log, port=port, **settings)


def launched(launch: Launch, data: Path, *, log: Path, port: str = "0", **settings: str) -> Host:
    """The same, of a process that ``launch`` makes."""
    data.mkdir(parents=True, exist_ok=True)
    ready = data / "ready.json"
    ready.unlink(missing_ok=True)
    words = ["serve", "--port", port, "--data", str(data), "--ready-file", str(ready)]
    process = launch(words, os.environ | settings, log)
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise HostError(f"the host did not start; it said:\n{log.read_text()[-4000:]}")
        time.sleep(0.01)
    return Host(json.loads(ready.read_text())["url"], data, process, settings)
