"""The API reference is what the contract says now."""

import subprocess
import sys

from examples import hosting


def test_the_api_reference_is_current() -> None:
    command = [sys.executable, "scripts/reference.py", "--check"]
    ran = subprocess.run(command, cwd=hosting.ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
