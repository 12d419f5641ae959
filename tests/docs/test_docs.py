"""The documentation does what it says: its intents run, its commands work, its links lead somewhere."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from examples import hosting
from tests.e2e.api import Api

DOCS = [hosting.ROOT / "README.md", hosting.ROOT / "CONTRIBUTING.md", *(hosting.ROOT / "docs").rglob("*.md")]
INTENTS = [
    text
    for page in ("intents.md", "limits.md", "retrying.md")
    for text in re.findall(r"```json\n(.*?)```", (hosting.ROOT / "docs" / page).read_text(), re.DOTALL)
]
BY_HAND = re.findall(r"```sh\n(.*?)```", (hosting.ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("text", INTENTS, ids=lambda text: json.loads(text)["name"])
def test_every_intent_of_the_documentation_can_be_created_and_completes(
    api: Api, host: hosting.Host, text: str
) -> None:
    response = api.client.post("/intents", json=json.loads(text))
    assert response.status_code == 201, response.text
    execution = api.execute(response.json()["id"])
    with Api(host, user="bob", role="approver") as approver:
        for event in api.events(execution):
            if event["type"] == "approval_requested":
                path = f"/executions/{execution}/steps/{event['step']}/approve"
                assert approver.client.post(path).status_code == 202
    assert event["type"] == "execution_completed", api.get(execution)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's commands use curl, which is not here")
def test_the_commands_of_the_readme_lead_to_a_completed_execution(host: hosting.Host) -> None:
    script = next(block for block in BY_HAND if "TOKEN=" in block)
    script = script.replace("http://127.0.0.1:7071", host.url)
    script = script.replace("localhost token", f"localhost token --data {host.data}")
    ran = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=hosting.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "event: execution_completed" in ran.stdout, ran.stdout + ran.stderr
    assert "hello, Ada" in ran.stdout


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(hosting.ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(hosting.ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    top = r"`((?:shared|functions|localhost|quantum|tests|examples|docs|scripts)/[\w./-]*\w)`"
    for name in re.findall(top, page.read_text()):
        assert (hosting.ROOT / name).exists(), name
