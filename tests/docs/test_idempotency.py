"""The page on asking again does what it says."""

import re
import shutil
import subprocess
import sys

import pytest

from examples import hosting

COMMANDS = re.findall(r"```sh\n(.*?)```", (hosting.ROOT / "docs" / "idempotency.md").read_text(), re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands use curl, which is not here")
def test_the_commands_make_one_execution_and_the_other_request_is_refused(host: hosting.Host) -> None:
    script = "\n".join(COMMANDS).replace("http://127.0.0.1:7071", host.url)
    script = script.replace(".venv/bin/python", sys.executable)
    script = script.replace("localhost token", f"localhost token --data {host.data}")
    ran = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=hosting.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = ran.stdout
    assert '"id":"again-v1"' in shown, shown
    executions = re.findall(r'"execution_id":"(\w+)"', shown)
    assert len(executions) == 2
    assert len(set(executions)) == 1
    assert shown.lower().count("idempotency-replayed: true") == 1
    assert '"code":"IDEMPOTENCY_KEY_REUSED"' in shown
