"""The page on retrying does what it says."""

import re
import shutil
import subprocess
import sys

import pytest

from examples import hosting

COMMANDS = re.findall(r"```sh\n(.*?)```", (hosting.ROOT / "docs" / "retrying.md").read_text(), re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands use curl, which is not here")
def test_the_commands_retry_what_was_rejected_and_keep_what_was_built(host: hosting.Host) -> None:
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
    (first,) = set(re.findall(r'"retry_of":"(\w+)"', shown))
    # The event of the step that is kept, and its state.
    assert shown.count(f'"kept_from":"{first}"') == 2
    assert re.findall("event: (execution_(?:failed|completed))", shown) == [
        "execution_failed",
        "execution_completed",
    ]
    assert "did you mean 'build'?" in shown
    assert shown.count('"code":"VALIDATION_FAILED"') == 1
    assert '"execution_id"' in shown[shown.index('"code":"VALIDATION_FAILED"') :]
