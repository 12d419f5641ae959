"""The page on steering does what it says."""

import re
import shutil
import subprocess
import sys

import pytest

from examples import hosting
from tests.e2e.api import Api

PAGE = (hosting.ROOT / "docs" / "steering.md").read_text()
(COMMANDS,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
SAID = re.findall(r"field '.*' *# (.*)", COMMANDS)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands use curl, which is not here")
def test_the_commands_pause_resume_terminate_and_cancel_in_bulk(api: Api, host: hosting.Host) -> None:
    script = COMMANDS.replace("http://127.0.0.1:7071", host.url).replace(".venv/bin/python", sys.executable)
    script = script.replace("localhost token", f"localhost token --data {host.data}")
    ran = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=hosting.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert len(SAID) == 5
    places = [re.search(rf"{re.escape(said)}$", ran.stdout, re.MULTILINE) for said in SAID]
    assert None not in places, (SAID, ran.stdout + ran.stderr)
    # Two pages, for the first has no more than two; what was told to end does.
    assert ran.stdout.splitlines()[-1] == "cancelling", ran.stdout + ran.stderr
    runs = api.client.get("/executions", params={"intent": "move"}).json()["items"]
    assert len(runs) == 4
    for run in runs:
        list(api.events(run["execution_id"]))
        assert api.get(run["execution_id"])["status"] == "cancelled"
