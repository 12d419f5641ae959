"""The page on the command does what it says."""

import os
import sys
from pathlib import Path

import pytest

from examples import hosting
from tests.docs.pages import commands_of, run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the command in the path and nobody signed in."""
    command = tmp_path / "bin" / "quantum"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m quantum.cli "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("QUANTUM_CONFIG", str(tmp_path / "config"))
    return tmp_path


def test_the_commands_lead_from_a_file_to_a_watched_execution(host: hosting.Host, folder: Path) -> None:
    ran = run(commands_of("cli.md"), host, folder=folder)
    lines = ran.stdout.splitlines()
    for said in (
        "principal  ada@acme",
        "✓ intents/terminal.yaml (terminal)",
        "+ terminal create",
        "terminal-v1 created",
        "terminal-v2 updated",
        "terminal-v3",
        "terminal archived",
        "TERMINAL_TOKEN has version 1",
    ):
        assert said in lines, (said, ran.stdout + ran.stderr)
    assert any(line.startswith("✓ ") and " completed after " in line for line in lines)
    assert any("good morning" in line for line in lines)
