"""What people install: the client with its types, and nothing of the server."""

import subprocess
import sys
import zipfile
from pathlib import Path

from examples import hosting


def test_the_wheel_has_the_client_its_types_and_nothing_of_the_server(tmp_path: Path) -> None:
    build = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=hosting.ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    with zipfile.ZipFile(tmp_path / made.stdout.split()[-1]) as wheel:
        names = set(wheel.namelist())
        wheel.extractall(tmp_path / "site")
    assert {
        "quantum/py.typed",
        "quantum/cli/blueprints/sign-off.yaml",
        "quantum/client/client.py",
        "quantum/contract/intents.py",
    } <= names
    assert {name.partition("/")[0] for name in names} == {"quantum", "quantum_platform-0.1.0.dist-info"}
    # From what was unpacked alone, in a folder that is none of this repository's.
    script = "import quantum.client; print(quantum.client.__file__)"
    ran = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.startswith(str(tmp_path))


def test_the_client_loads_neither_msal_nor_the_server() -> None:
    script = "import quantum.client, quantum.client.sign_in, sys; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=hosting.ROOT
    )
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert loaded & {"msal", "requests", "azure", "shared", "functions", "localhost"} == set()
