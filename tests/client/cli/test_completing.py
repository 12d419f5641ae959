"""What Tab offers: names that the platform has, quickly, or nothing."""

from pathlib import Path

import pytest

from tests.client.cli.conftest import Command
from tests.client.cli.test_story import said, written
from tests.host.running import until


def offered(quantum: Command, line: str, **environment: str) -> list[str]:
    """As bash asks for it; what is typed last is what is to be completed."""
    asking = {"_QUANTUM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    ran = Command({**quantum.environment, **asking, **environment}).forked()
    assert ran.stderr == ""
    return ran.stdout.split()


def named(quantum: Command, line: str) -> list[str]:
    """What is offered: after two seconds nothing is, and who has so busy a machine presses Tab again."""
    return until(lambda: offered(quantum, line))


def test_names_are_those_of_the_platform(quantum: Command, tmp_path: Path) -> None:
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "tab-one", said(1))))
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "tab-two", said(2))))
    execution = quantum.ok("execute", "tab-one", "--watch").split("✓ ")[1].split()[0]
    assert named(quantum, "quantum intents get tab-") == ["tab-one", "tab-two"]
    assert named(quantum, "quantum execute tab-t") == ["tab-two"]
    assert execution in named(quantum, "quantum executions get ")
    assert named(quantum, f"quantum executions step {execution} ") == ["say"]
    assert "ada" in named(quantum, "quantum members get ")
    assert "http" in named(quantum, "quantum modules get ht")
    assert named(quantum, "quantum tenant use ac") == ["acme"]
    assert named(quantum, "quantum intents init sign") == ["sign-off"]
    assert offered(quantum, "quantum profile use ") == []


@pytest.mark.parametrize(
    "environment",
    [
        {"QUANTUM_URL": "http://127.0.0.1:9"},
        {"QUANTUM_URL": "http://quantum.example.com"},
        {"QUANTUM_TOKEN": "nonsense"},
        {"QUANTUM_TOKEN": ""},
        {"QUANTUM_PROFILE": "no-such"},
    ],
)
def test_where_it_cannot_be_asked_nothing_is_offered_and_nothing_said(
    quantum: Command, environment: dict[str, str]
) -> None:
    assert offered(quantum, "quantum intents get ", **environment) == []
