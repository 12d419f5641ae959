"""The pages of the documentation, and the commands that stand on them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from examples import hosting

needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None, reason="the page's commands use curl, which is not here"
)


def text_of(page: str) -> str:
    return (hosting.ROOT / "docs" / page).read_text()


def commands_of(page: str) -> str:
    """Everything on the page that is to be typed, as one script."""
    return "\n".join(re.findall(r"```sh\n(.*?)```", text_of(page), re.DOTALL))


def run(script: str, host: hosting.Host, *, folder: Path = hosting.ROOT) -> subprocess.CompletedProcess[str]:
    """Run what a page says to type, against ``host``, in ``folder``; what fails raises."""
    script = script.replace("http://127.0.0.1:7071", host.url)
    script = script.replace(".venv/bin/python", sys.executable)
    script = script.replace("localhost token", f"localhost token --data {host.data}")
    return subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(hosting.ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
