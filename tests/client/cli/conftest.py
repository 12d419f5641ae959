"""The command as people run it: a process of its own, or in this one where that shows the same."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from examples import hosting
from quantum.cli.app import app
from tests.docs import pages


@dataclass
class Command:
    """``quantum``, for ada in the tenant acme, with a folder of its own for what it keeps."""

    environment: Mapping[str, str]

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> Result:
        """What it says and its exit status, within this process."""
        return CliRunner().invoke(app, words, input=stdin, env=dict(self.environment) | environment)

    def ok(self, *words: str, stdin: str = "") -> str:
        ran = self(*words, stdin=stdin)
        assert ran.exit_code == 0, (words, ran.output)
        return ran.stdout

    def spawn(
        self, *words: str, stdin: str = "", folder: Path = hosting.ROOT, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """The same, in a process of its own."""
        own = {**self.environment, "PYTHONPATH": str(hosting.ROOT), **environment}
        return _ran([sys.executable, "-m", "quantum.cli", *words], stdin, folder, os.environ | own)

    def forked(
        self, *words: str, stdin: str = "", folder: Path = hosting.ROOT, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """The same, of a process that has it loaded (``tests/docs/served.py``): its start takes longest."""
        own = {**self.environment, **environment}
        return _ran(["quantum", *words], stdin, folder, {**pages.environment(folder), **own})


def _ran(
    words: list[str], stdin: str, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def quantum(host: hosting.Host, token: str, tmp_path: Path) -> Command:
    kept = {"QUANTUM_CONFIG": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    return Command(kept | {"QUANTUM_URL": host.url, "QUANTUM_TOKEN": token, "QUANTUM_TENANT": "acme"})
