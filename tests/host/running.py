"""Hosts in processes of their own, started by the command line as a person would."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

APPS = Path(__file__).resolve().parent.parent / "apps"
REPOSITORY = APPS.parent.parent
DEADLINE = 60.0
"""Seconds to wait for anything that another process does."""


@dataclass
class RunningHost:
    """A host that is ready."""

    process: subprocess.Popen[str]
    data: Path
    url: str
    grpc: str
    log: Path

    @property
    def keys(self) -> dict[str, str]:
        keys: dict[str, str] = json.loads((self.data / "keys.json").read_text())
        return keys

    @property
    def webhooks(self) -> str:
        return f"{self.url}/runtime/webhooks/durabletask"

    def stop(self) -> int:
        """Stop it as a person would, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)

    def notes(self) -> list[str]:
        """What the app has noted in its data folder."""
        path = self.data / "notes.txt"
        return path.read_text().splitlines() if path.exists() else []


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **more}


def command(app: Path, data: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "localhost", "serve", "--app", str(app), "--data", str(data), *more]


@contextlib.contextmanager
def running(app: Path, folder: Path, *more: str, **settings: str) -> Iterator[RunningHost]:
    """Run a host over ``app`` with its data in ``folder``; it is stopped, or killed, at the end."""
    ready, log, data = folder / "ready.json", folder / "log.txt", folder / "data"
    ready.unlink(missing_ok=True)
    arguments = command(app, data, "--port", "0", "--ready-file", str(ready), *more)
    with log.open("a") as errors:
        process = subprocess.Popen(
            arguments, env=environment(**settings), stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        until(lambda: ready.exists() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        told = json.loads(ready.read_text())
        yield RunningHost(process, data, told["url"], told["grpc"], log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()


def refused(app: Path, data: Path, *more: str, **settings: str) -> str:
    """Start a host that must refuse to: what it says on stderr."""
    outcome = subprocess.run(
        command(app, data, "--port", "0", *more),
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert outcome.returncode == 2, outcome.stdout + outcome.stderr
    assert "Traceback" not in outcome.stderr
    return outcome.stderr


def until[T](condition: Callable[[], T], seconds: float = DEADLINE, *, longest: float = 0.1) -> T:
    """The first truthy value of ``condition``, asked again and again until a deadline.

    The pause between grows to ``longest`` seconds: whoever is asked has the work to do that is waited for.
    """
    end, pause = time.monotonic() + seconds, 0.01
    while not (value := condition()):
        assert time.monotonic() < end, "the condition was not met in time"
        time.sleep(pause)
        pause = min(pause * 1.2, longest)
    return value


def finished(client: httpx.Client, status_url: str) -> dict[str, Any]:
    """The status of an orchestration once it has ended."""

    def ended() -> dict[str, Any] | None:
        answer = client.get(status_url)
        return None if answer.status_code == 202 else answer.json()

    return until(ended) or {}
