"""``make audit``: what it makes of pip-audit's answers, of none, and of those that say nothing."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from examples.hosting import ROOT

SOUND = {"name": "orjson", "version": "3.13.0", "vulns": []}
SKIPPED = {"name": "attrs", "skip_reason": "Dependency not found and could not be audited: attrs (26.1.0)"}
BROKEN = {
    "name": "jinja2",
    "version": "2.10",
    "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}],
}
UNREACHED = "requests.exceptions.ProxyError: HTTPSConnectionPool(host='index.example', port=443): no route"


def audited(folder: Path, *options: str, says: str = "", **report: Any) -> subprocess.CompletedProcess[str]:
    """The command over a pip-audit that reports that, or only says something before it fails."""
    tool = folder / "tool.py"
    tool.write_text(
        "import pathlib, sys\n"
        "given = sys.argv[1:]\n"
        "assert pathlib.Path(given[given.index('--requirement') + 1]).exists()\n"
        f"report, says = {json.dumps(report)!r}, {says!r}\n"
        "report != '{}' and pathlib.Path(given[given.index('--output') + 1]).write_text(report)\n"
        "sys.exit(says or None)\n"
    )
    run = [sys.executable, "scripts/audit.py", *options, sys.executable, str(tool)]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("packages", "status", "strict", "said"),
    [
        ([SOUND], 0, 0, "nothing is known against 1 packages"),
        ([SOUND, BROKEN], 1, 1, "audit: jinja2 2.10: PYSEC-2019-217, mended in 2.10.1"),
        ([SKIPPED, BROKEN], 1, 1, "audit: jinja2 2.10: PYSEC-2019-217, mended in 2.10.1"),
        (
            [SOUND, SKIPPED],
            0,
            2,
            "NOT DONE: this index says nothing of the vulnerabilities of 1 of 2",
        ),
    ],
    ids=["sound", "vulnerable", "vulnerable and unknown", "unknown"],
)
def test_what_is_known_is_told_and_what_is_not_known_never_passes_for_sound(
    tmp_path: Path, packages: list[dict[str, Any]], status: int, strict: int, said: str
) -> None:
    ran = audited(tmp_path, dependencies=packages)
    assert (ran.returncode, ran.stderr) == (status, "")
    assert said in ran.stdout
    assert audited(tmp_path, "--strict", dependencies=packages).returncode == strict


def test_without_a_network_it_says_so_and_fails_only_where_it_must_know(tmp_path: Path) -> None:
    ran = audited(tmp_path, says=f"Traceback (most recent call last):\n{UNREACHED}")
    assert (ran.returncode, ran.stdout) == (
        0,
        "audit: NOT DONE: the list of vulnerabilities cannot be reached from here\n",
    )
    assert audited(tmp_path, "--strict", says=UNREACHED).returncode == 2


def test_whatever_else_goes_wrong_is_no_verdict(tmp_path: Path) -> None:
    ran = audited(tmp_path, says="ERROR: invalid requirement on line 7")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "pip-audit failed: ERROR: invalid requirement on line 7" in ran.stderr


def test_what_is_audited_has_all_that_is_deployed() -> None:
    deployed, audited_ = [
        set((ROOT / name).read_text().splitlines()) for name in ("requirements.txt", "requirements-dev.txt")
    ]
    assert deployed <= audited_
