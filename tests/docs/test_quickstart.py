"""The quick start leads from a clone to a deployment that was watched and answers."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from examples import hosting
from tests.docs.pages import needs_curl, run, text_of

FIRST, *TYPED = re.findall(r"```sh\n(.*?)```", text_of("quickstart.md"), re.DOTALL)


@pytest.fixture
def made_up(tmp_path: Path) -> Iterator[hosting.Host]:
    """What the page's first command starts, on another port and with other data."""
    settings = dict(re.findall(r"(\w+)=(\S+)", FIRST))
    running = hosting.start(tmp_path / "data", log=tmp_path / "host.log", **settings)
    yield running
    running.stop()


def test_the_first_command_starts_the_host() -> None:
    assert FIRST.split()[-2:] == ["make", "up"]
    # As from a shell, also where `make test` runs this.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    told = subprocess.run(
        ["make", "--dry-run", "up"], cwd=hosting.ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines()[-1] == ".venv/bin/python -m localhost serve"


@needs_curl
def test_what_is_typed_leads_to_a_watched_deployment_that_answers(made_up: hosting.Host) -> None:
    ran = run("\n".join(TYPED), made_up)
    shown = ran.stdout
    assert '"principal":"ada@acme"' in shown, shown + ran.stderr
    assert '"order":[["build-docker-image-1"],["push-to-registry-2"],["deploy-to-kubernetes-3"]]' in shown
    assert shown.count("event: step_completed") == 3
    assert "event: execution_completed" in shown
    after = shown.partition("event: execution_completed")[2]
    assert '{"hello": "world", "version": "1"}' in after, after
    assert '"action":"execution.create","principal":"ada@acme"' in after
    assert '"verified":true' in after
    (console,) = re.findall(r"`http://127.0.0.1:7071(/console)`", text_of("quickstart.md"))
    assert httpx.get(f"{made_up.url}{console}").status_code == 200
