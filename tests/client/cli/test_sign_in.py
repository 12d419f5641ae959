"""Signing in and out at a real local host, and what is remembered of it."""

import re
import stat
import sys
from pathlib import Path

import httpx
import pytest

from examples import hosting
from localhost.identity.issuer import sign_in_code
from quantum.cli import profiles
from quantum.cli.exits import Exit
from quantum.cli.profiles import Profile, Profiles
from tests.client.cli.conftest import Command
from tests.client.cli.terminal import Terminal


@pytest.fixture
def person(quantum: Command) -> Command:
    """Somebody with no token in hand."""
    kept = {key: quantum.environment[key] for key in ("QUANTUM_CONFIG", "XDG_STATE_HOME")}
    return Command(kept | {"QUANTUM_URL": "", "QUANTUM_TOKEN": "", "QUANTUM_TENANT": ""})


def test_a_person_signs_in_by_a_code_and_out_again(person: Command, host: hosting.Host) -> None:
    before = person("whoami", QUANTUM_URL=host.url)
    assert (before.exit_code, "quantum login" in before.stderr) == (Exit.AUTHENTICATION, True)

    words = [sys.executable, "-m", "quantum.cli", "login", host.url, "--as", "here", "--device"]
    terminal = Terminal(words, person.environment)
    terminal.until(r"type the code \S+\s")
    (address,) = re.findall(r"Open (\S+)", terminal.text)
    (code,) = re.findall(r"type the code (\S+)", terminal.text)
    form = {"user": "ada", "code": sign_in_code(host.data), "user_code": code}
    assert httpx.post(address, data=form).status_code == 200
    assert terminal.end() == 0, terminal.text
    assert f"Signed in to {host.url} as ada@acme" in terminal.text

    assert "ada@acme" in person.ok("whoami")
    assert person.ok("tenant", "list", "-o", "ids") == "acme\n"
    assert person("tenant", "use", "globex").exit_code == Exit.NOT_FOUND
    person.ok("tenant", "use", "acme")
    assert person.ok("profile", "list").splitlines()[1].split() == ["here", host.url, "acme", "yes"]
    assert person.ok("logout") == "Signed out\n"
    assert person("whoami").exit_code == Exit.AUTHENTICATION
    assert person.ok("logout") == "Nobody was signed in\n"


def test_profiles_are_chosen_and_forgotten(person: Command, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    one, two = Profile("https://one.example.com", "acme"), Profile("https://two.example.com")
    profiles.save(folder, Profiles().put("one", one, use=True).put("two", two))
    assert profiles.load(folder) == Profiles("one", {"one": one, "two": two})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "two.example.com" in person.ok("profile", "use", "two")
    assert profiles.load(folder).current == "two"
    assert person("profile", "use", "three").exit_code == Exit.NOT_FOUND
    assert person("--profile", "three", "profile", "list").exit_code == Exit.USAGE
    person.ok("profile", "delete", "two")
    assert person.ok("profile", "list", "-o", "ids") == "one\n"
    (folder / "profiles.json").write_text("{")
    ran = person("profile", "list")
    assert (ran.exit_code, "is damaged" in ran.stderr) == (Exit.USAGE, True)


def test_who_signs_in_elsewhere_has_to_be_said(person: Command) -> None:
    ran = person("login", "https://quantum.example.com")
    assert (ran.exit_code, "--authority" in ran.stderr) == (Exit.USAGE, True)
