"""The page on versions does what it says."""

import re
import shutil
import subprocess
import sys

import pytest

from examples import hosting

PAGE = (hosting.ROOT / "docs" / "versions.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
WORDS = re.findall(r"```\n(step .*?)\n```", PAGE, re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands use curl, which is not here")
def test_the_commands_lead_through_the_life_of_an_intent(host: hosting.Host) -> None:
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
    for made in ("shop-v1", "shop-v2", "shop-v3"):
        assert f'"id":"{made}"' in shown, shown
    for words in WORDS[0].split("\n"):
        assert words.replace('"', '\\"') in shown
    assert "HTTP/1.1 202" in shown
    assert 'link: </api/v1/intents/market>; rel="successor-version"' in shown.lower()
    assert '"status":"active"' in shown.rsplit("shop-v3", 1)[1]
    assert '"code":' not in shown
