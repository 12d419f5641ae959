"""What ``azd`` runs before it provisions: the sealing key is made once."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.hosting import ROOT

HOOK: dict[str, Any] = yaml.safe_load((ROOT / "azure.yaml").read_text())["hooks"]["preprovision"]


def ran(folder: Path, **environment: str) -> str:
    """What the hook asks of ``azd`` when the environment's values are these."""
    azd = folder / "azd"
    azd.write_text('#!/bin/sh\necho "$@"\n')
    azd.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    shell, script = HOOK["posix"]["shell"], HOOK["posix"]["run"]
    return subprocess.run(
        [shell, "-eu", "-c", script],
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_an_environment_without_a_key_is_given_one_of_32_random_bytes(tmp_path: Path) -> None:
    first, second = ran(tmp_path), ran(tmp_path, QUANTUM_SEALING_KEY="")
    for asked in (first, second):
        assert re.fullmatch(r"env set QUANTUM_SEALING_KEY [0-9a-f]{64}\n", asked)
    assert first != second


@pytest.mark.parametrize("name", ["QUANTUM_SEALING_KEY", "AZURE_KEY_VAULT_NAME"])
def test_an_environment_with_a_key_or_with_the_vault_that_has_it_is_left_alone(
    tmp_path: Path, name: str
) -> None:
    assert ran(tmp_path, **{name: "there"}) == ""


def test_both_shells_go_by_the_same_values() -> None:
    used = [set(re.findall(r"\b(?:QUANTUM|AZURE)_\w+", HOOK[system]["run"])) for system in HOOK]
    assert used == [{"QUANTUM_SEALING_KEY", "AZURE_KEY_VAULT_NAME"}] * 2
