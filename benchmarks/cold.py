"""C1: what a cold start costs: the app imported and indexed by Microsoft's worker library, in a new process.

Next to it stands the same for an app with one function and nothing of ours: what the libraries that any such
app needs cost. All have their bytecode compiled, and take turns, so that the machine's moods meet them alike.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.report import line, spread
from examples.hosting import ROOT
from tests.worker.settings import BARE, IN_AZURE, on_one_machine


def starts(count: int, folder: Path) -> None:
    apps: Mapping[str, tuple[Path, Mapping[str, str]]] = {
        "bare": (BARE, {}),
        "azure": (ROOT, IN_AZURE),
        "localhost": (ROOT, on_one_machine(folder / "data")),
    }
    bytecode = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in apps}
    for turn in range(count + 1):
        for name, (app, settings) in apps.items():
            took = start(app, {**settings, **bytecode})
            if turn:  # the first compiles
                taken[name].append(took)
    for name, samples in taken.items():
        report(name, samples, taken["bare"])


def start(app: Path, settings: Mapping[str, str]) -> dict[str, float]:
    began = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-m", "tests.worker.load", str(app)],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        check=True,
    )
    wall = time.perf_counter() - began
    answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    if not answer["functions"]:
        raise RuntimeError(f"the app does not load: {answer['exception']}")
    return {
        "cpu": answer["cpu_seconds"],
        "wall": wall,
        "peak": answer["peak_bytes"],
    }


def report(name: str, samples: list[dict[str, float]], bare: list[dict[str, float]]) -> None:
    def of(key: str) -> list[float]:
        return [sample[key] for sample in samples]

    line(
        "C1",
        f"cold start, {name}: CPU to import and index, ms",
        starts=len(samples),
        **spread(of("cpu"), scale=1e3),
        times_bare=round(statistics.median(of("cpu")) / statistics.median(one["cpu"] for one in bare), 2),
        wall_ms=round(statistics.median(of("wall")) * 1e3),
        peak_mb=round(statistics.median(of("peak")) / 1e6, 1),
    )
