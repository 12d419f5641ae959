"""The local host by the command, inside a clone and outside."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples import hosting
from quantum.cli.commands.local import clone
from quantum.cli.exits import Exit
from tests.client.cli.conftest import Command


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The command as pip installs it: quantum alone, and nothing of the platform beside it."""
    shutil.copytree(hosting.ROOT / "quantum", tmp_path / "site" / "quantum")
    return tmp_path / "site"


def test_a_token_is_printed_from_any_folder_of_a_clone(quantum: Command, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    ran = quantum.spawn("token", "--role", "viewer", *data, folder=hosting.ROOT / "docs" / "api")
    assert (ran.returncode, ran.stdout.count(".")) == (0, 2), ran
    assert clone(hosting.ROOT / "docs" / "api") == hosting.ROOT


def test_the_platform_is_served_until_ctrl_c(quantum: Command, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    words = ("up", "--port", "0", "--data", str(tmp_path / "data"), "--ready-file", str(ready))
    served = subprocess.Popen(
        [sys.executable, "-m", "quantum.cli", *words],
        cwd=hosting.ROOT / "docs",
        env=os.environ | quantum.environment | {"PYTHONPATH": str(hosting.ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + hosting.START_SECONDS
    while not ready.exists():
        assert served.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    url = json.loads(ready.read_text())["url"]
    assert quantum.spawn("health", QUANTUM_URL=url).returncode == 0
    served.send_signal(signal.SIGINT)
    told, said = served.communicate(timeout=hosting.STOP_SECONDS)
    assert b"as ada, with the code" in told
    assert b"Traceback" not in said


def test_the_demo_is_the_examples(quantum: Command) -> None:
    ran = quantum.spawn("demo", "--intent", "no-such-file.json")
    assert ran.returncode != 0
    assert "no-such-file.json" in ran.stderr, "the demo's own word"


@pytest.mark.parametrize("verb", ["up", "token", "demo"])
def test_outside_a_clone_it_is_said_what_to_do(
    quantum: Command, installed: Path, tmp_path: Path, verb: str
) -> None:
    ran = quantum.spawn(verb, folder=tmp_path, PYTHONPATH=str(installed))
    assert (ran.returncode, "in none: clone it" in ran.stderr) == (Exit.USAGE, True), ran
    assert len(ran.stderr.splitlines()) == 1
    (tmp_path / "function_app.py").touch()
    (tmp_path / "localhost").mkdir()
    (tmp_path / "localhost" / "__main__.py").touch()
    ran = quantum.spawn(verb, folder=tmp_path / "localhost", PYTHONPATH=str(installed))
    assert (ran.returncode, "make setup" in ran.stderr) == (Exit.USAGE, True), ran
