"""Starting and stopping a local host from a script, as the demo and the benchmarks do."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 30
ROOT = Path(__file__).resolve().parents[1]


class HostError(RuntimeError):
    """The host did not start; the message has what it said."""


@dataclass(frozen=True, slots=True)
class Host:
    """A running local host."""

    url: str
    data: Path
    process: subprocess.Popen[bytes]
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
    data.mkdir(parents=True, exist_ok=True)
    ready = data / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "localhost", "serve", "--port", port]
    command += ["--data", str(data), "--ready-file", str(ready)]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=output, stderr=output)
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise HostError(f"the host did not start; it said:\n{log.read_text()[-4000:]}")
        time.sleep(0.01)
    return Host(json.loads(ready.read_text())["url"], data, process, settings)
