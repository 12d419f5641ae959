"""Compares what is locked with what is known to be vulnerable: ``make audit``, by pip-audit.

Where the list of vulnerabilities cannot be had (no network, or an index that has none), nothing is known, and
it says that and nothing else: 0, or with ``--strict`` 2. What is found is 1, and what goes wrong here 2.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
LOCK: Final = ROOT / "requirements-dev.txt"
"""It has all of ``requirements.txt``, too (``scripts/lock``)."""
SOUND, VULNERABLE, UNUSABLE = 0, 1, 2
SECONDS: Final = 120
"""After which the list counts as one that cannot be had."""
_AWAY: Final = ("requests.exceptions.", "urllib3.exceptions.", "ConnectionError", "ServiceError", "timed out")


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    unknown = UNUSABLE if asked.strict else SOUND
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "10"]
        output = ["--format", "json", "--output", str(report), "--requirement", str(LOCK)]
        try:
            command = [*asked.tool, *options, *output]
            ran = subprocess.run(  # noqa: S603 - the command is this file's, or a test's
                command, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            print(f"audit: NOT DONE: the list of vulnerabilities was not there within {SECONDS} s")
            return unknown
        if not report.exists():
            return _failed(ran.stderr, unknown)
        return _judged(json.loads(report.read_text())["dependencies"], unknown)


def _failed(said: str, unknown: int) -> int:
    last = (said.strip().splitlines() or ["it said nothing"])[-1]
    if any(sign in last for sign in _AWAY):
        print("audit: NOT DONE: the list of vulnerabilities cannot be reached from here")
        return unknown
    print(f"audit: pip-audit failed: {last}", file=sys.stderr)
    return UNUSABLE


def _judged(packages: Sequence[dict[str, Any]], unknown: int) -> int:
    known = {(one["name"], one["version"]): one["vulns"] for one in packages if "vulns" in one}
    skipped = sorted({one["name"] for one in packages if "vulns" not in one})
    for (name, version), found in sorted(known.items()):
        for one in found:
            mended = ", ".join(one["fix_versions"]) or "no version yet"
            print(f"audit: {name} {version}: {one['id']}, mended in {mended}")
    if any(known.values()):
        return VULNERABLE
    if skipped:
        told = f"{len(skipped)} of {len(known) + len(skipped)} packages ({', '.join(skipped[:3])}, …)"
        print(f"audit: NOT DONE: this index says nothing of the vulnerabilities of {told}")
        return unknown
    print(f"audit: nothing is known against {len(known)} packages")
    return SOUND


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__.partition("\n")[0])
    parser.add_argument("--strict", action="store_true", help="fail if it cannot be found out")
    parser.add_argument(
        "tool", nargs="*", default=[sys.executable, "-m", "pip_audit"], help="the command of pip-audit"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
