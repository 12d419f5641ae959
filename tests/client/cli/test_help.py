"""Every command explains itself, with an example that is one, and quickly."""

import re
import shlex
import subprocess
import sys

import pytest
import typer

from examples import hosting
from quantum.cli.app import app
from quantum.cli.exits import Exit
from quantum.cli.reference import commands, page
from tests.client.cli.conftest import Command

ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", ALL)
def test_every_command_has_an_example_of_itself(words: str) -> None:
    command = ALL[words]
    assert command.help, words
    assert command.epilog.startswith("Example: "), words
    *_, example = [
        part for part in command.epilog.removeprefix("Example: ").split(" | ") if part.startswith(words)
    ]
    said = shlex.split(re.split(" && | > ", example)[0])
    parsed = command.make_context(words, said[len(words.split()) :], resilient_parsing=False, obj=None)
    assert parsed.info_name == words
    for parameter in command.params:
        assert parameter.name == "help" or parameter.help, (words, parameter.name)


def test_the_reference_is_current() -> None:
    written = (hosting.ROOT / "docs" / "cli-reference.md").read_text()
    assert written == page(), "run 'make reference'"


def test_the_page_names_every_exit_status() -> None:
    said = (hosting.ROOT / "docs" / "cli.md").read_text()
    for status in Exit:
        assert f"| {status.value} |" in said


def test_help_shows_the_example_and_all_commands(quantum: Command) -> None:
    assert "quantum execute deploy -p replicas=3 --watch" in " ".join(quantum.ok("execute", "--help").split())
    shown = quantum.ok("--help")
    for words in ALL:
        assert words.split()[1] in shown
    assert "130 interrupted" in " ".join(shown.split())


def test_nothing_of_the_client_is_loaded_for_help() -> None:
    script = "import sys\nfrom quantum.cli.app import app\n"
    script += "try: app(['execute', '--help'])\nexcept SystemExit: pass\n"
    script += "print(*sys.modules)"  # typer itself loads pydantic
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=hosting.ROOT, check=True, capture_output=True, text=True
    )
    loaded = set(ran.stdout.splitlines()[-1].split())
    assert "typer" in loaded
    assert loaded & {"httpx", "yaml", "msal", "quantum.client", "quantum.contract"} == set()


def test_a_wrong_word_is_a_mistake_of_the_command(quantum: Command) -> None:
    ran = quantum.forked("intents", "lsit")
    assert ran.returncode == Exit.USAGE
    assert "lsit" in ran.stderr


def test_completion_offers_commands(quantum: Command) -> None:
    ran = quantum.forked(
        _QUANTUM_COMPLETE="complete_bash", COMP_WORDS="quantum exec", COMP_CWORD="1", _TYPER_COMPLETE_ARGS=""
    )
    assert ran.stdout.split() == ["execute", "executions"], ran
