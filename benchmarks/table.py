"""The lines of a run as the table of docs/performance.md: ``make bench | python -m benchmarks.table``."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from benchmarks.bars import BARS

KEPT: Final = (
    *("per_second", "megabytes", "ratio", "rate", "kilobytes", "cpu_seconds", "seconds_to_all_done"),
    *("lost", "steps_recorded_twice", "steps_missing", "missing"),
)
"""What is told of a line that has no spread."""


def main() -> int:
    lines = [json.loads(line) for line in sys.stdin if line.startswith("{")]
    for line in table(lines, date=datetime.now(UTC).date().isoformat()):
        print(line)
    return 0 if lines else 1


def table(lines: Iterable[dict[str, Any]], *, date: str) -> Iterator[str]:
    """The table, with the day and the machine in front; of the many searches, the slowest."""
    told = list(lines)
    for machine in {json.dumps(line["machine"], sort_keys=True): line["machine"] for line in told}.values():
        yield f"{date}, {machine['cores']} cores of {machine['cpu']}, Python {machine['python']}:"
    yield ""
    yield "| Workload | What | Median | 99 of 100 | Aim | Best of others |"
    yield "|---|---|---|---|---|---|"
    for line in _worth_telling(told):
        bar = line.get("bar", {})
        aim = f"{bar['aim']:g}{'' if bar['met'] else ' (missed)'}" if bar else ""
        cells = [line["workload"], line["what"], *_figures(line), aim, _best(line)]
        yield f"| {' | '.join(cells)} |"


def _worth_telling(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    searches = [line for line in lines if line["workload"] == "S1"]
    slowest = max(searches, key=lambda line: float(line["median"]), default=None)
    for line in lines:
        if line["workload"] != "S1":
            yield line
        elif line is slowest:
            yield line | {"what": f"the slowest of {len(searches)} searches: {line['what']}"}


def _figures(line: dict[str, Any]) -> tuple[str, str]:
    if "requests_per_second" in line:
        return f"{_short(line['requests_per_second'])}/s, {_short(line['median'])}", _short(line["p99"])
    if "median" in line:
        return _short(line["median"]), _short(line["p99"])
    return ", ".join(f"{name.replace('_', ' ')} {_short(line[name])}" for name in KEPT if name in line), ""


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def _best(line: dict[str, Any]) -> str:
    others: dict[str, float] = line.get("bar", {}).get("others", {})
    if not others:
        return ""
    lower = BARS[line["workload"]].lower if line["workload"] in BARS else True
    name = (min if lower else max)(others, key=lambda other: others[other])
    return f"{others[name]:g} ({name})"


if __name__ == "__main__":
    sys.exit(main())
