"""What people install: the client with its types, and nothing of the server."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from examples import hosting


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", build, str(folder)],
        cwd=hosting.ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return folder / str(made.stdout.split()[-1])


def test_the_wheel_has_the_client_its_types_and_nothing_of_the_server(built: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(built) as wheel:
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


def test_the_command_runs_with_nothing_but_what_pip_installs_for_it(built: Path, tmp_path: Path) -> None:
    folder = tmp_path / "venv"
    venv.create(folder)
    binaries = folder / ("Scripts" if sys.platform == "win32" else "bin")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    pip = (sys.executable, "-m", "pip", "--python", str(folder))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=tmp_path,
            env=environment | {"QUANTUM_CONFIG": str(tmp_path), "QUANTUM_URL": "http://127.0.0.1:9"},
            check=False,
            capture_output=True,
            text=True,
        )

    installed = run(*pip, "install", "--quiet", "--no-compile", f"{built}[cli]")
    if any(
        said in installed.stderr for said in ("No matching distribution", "No route", "Failed to establish")
    ):
        pytest.skip("pip finds no index here to install what the command needs from")
    assert installed.returncode == 0, installed.stderr
    quantum = str(binaries / "quantum")
    assert "Say what should happen" in run(quantum, "--help").stdout
    assert run(quantum, "--version").stdout.startswith("quantum  0.1.0\nplatform unknown")
    assert "sign-off" in run(quantum, "intents", "init").stdout
    whoami = run(quantum, "whoami")
    assert (whoami.returncode, "does not answer" in whoami.stderr) == (1, True), whoami
    there = {line.split("==")[0].lower() for line in run(*pip, "freeze").stdout.splitlines()}
    assert {"httpx", "msal", "typer", "rich"} <= there
    assert {
        name for name in there if name.startswith(("azure", "fastapi", "durabletask", "uvicorn"))
    } == set()


def test_the_client_loads_neither_msal_nor_the_server() -> None:
    script = "import quantum.client, quantum.client.sign_in, sys; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=hosting.ROOT
    )
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert loaded & {"msal", "requests", "azure", "shared", "functions", "localhost"} == set()
