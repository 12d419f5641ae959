"""The page on limits does what it says."""

import re
import shutil
import subprocess
import sys

import pytest

from examples import hosting

COMMANDS = re.findall(r"```sh\n(.*?)```", (hosting.ROOT / "docs" / "limits.md").read_text(), re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands use curl, which is not here")
def test_the_commands_show_who_waits_at_which_place_and_who_is_next(host: hosting.Host) -> None:
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
    places = re.findall(r"(?<=\})\d$", shown, re.MULTILINE)
    assert places == ["2", "1"], shown + ran.stderr
    assert re.search(r"1\.\d+\n1\n1\.\d+$", shown, re.MULTILINE), shown
    assert re.search(r"(running|waiting)$", shown, re.MULTILINE), shown
    assert '"max_concurrent_executions":20' in shown
