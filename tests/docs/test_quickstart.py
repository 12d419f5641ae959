"""The quick start leads from a clone to a deployment that was watched, in a terminal and in a browser."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from examples import hosting
from tests.client.cli.terminal import Terminal
from tests.console.browser import CHROMIUM, PATIENCE, Visitor, launched
from tests.docs.pages import blocks_of, environment, needs_curl, run, text_of, typed
from tests.host.running import until

PAGE = text_of("quickstart.md")
START, SIGN_IN, APPLY, EXECUTE, AUDIT, BY_HTTP = blocks_of("quickstart.md")
README = (hosting.ROOT / "README.md").read_text().partition("## Use it by hand")[2].partition("\n## ")[0]

APPLIED = """
export QUANTUM_TOKEN=$(quantum token --tenant acme --user ada --role admin)
quantum intents apply --yes -f examples/deploy-web-app.json
"""
"""What those have done already who come to the later chapters."""


class Started(hosting.Host):
    """What `make up` started, and what it said of how to sign in."""

    @property
    def said(self) -> str:
        return (self.data.parent / "host.log").read_text()

    @property
    def code(self) -> str:
        (code,) = re.findall(r"sign in +as ada, with the code (\S+)", self.said)
        return str(code)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """What the page's first command starts, on another port and with other data."""
    assert START == "make up\n"
    # As from a shell, also where `make test` runs this.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    told = subprocess.run(
        ["make", "--dry-run", "up"], cwd=hosting.ROOT, env=env, capture_output=True, text=True, check=True
    )
    command = told.stdout.splitlines()[-1].replace(".venv/bin/python", sys.executable)
    folder = tmp_path_factory.mktemp("made-up")
    ready, data = folder / "ready.json", folder / "data"
    command += f" --port 0 --data {data} --ready-file {ready}"
    with (folder / "host.log").open("w") as log:
        process = subprocess.Popen(["sh", "-c", command], cwd=hosting.ROOT, env=env, stdout=log, stderr=log)
    until(lambda: ready.exists() or process.poll() is not None)
    told_of = json.loads(ready.read_text())
    yield Started(told_of["url"], data, process)
    os.kill(told_of["pid"], signal.SIGTERM)
    process.wait(hosting.STOP_SECONDS)


def test_the_platform_says_where_it_is_and_what_to_sign_in_with(made_up: Started) -> None:
    said = made_up.said.replace(made_up.url, "http://127.0.0.1:7071")
    shown = re.findall(r"^```\n(  Quantum.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0]
    words = [line.split()[0] for line in shown.splitlines() if line]
    assert [line.split()[0] for line in said.splitlines() if line][: len(words)] == words
    assert f"as ada, with the code {made_up.code}" in said
    assert (made_up.data / "identity" / "sign-in-code").read_text().strip() == made_up.code


def test_what_the_readme_says_to_type_is_what_the_quick_start_says() -> None:
    told = "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)).splitlines()
    commands = {line.partition("  ")[0] for line in (START + SIGN_IN + APPLY + EXECUTE).splitlines()}
    assert set(told) <= commands
    assert "`http://127.0.0.1:7071/console`" in README


def test_what_is_typed_leads_to_a_watched_deployment_that_answers(made_up: Started, tmp_path: Path) -> None:
    browser, asked = tmp_path / "browser", tmp_path / "asked"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {asked}.new && mv {asked}.new {asked}\n')
    browser.chmod(0o755)
    # Not -u: the script that takes an environment in use is Python's own.
    script = typed(SIGN_IN + APPLY + EXECUTE + AUDIT, made_up)
    if not is_own(hosting.ROOT / ".venv" / "bin" / "quantum"):
        script = script.replace(". .venv/bin/activate", ":")
    terminal = Terminal(
        ["sh", "-e", "-c", script], environment(tmp_path, made_up) | {"BROWSER": str(browser)}
    )
    until(asked.exists)
    sign_in(asked.read_text(), user="ada", code=made_up.code)
    terminal.until("ada@acme")
    terminal.until(r"Change 1 intent\?")
    terminal.type("y\n")
    terminal.until("deploy-web-app-v1 created")
    terminal.until("completed after")
    terminal.until(r"answers at \S+\s")
    (address,) = re.findall(r"deploy-to-kubernetes-3 answers at (\S+)", terminal.text)
    assert httpx.get(address).json() == {"hello": "world", "version": "1"}
    assert terminal.end() == 0, terminal.text
    assert "execution.create" not in terminal.text.partition("answers at")[0]
    assert "intent.create" in terminal.text


def is_own(command: Path) -> bool:
    """Whether the command is this clone's: several that are worked on at once may share the packages."""
    return command.exists() and f'PYTHONPATH="{hosting.ROOT}"' in command.read_text()


def sign_in(address: str, *, user: str, code: str) -> None:
    """As a browser does for a person: fill in the form, and send on the one that comes back."""
    typed_in = {"user": user, "code": code}
    with httpx.Client() as client:
        page = client.get(address).raise_for_status()
        while form := re.search(r'<form method="post" action="([^"]+)">(.*?)</form>', page.text):
            hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form[2]))
            there = page.url.join(unescape(form[1]))
            page = client.post(
                there, data={name: unescape(value) for name, value in hidden.items()} | typed_in
            )
            page.raise_for_status()
            typed_in = {}


@needs_curl
def test_the_same_is_done_by_plain_http(made_up: Started) -> None:
    shown = run(APPLIED + BY_HTTP, made_up).stdout
    assert '"principal":"ada@acme"' in shown
    assert shown.count("event: step_completed") == 3
    assert "event: execution_completed" in shown


def test_the_console_shows_a_deployment_as_it_happens(made_up: Started) -> None:
    if CHROMIUM is None:
        pytest.skip("there is no chromium here: apt-get install chromium-headless-shell, or chromium")
    run(APPLIED, made_up)
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        chromium = launched(playwright)
        ada = Visitor(chromium, made_up)
        (address,) = re.findall(r"console +(\S+)", made_up.said)
        page = ada.page
        page.goto(address)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("User").fill("ada")
        page.get_by_label("Sign-in code").fill(made_up.code)
        ada.shot("newcomer-signs-in")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Intents", exact=True).click()
        page.get_by_role("link", name="deploy-web-app").click()
        page.get_by_role("button", name="Execute", exact=True).click()
        page.wait_for_url("**/console#/executions/*")
        events = page.get_by_role("log", name="Events")
        expect(events).to_contain_text("execution completed")
        last = page.get_by_role("list", name="Steps").get_by_role("button", name="deploy-to-kubernetes-3")
        expect(last).to_contain_text("completed")
        expect(page.locator(".page-head .status")).to_have_text("completed")
        last.click()
        outputs = page.get_by_role("region", name="Outputs of deploy-to-kubernetes-3")
        expect(outputs).to_contain_text('"replicas": 3')
        ada.shot("newcomer-watched")
        assert ada.said == []
        answers = page.get_by_role("status").filter(has_text="It answers").get_by_role("link")
        where = answers.get_attribute("href") or ""
        assert f'"address": "{where}"' in outputs.inner_text()
        page.goto(where)
        expect(page.locator("body")).to_contain_text('{"hello": "world", "version": "1"}')
        chromium.close()
