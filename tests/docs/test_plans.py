"""The page on plans does what it says."""

import re
import shutil
import subprocess
import sys

import pytest

from examples import hosting

COMMANDS = re.findall(r"```sh\n(.*?)```", (hosting.ROOT / "docs" / "plans.md").read_text(), re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands use curl, which is not here")
def test_the_commands_show_a_plan_and_execute_what_was_reviewed_and_nothing_else(host: hosting.Host) -> None:
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
    assert '"value":"hello, Ada"' in shown, shown
    assert '"unresolved":[{"pointer":"/condition","steps":["text"]}]' in shown
    assert '"order":[["text"],["check"]]' in shown
    assert '"blockers":[]' in shown
    assert shown.count('"code":"STALE"') == 1
    assert shown.count('"status":"pending"') == 1
    assert '"code":"UNKNOWN_UNTIL_RUN"' in shown
    assert '"undecided":{"steps":["name"],"outputs":["name"]}' in shown
    assert "Bearer abc" not in shown.partition("event: execution_started")[2]
