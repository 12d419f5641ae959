"""The demo, run as a new user runs it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest

from examples import hosting

SDKS = {"cosmos": "azure-cosmos", "eventhubs": "azure-eventhub"}


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
    assert "completed: 3 copies on local, at http://127.0.0.1:" in ran.stdout
    assert "completed: 3 steps" in ran.stdout
    assert ran.stdout.count('200  {"hello": "world", "version": "1"}') == 3
    lines = re.findall(r"^  (.*)$", ran.stdout.partition("at its address):")[2], re.MULTILINE)
    answered = pasted("\n".join(lines))
    assert re.search(r"^status +completed$", answered, re.MULTILINE), answered
    assert answered.count("execution_completed") == 1, answered
    assert "deploy-to-kubernetes" in answered.partition("execution_completed")[2], answered
    assert answered.endswith('{"hello": "world", "version": "1"}'), answered


def pasted(lines: str) -> str:
    """What the lines print when they are pasted all at once, as they stand but for the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    script = (
        lines.replace(".venv/bin/python", sys.executable)
        .replace(".venv/bin/quantum", f"{sys.executable} -m quantum.cli")
        .replace(":7071/", f":{port}/")
        .replace(" serve ", f" serve --port {port} ")
    )
    shell = subprocess.run(
        ["sh", "-c", f"{script}\nkill $!\nwait $!"],
        cwd=hosting.ROOT,
        env=os.environ | {"QUANTUM_URL": f"http://127.0.0.1:{port}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return shell.stdout


def test_the_demo_says_which_step_failed_and_why_and_exits_with_1(tmp_path: Path) -> None:
    intent = json.loads((hosting.ROOT / "examples" / "deploy-web-app.json").read_text())
    intent["definition"]["steps"][0]["context"] = "./nowhere"
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(intent))
    ran = demo("--data", str(tmp_path / "data"), "--intent", str(broken))
    assert ran.returncode == 1
    assert "failed in step build-docker-image-1: there is no folder './nowhere' among those" in ran.stdout


@pytest.mark.parametrize("text", ['{"name": "x", "definition": {"steps": [{"action": "no-such"}]}}'])
def test_the_demo_shows_everything_wrong_with_an_intent_that_is_refused(tmp_path: Path, text: str) -> None:
    refused = tmp_path / "refused.json"
    refused.write_text(text)
    ran = demo("--data", str(tmp_path / "data"), "--intent", str(refused))
    assert ran.returncode == 1
    assert "422 VALIDATION_FAILED" in ran.stdout
    assert "/definition/steps/0/action" in ran.stdout


@pytest.mark.parametrize(
    "stores",
    [
        ["--store", "cosmos"],
        ["--events", "eventhubs"],  # both at once are what is interrupted below
    ],
    ids=" ".join,
)
def test_the_demo_runs_through_azures_sdks(tmp_path: Path, stores: list[str]) -> None:
    ran = demo("--data", str(tmp_path / "data"), *stores)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "completed: 3 steps" in ran.stdout
    assert "counted from the hub's events: 1 execution, 3 steps" in ran.stdout
    counted = dict(re.findall(r"(azure-\w+) .*: .*?(\d+) (?:batch requests|events)", ran.stdout))
    assert counted.keys() == {SDKS[name] for name in stores if name in SDKS}
    assert all(int(count) > 5 for count in counted.values()), ran.stdout


def test_an_interrupted_demo_leaves_nothing_running(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.demo", "--data", str(tmp_path / "data")]
    command += ["--store", "cosmos", "--events", "eventhubs"]
    with subprocess.Popen(command, cwd=hosting.ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = list(takewhile(lambda line: "started" not in line, process.stdout))
        process.send_signal(signal.SIGINT)
        told += process.stdout
        assert process.wait(60) == 1, told
    assert "✗ interrupted\n" in told
    ports = set(re.findall(r"(?:localhost|127\.0\.0\.1):(\d+)", "".join(told)))
    assert len(ports) >= 3, told
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)))


@pytest.mark.parametrize(("option", "choices"), [("--store", "cosmos"), ("--events", "eventhubs")])
def test_a_store_that_there_is_not_is_refused_with_the_choices(option: str, choices: str) -> None:
    ran = demo(option, "mongo")
    assert ran.returncode == 2
    assert f"choose from 'sqlite', '{choices}'" in ran.stderr


def test_a_bad_release_is_undone_while_the_good_one_goes_on_answering(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.rollback", "--data", str(tmp_path / "data")]
    ran = subprocess.run(command, cwd=hosting.ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 of 2 copies are ready; /health answered 503" in ran.stdout
    assert "Undone of the second: build, push, deploy." in ran.stdout
    assert "0 were not" in ran.stdout
