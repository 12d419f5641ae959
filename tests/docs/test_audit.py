"""The page on the audit trail does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from examples import hosting

COMMANDS = re.findall(r"```sh\n(.*?)```", (hosting.ROOT / "docs" / "audit.md").read_text(), re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands use curl, which is not here")
def test_the_commands_lead_to_exports_that_are_whole(host: hosting.Host, tmp_path: Path) -> None:
    script = "\n".join(COMMANDS).replace("http://127.0.0.1:7071", host.url)
    script = script.replace(".venv/bin/python", sys.executable)
    script = script.replace("localhost token", f"localhost token --data {host.data}")
    ran = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(hosting.ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert '"action":"intent.create"' in ran.stdout
    assert '"verified":true' in ran.stdout
    assert ran.stdout.count("\nOK: ") + ran.stdout.count("}OK: ") == 2, ran.stdout
