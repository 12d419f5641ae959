"""The demo, run as a new user runs it."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from examples import hosting


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.demo", *arguments]
    return subprocess.run(command, cwd=hosting.ROOT, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.skipif(
    shutil.which("curl") is None, reason="the lines to go on with use curl, which is not here"
)
def test_the_demo_completes_and_its_lines_for_going_on_work(tmp_path: Path) -> None:
    ran = demo("--data", str(tmp_path / "data"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "100 %" in ran.stdout
    assert "↻ smoke-tests" in ran.stdout
    assert "completed: 8 steps" in ran.stdout
    answered = pasted(ran.stdout.partition("by hand:")[2])
    assert answered.count('"status":"completed"') >= 1, answered
    assert answered.count('"status":"active"') == 1, answered
    assert answered.count("event: execution_completed") == 1, answered


def pasted(lines: str) -> str:
    """What the lines print when they are pasted all at once, as they stand but for the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    script = (
        lines.replace(".venv/bin/python", sys.executable)
        .replace(":7071/", f":{port}/")
        .replace(" serve ", f" serve --port {port} ")
    )
    shell = subprocess.run(
        ["sh", "-c", f"{script}\nkill $!\nwait $!"],
        cwd=hosting.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return shell.stdout


def test_the_demo_says_which_step_failed_and_why_and_exits_with_1(tmp_path: Path) -> None:
    intent = json.loads((hosting.ROOT / "examples" / "release.json").read_text())
    steps = intent["definition"]["steps"]
    next(step for step in steps if step["id"] == "build")["expect_status"] = 204
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(intent))
    ran = demo("--data", str(tmp_path / "data"), "--intent", str(broken))
    assert ran.returncode == 1
    assert "failed in step build" in ran.stdout
    assert "201" in ran.stdout


@pytest.mark.parametrize("text", ['{"name": "x", "definition": {"steps": [{"action": "no-such"}]}}'])
def test_the_demo_shows_everything_wrong_with_an_intent_that_is_refused(tmp_path: Path, text: str) -> None:
    refused = tmp_path / "refused.json"
    refused.write_text(text)
    ran = demo("--data", str(tmp_path / "data"), "--intent", str(refused))
    assert ran.returncode == 1
    assert "422 VALIDATION_FAILED" in ran.stdout
    assert "/definition/steps/0/action" in ran.stdout
