"""The page on the client does what it says."""

import asyncio
import contextlib
import io
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from examples import hosting
from tests.docs.pages import text_of

BLOCKS = re.findall(r"```python\n(.*?)```", text_of("sdk.md"), re.DOTALL)


def run(block: str, host: hosting.Host, names: dict[str, Any]) -> str:
    """What a block prints; what it imports and assigns is there for those behind it."""
    script = block.replace("http://127.0.0.1:7071", host.url)
    imports = "\n".join(line for line in script.splitlines() if line.startswith(("from ", "import ")))
    rest = "\n".join(line for line in script.splitlines() if not line.startswith(("from ", "import ")))
    exec(imports, names)  # noqa: S102  # the page is ours
    exec(f"async def main():\n{textwrap.indent(rest, '    ')}", names)  # noqa: S102  # as above
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        asyncio.run(names["main"]())
    return printed.getvalue()


def test_every_block_prints_what_it_says(
    host: hosting.Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    command = [sys.executable, "-m", "localhost", "client", "--data", str(host.data), "--tenant", "acme"]
    made = subprocess.run(
        [*command, "--user", "sdk-robot", "--role", "viewer"],
        cwd=hosting.ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    names = {"TOKEN": host.token(), "SECRET": made.stdout.strip()}
    assert len(BLOCKS) == 6
    for block in BLOCKS:
        printed = run(block, host, names)
        for said in re.findall(r"print\(.*\)  # (.*)", block):
            assert said in printed.splitlines(), (said, printed)
    assert "Step greet completed: " in run(BLOCKS[1], host, names)
