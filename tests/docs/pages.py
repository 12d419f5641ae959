"""The pages of the documentation, and the commands that stand on them."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

from examples import hosting
from tests.host.running import until

needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None, reason="the page's commands use curl, which is not here"
)
COMMANDS = Path(__file__).with_name("bin")


def text_of(page: str) -> str:
    return (hosting.ROOT / "docs" / page).read_text()


def blocks_of(page: str) -> list[str]:
    """What the page tells to type, piece by piece, without what it says is not run."""
    return [text for reason, text in every_block_of(text_of(page)) if not reason]


def every_block_of(page: str) -> list[tuple[str, str]]:
    """Each piece to type in the text of a page, with why it is not run, if it is not."""
    return re.findall(r"^(?:<!-- not run: ([^\n]+) -->\n)?```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def commands_of(page: str) -> str:
    """Everything on the page that is to be typed, as one script."""
    return "\n".join(blocks_of(page))


def typed(script: str, host: hosting.Host) -> str:
    """A page's commands as they are typed where ``host`` is the platform of this machine."""
    script = script.replace("http://127.0.0.1:7071", host.url)
    script = script.replace(".venv/bin/python", sys.executable).replace(".venv/bin/quantum", "quantum")
    return re.sub(r"\b(localhost|quantum) (token|client)\b", rf"\1 \2 --data {host.data}", script)


@cache
def served() -> str:
    """Where `quantum` is loaded for all that the tests of this process type."""
    folder = tempfile.TemporaryDirectory(prefix="quantum-")  # the system's own: addresses are short
    place = f"{folder.name}/quantum"
    command = [sys.executable, "-m", "tests.docs.served", "--serve", place]
    process = subprocess.Popen(command, cwd=hosting.ROOT, stdin=subprocess.DEVNULL)
    atexit.register(folder.cleanup)
    atexit.register(process.kill)
    until(Path(place).exists)
    return place


def environment(folder: Path, host: hosting.Host | None = None) -> dict[str, str]:
    """Of a person who has `quantum` in the path, and whose own files are in ``folder``."""
    own = {"QUANTUM_CONFIG": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    found = {"PYTHONPATH": str(hosting.ROOT), "QUANTUM_PYTHON": sys.executable, "QUANTUM_SERVED": served()}
    there = {"QUANTUM_URL": host.url} if host else {}
    return os.environ | own | found | there | {"PATH": f"{COMMANDS}:{os.environ['PATH']}"}


def run(
    script: str,
    host: hosting.Host,
    *,
    folder: Path = hosting.ROOT,
    files: Path | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run what a page says to type, against ``host``, in ``folder``; what fails raises.

    ``files`` is where the person's own files are: in the host's data, where nothing else is said.
    """
    return subprocess.run(
        ["sh", "-eu", "-c", typed(script, host)],
        cwd=folder,
        env=environment(files or host.data / "person", host),
        capture_output=True,
        text=True,
        timeout=180,  # a page may start thirty processes
        check=check,
    )
