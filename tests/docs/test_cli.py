"""The page on the command does what it says."""

from pathlib import Path

from examples import hosting
from tests.docs.pages import commands_of, run


def test_the_commands_lead_from_a_file_to_a_watched_execution(host: hosting.Host, tmp_path: Path) -> None:
    ran = run(commands_of("cli.md"), host, folder=tmp_path, files=tmp_path)
    lines = ran.stdout.splitlines()
    for said in (
        "principal  ada@acme",
        "✓ intents/terminal.yaml (terminal)",
        "+ terminal create",
        "terminal-v1 created",
        "terminal-v2 updated",
        "terminal-v3",
        "terminal archived",
        "acme has other settings from now on: max_concurrent_executions, quotas",
        "TERMINAL_TOKEN has version 1",
    ):
        assert said in lines, (said, ran.stdout + ran.stderr)
    assert any(line.startswith("✓ ") and " completed after " in line for line in lines)
    assert any("good morning" in line for line in lines)
